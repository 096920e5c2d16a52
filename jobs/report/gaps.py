"""Days that no fetch of a feed saw whole, and those with suspiciously few items, by the coverage ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jobs.coverage import SEEN
from jobs.lake.query import Query, sql_until
from jobs.settings import Window


@dataclass(frozen=True)
class Gap:
    """Days of one feed that could not be seen, or not whole, and why."""

    feed: str
    start: date
    end: date
    status: str
    message: str | None

    @property
    def days(self) -> list[date]:
        """Every day of the run, in order."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Few:
    """A day on which a feed answered whole with fewer items than are `usual` on that weekday, by far."""

    feed: str
    day: date
    items: int
    usual: float


def read_coverage(query: Query, as_of: datetime | None = None) -> None:
    """Make the table `coverage` of all lines of the ledger, of those written by `as_of` where given."""
    query.keep("coverage")
    if as_of:
        query.connection.execute(f"DELETE FROM coverage WHERE NOT ({sql_until('fetched_at', as_of)})")


def coverage_gaps(query: Query, window: Window) -> tuple[Gap, ...]:
    """Runs of days of `window` that no fetch of a feed saw whole, with the outcome of the newest fetch, after
    `read_coverage`.

    A fetch of a day that was not over yet takes the place of those before it, and cannot have seen it whole.
    """
    rows = query.table(
        "SELECT feed, window_start, window_end, fetched_date, status, message FROM coverage "
        f"WHERE window_end >= DATE '{window.start}' AND window_start <= DATE '{window.end}' "
        "ORDER BY feed, fetched_at, status"
    ).to_pylist()
    last: dict[tuple[str, date], tuple[str, str | None]] = {}
    seen: set[tuple[str, date]] = set()
    for row in rows:
        start, end = max(row["window_start"], window.start), min(row["window_end"], window.end)
        for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
            if row["status"] in SEEN and row["fetched_date"] > day:
                seen.add((row["feed"], day))
            elif row["status"] in SEEN:
                last.pop((row["feed"], day), None)
            else:
                last[row["feed"], day] = (row["status"], row["message"])
    return tuple(_runs({place: why for place, why in sorted(last.items()) if place not in seen}))


def scarce(query: Query, window: Window) -> tuple[Few, ...]:
    """Days of `window` with suspiciously few items, by the newest fetch that was asked for each, after
    `read_coverage`."""
    rows = query.rows(f"""
        SELECT feed, window_start, window_end, detail FROM coverage
        WHERE window_end >= DATE '{window.start}' AND window_start <= DATE '{window.end}'
        ORDER BY feed, fetched_at
    """)
    told: dict[tuple[str, date], Few] = {}
    for row in rows:
        asked = Window(start=max(row["window_start"], window.start), end=min(row["window_end"], window.end))
        few = json.loads(row["detail"] or "{}").get("scarce", {})
        for day in asked.days:
            told.pop((row["feed"], date.fromisoformat(day)), None)
            if day in few:
                one = Few(row["feed"], date.fromisoformat(day), *few[day])
                told[one.feed, one.day] = one
    return tuple(told[place] for place in sorted(told))


def _runs(unseen: dict[tuple[str, date], tuple[str, str | None]]) -> Iterable[Gap]:
    run: Gap | None = None
    for (feed, day), (status, message) in unseen.items():
        if (
            run
            and (run.feed, run.status, run.message) == (feed, status, message)
            and day - run.end == timedelta(days=1)
        ):
            run = Gap(feed, run.start, day, status, message)
            continue
        if run:
            yield run
        run = Gap(feed, day, day, status, message)
    if run:
        yield run
