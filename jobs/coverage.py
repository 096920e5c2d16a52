"""The coverage ledger: what every fetch asked for and saw, so that zero, could-not-see and not-looked-for differ.

A line says that a feed was asked for a window of published days, how that ended, and from which to which day the items
lay that it saw. Lines are only ever added; the newest of a window counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from data_contracts import contract, schema
from jobs.lake.query import View, open_query, sql_until
from jobs.lake.table import UNDATED, Amendment, File, Lake, Table, as_day
from jobs.lake.writer import write

COVERAGE = "coverage"
SEEN = ("complete", "unchanged", "empty")
"""Outcomes of a fetch after which a day without posts is a day without posts."""

UNSEEN = ("partial", "capped", "refused", "failed")
"""Outcomes after which some of the window could not be seen, and a person should know."""

OUTCOME = ("status", "items_seen", "first_day", "last_day", "message")
TICK = timedelta(microseconds=1)
"""A line comes after those before it, though the clock may stand."""


def record(lake: Lake, line: Mapping[str, Any], seconds: float | None = None) -> None:
    """Add `line`, a row of the contract, unless the newest of its feed and window that day says the same.

    An `unchanged` answer after one that was seen says nothing new, unless its message does. A line is added all the
    same where the newest of the feed, of whichever window, says that it fares otherwise: that line counts. The fetch
    took `seconds`. Raises LakeError when others commit before us time and again.
    """
    day = as_day(line["fetched_date"])

    def told(table: Table) -> Amendment | None:
        before = [file for file in table.files if file.day == day]
        rows = _rows(lake, before)
        lately = sorted((row for row in rows if row["feed"] == line["feed"]), key=lambda row: row["fetched_at"])
        own = [row for row in lately if all(row[key] == line[key] for key in ("window_start", "window_end"))]
        if own and _is_told(own[-1], line) and _fares(lately[-1]) == _fares(line):
            return None
        after = max(line["fetched_at"], lately[-1]["fetched_at"] + TICK) if lately else line["fetched_at"]
        lines = [*rows, {**line, "fetched_at": after}]
        ordered = sorted(lines, key=lambda row: tuple(row[key] for key in contract(COVERAGE).key))
        batch = pa.RecordBatch.from_pylist(ordered, schema=schema(COVERAGE))
        add = write(lake, COVERAGE, {"fetched_date": day}, "ledger", [batch])
        said = {"feed": line["feed"], "status": line["status"], "rows": line["items_seen"], "seconds": seconds}
        return Amendment(add, before, {"step": "ingest", "days": [], "cause": "ingest", **said})

    lake.amend(COVERAGE, told)


def _rows(lake: Lake, files: list[File]) -> list[dict[str, Any]]:
    with open_query(lake) as query:
        query.view(COVERAGE, COVERAGE, files)
        return query.rows(f"FROM {COVERAGE}")


def _is_told(newest: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    repeats = all(newest[key] == line[key] for key in OUTCOME)
    is_same = line["status"] == "unchanged" and newest["status"] in SEEN and newest["message"] == line["message"]
    return repeats or is_same


def _fares(line: Mapping[str, Any]) -> tuple[str, str | None]:
    """What `line` says of how its feed fares."""
    return SEEN[0] if line["status"] in SEEN else line["status"], line["message"]


def looked_for(
    view: View, days: Iterable[str], as_of: datetime | None = None, feeds: Collection[str] | None = None
) -> dict[str, set[str]]:
    """The feeds that were looked at for each of `days` (YYYY-MM-DD), until `as_of` where given, whatever came of it.

    A feed was looked at for the days of the windows it was asked for, and for those between the first and last item
    that a fetch of it saw. Only lines of fetches from the first of `days` on are read; where `feeds` are given the
    others are left out, and no more lines are read than that takes.
    """
    asked = sorted(set(days) - {UNDATED})
    found: dict[str, set[str]] = {day: set() for day in asked}
    if not asked:
        return found
    first, last = date.fromisoformat(asked[0]), date.fromisoformat(asked[-1])
    for spans in _spans(view, asked[0], as_of):
        for span in spans:
            if feeds is None or span["feed"] in feeds:
                for day in found.keys() & _between(max(span["start"], first), min(span["stop"], last)):
                    found[day].add(span["feed"])
        if feeds is not None and all(seen.issuperset(feeds) for seen in found.values()):
            break
    return found


def _spans(view: View, since: str, as_of: datetime | None) -> Iterator[list[dict[str, Any]]]:
    """Days (start to stop) that a feed was looked at for by fetches from the day `since` on, newest fetches first."""
    files, count = [file for file in view.files(COVERAGE) if file.day >= since], 2
    while files:
        with view.query() as query:
            query.view(COVERAGE, COVERAGE, files[-count:])
            yield query.rows(f"""
                WITH line AS (FROM {COVERAGE} WHERE {sql_until("fetched_at", as_of)})
                SELECT DISTINCT feed, window_start AS start, window_end AS stop FROM line
                UNION SELECT DISTINCT feed, first_day, last_day FROM line WHERE first_day IS NOT NULL
            """)
        files, count = files[:-count], 4 * count


def windows(view: View) -> set[str]:
    """Every day (YYYY-MM-DD) that any feed was ever asked for."""
    with view.query() as query:
        query.read(COVERAGE)
        asked = query.rows(f"SELECT DISTINCT window_start, window_end FROM {COVERAGE}")
    return {day for window in asked for day in _between(window["window_start"], window["window_end"])}


def unlooked(view: View, feed: str, first: date, last: date) -> list[str]:
    """Days from `first` to `last` that `feed` was never looked at for."""
    seen = looked_for(view, _between(first, last), feeds={feed})
    return [day for day, feeds in seen.items() if not feeds]


def _between(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
