"""What the lake holds: per feed, per day, with gaps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from jobs.settings import Settings, Window
from jobs.storage import UNDATED, Lake


@dataclass(frozen=True)
class FeedStatus:
    """What the lake holds of one feed.

    `days` maps each published day to (posts, quarantined). `gaps` are days without any item between the first and
    last, those held back left out. `last_fetch` is (day, status, message) of the newest line on the coverage ledger,
    None without one.
    """

    feed: str
    days: dict[str, tuple[int, int]]
    gaps: list[str]
    held: list[str]
    undated: tuple[int, int]
    last_fetch: tuple[date, str, str | None] | None

    @property
    def posts(self) -> int:
        """Posts of all days, undated ones too."""
        return sum(posts for posts, _ in self.days.values()) + self.undated[0]

    @property
    def quarantined(self) -> int:
        """Quarantined items of all days, undated ones too."""
        return sum(broken for _, broken in self.days.values()) + self.undated[1]


def status(settings: Settings) -> list[FeedStatus]:
    """The state of every feed that is in the settings or in the lake, by name."""
    lake = Lake(settings.lake)
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for place, dataset in enumerate(("posts", "quarantine")):
        for partition, paths in lake.partitions(dataset).items():
            counts[str(partition.feed)][partition.day][place] += sum(lake.rows(path) for path in paths)
    fetches = _last_fetches(lake)
    names = sorted({*(feed.name for feed in settings.feeds), *counts, *fetches})
    return [_of_feed(name, counts[name], lake.held(), fetches.get(name)) for name in names]


def _of_feed(
    feed: str, counts: dict[str, list[int]], held: list[str], last_fetch: tuple[date, str, str | None] | None
) -> FeedStatus:
    days = {day: (posts, broken) for day, (posts, broken) in sorted(counts.items()) if day != UNDATED}
    seen = [day for day, numbers in days.items() if any(numbers)]
    span = Window(start=date.fromisoformat(seen[0]), end=date.fromisoformat(seen[-1])).days if seen else []
    posts, broken = counts.get(UNDATED, (0, 0))
    return FeedStatus(feed, days, sorted(set(span) - set(seen) - set(held)), held, (posts, broken), last_fetch)


def _last_fetches(lake: Lake) -> dict[str, tuple[date, str, str | None]]:
    with lake.query() as query:
        query.view("coverage", "coverage", lake.files("coverage"))
        rows = query.rows("""
            SELECT feed, fetched_date, status, message FROM coverage
            QUALIFY row_number() OVER (PARTITION BY feed ORDER BY fetched_at DESC, window_end DESC) = 1
        """)
    return {row["feed"]: (row["fetched_date"], row["status"], row["message"]) for row in rows}
