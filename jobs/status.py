"""What the lake holds, per feed and per day, with gaps, and what the newest commits did to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from jobs.coverage import looked_for
from jobs.lake.commits import Commit
from jobs.lake.query import View, sql_until
from jobs.lake.table import TABLES, UNDATED, Lake
from jobs.revisions import view_current
from jobs.settings import Settings, Window
from jobs.versions import INDEX


@dataclass(frozen=True)
class FeedStatus:
    """What the lake holds of one feed.

    `days` maps each published day to (posts, quarantined); `deleted` are the items, of any day, that their source shows
    as deleted. `gaps` are days without any item between the first and last that were looked for, those held back left
    out; `unlooked` are those that never were. `undated` is (posts, quarantined) too; it and `deleted` are None as of a
    former moment, of which they are not known. `last_fetch` is (day, status, message) of the newest line on the
    coverage ledger and `first_fetch` the day of the oldest, None without one.
    """

    feed: str
    days: dict[str, tuple[int, int]]
    gaps: list[str]
    unlooked: list[str]
    held: list[str]
    undated: tuple[int, int] | None
    deleted: int | None
    last_fetch: tuple[date, str, str | None] | None
    first_fetch: date | None

    @property
    def posts(self) -> int:
        """Posts of all days, undated ones too."""
        return sum(posts for posts, _ in self.days.values()) + (self.undated or (0, 0))[0]

    @property
    def quarantined(self) -> int:
        """Quarantined items of all days, undated ones too."""
        return sum(broken for _, broken in self.days.values()) + (self.undated or (0, 0))[1]


def status(settings: Settings, as_of: datetime | None = None) -> list[FeedStatus]:
    """The state of every feed that is in the settings or in the lake, by name.

    With `as_of`, which has a zone, as daily_polarity and the coverage ledger had it recorded by then.
    """
    view = View(Lake(settings.lake))
    counts, held = (_stored(view), view.held()) if as_of is None else (_recorded(view, as_of), [])
    fetches = _fetches(view, as_of)
    names = sorted({*(feed.name for feed in settings.feeds), *counts, *fetches})
    empty = {name: _empty_days(counts[name], held) for name in names}
    looked = looked_for(view, {day for days in empty.values() for day in days}, as_of)
    return [
        FeedStatus(
            feed=name,
            days={
                day: (posts, broken)
                for day, (posts, broken, _) in sorted(counts[name].items())
                if day != UNDATED and posts + broken
            },
            gaps=[day for day in empty[name] if name in looked[day]],
            unlooked=[day for day in empty[name] if name not in looked[day]],
            held=held,
            undated=(counts[name][UNDATED][0], counts[name][UNDATED][1]) if as_of is None else None,
            deleted=sum(deleted for _, _, deleted in counts[name].values()) if as_of is None else None,
            last_fetch=fetches[name][1] if name in fetches else None,
            first_fetch=fetches[name][0] if name in fetches else None,
        )
        for name in names
    ]


def newest_commits(settings: Settings, count: int) -> list[Commit]:
    """The `count` newest commits of steps, newest first; the index is left out, which follows raw_posts."""
    lake = Lake(settings.lake)
    found = [commit for name in TABLES if name != INDEX for commit in lake.history(name, count) if commit.step]
    return sorted(found, key=lambda commit: (commit.moment, TABLES.index(commit.table)), reverse=True)[:count]


Counts = dict[str, dict[str, list[int]]]
"""Posts, quarantined and deleted items by feed and day; none where there is no entry."""


def _stored(view: View) -> Counts:
    counts = _no_counts()
    for place, dataset in enumerate(("posts", "quarantine", "deletions")):
        for file in view.files(dataset):
            counts[str(file.feed)][file.day][place] += file.rows
    return counts


def _recorded(view: View, as_of: datetime) -> Counts:
    counts = _no_counts()
    with view.query() as query:
        view_current(query, view, None, as_of)
        rows = query.rows("""
            SELECT feed, published_date, sum(posts)::BIGINT AS posts, sum(quarantined)::BIGINT AS broken
            FROM daily_polarity WHERE brand = 'all' AND counted
            GROUP BY ALL HAVING posts + broken > 0
        """)
    for row in rows:
        counts[row["feed"]][row["published_date"].isoformat()] = [row["posts"], row["broken"], 0]
    return counts


def _no_counts() -> Counts:
    return defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))


def _empty_days(counts: dict[str, list[int]], held: list[str]) -> list[str]:
    """Days without any item between the first and last with some, those held back left out."""
    seen = {day for day, numbers in counts.items() if any(numbers)} - {UNDATED}
    span = Window(start=date.fromisoformat(min(seen)), end=date.fromisoformat(max(seen))).days if seen else []
    return sorted(set(span) - seen - set(held))


def _fetches(view: View, as_of: datetime | None) -> dict[str, tuple[date, tuple[date, str, str | None]]]:
    """The day of the first fetch and what the ledger says of the last one, by feed."""
    with view.query() as query:
        query.read("coverage")
        rows = query.rows(f"""
            SELECT feed, fetched_date, status, message, min(fetched_date) OVER (PARTITION BY feed) AS first
            FROM coverage WHERE {sql_until("fetched_at", as_of)}
            QUALIFY row_number() OVER (PARTITION BY feed ORDER BY fetched_at DESC, window_end DESC) = 1
        """)
    return {row["feed"]: (row["first"], (row["fetched_date"], row["status"], row["message"])) for row in rows}
