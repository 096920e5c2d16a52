"""The index of item versions: every row of raw_posts without its words, by feed, in a number of files that stays small.

It answers what would otherwise open every raw file: which other days hold a version of an item, which version is the
newest, and whether what a fetch brought is known already. It is derived from raw_posts alone and catches up with it,
so it can be lost. Its files are merged as they come (a log-structured merge: eight files of a size become one of the
next), so the number that a lookup opens grows with the logarithm of the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from data_contracts import contract
from jobs.lake.faults import LakeError
from jobs.lake.query import Query, View, open_query, sql_days
from jobs.lake.table import UNDATED, Amendment, File, Lake, Table, as_day
from jobs.lake.writer import write

RAW, INDEX = "raw_posts", "item_versions"
FAN_IN = 8
NEWEST_FIRST = "updated_at DESC NULLS LAST, fetched_at DESC, source DESC, batch_id DESC, position DESC"
"""Which version of an item wins."""


def catch_up(lake: Lake) -> None:
    """Bring the index up to the newest version of raw_posts, whoever wrote that.

    Raises LakeError when others commit before us time and again.
    """

    def behind(index: Table) -> Amendment | None:
        raw = lake.table(RAW)
        if raw.version is None or index.covers(RAW) == raw.version:
            return None
        return Amendment(*_indexed(lake, index, raw), _said(raw, "ingest"))

    lake.amend(INDEX, behind)


def remake(lake: Lake) -> None:
    """Put an index made from all of raw_posts in the place of the one that is there, in one commit.

    Raises LakeError when others commit before us time and again.
    """

    def anew(index: Table) -> Amendment | None:
        raw = lake.table(RAW)
        if raw.version is None:
            return None
        add, _ = _indexed(lake, Table(INDEX, None, None), raw)
        return Amendment(add, index.files, _said(raw, "rebuild"))

    lake.amend(INDEX, anew)


def first_day(view: View) -> str | None:
    """The first day (YYYY-MM-DD) that any version of an item lies on; None without one."""
    return min(set(days(view)) - {UNDATED}, default=None)


def before_all(first: str | None, day: date) -> str | None:
    """A sentence that says so when `day` lies before the `first` day of all data, else None."""
    if first is None or day.isoformat() >= first:
        return None
    return f"{day} lies before all data: no feed gave anything older than {first}; nothing was published for it"


def _said(raw: Table, cause: str) -> dict[str, Any]:
    return {"step": "index", "days": [], "cause": cause, "covers": {RAW: raw.version}}


def _indexed(lake: Lake, index: Table, raw: Table) -> tuple[list[File], list[File]]:
    """Index files of the raw files that the index does not cover, and the files that they were merged with."""
    add: list[File] = []
    remove: list[File] = []
    files, sure = _uncovered(lake, index, raw)
    columns = ", ".join(contract(INDEX).columns)
    with open_query(lake) as query:
        for feed in sorted({str(file.feed) for file in files}):
            merged = _to_merge([file for file in index.files if file.feed == feed], files, feed)
            query.view("raw", RAW, [file for file in files if file.feed == feed])
            query.view("merged", INDEX, merged)
            query.view("known", INDEX, [] if sure else [file for file in index.files if file.feed == feed])
            rows = query.batches(
                f"""SELECT {columns} FROM raw ANTI JOIN known USING (post_id, batch_id, position)
                    UNION ALL SELECT {columns} FROM merged ORDER BY published_date NULLS FIRST, post_id, batch_id"""
            )
            add += write(lake, INDEX, {"feed": feed}, "index", rows)
            remove += merged
    return add, remove


def _uncovered(lake: Lake, index: Table, raw: Table) -> tuple[list[File], bool]:
    """Raw files that the index may lack, and whether it surely lacks all their rows."""
    covered = index.covers(RAW)
    if covered is None:
        return list(raw.files), index.version is None
    try:
        known = {file.path for file in lake.table(RAW, covered).files}
    except LakeError:  # the log of that version is gone: look at every file
        return list(raw.files), False
    found = [file for file in raw.files if file.path not in known]
    return found, not any(file.made_from == "compact" for file in found)


def _to_merge(own: Sequence[File], new: Iterable[File], feed: str) -> list[File]:
    """The files of `feed` to merge with the new rows: those of their size, once there are FAN_IN, and so on upwards."""
    rows = sum(file.rows for file in new if file.feed == feed)
    chosen: list[File] = []
    while True:
        alike = [file for file in own if file not in chosen and _tier(file.rows) <= _tier(rows)]
        if len(alike) < FAN_IN - 1:
            return chosen
        chosen += alike
        rows += sum(file.rows for file in alike)


def _tier(rows: int) -> int:
    return int(math.log(max(rows, 1), FAN_IN))


def days(view: View) -> list[str]:
    """Every day (YYYY-MM-DD or `undated`) that a version of an item lies on, sorted."""
    with view.query() as query:
        query.read(INDEX)
        found = query.rows(f"SELECT DISTINCT published_date FROM {INDEX}")
    return sorted(as_day(row["published_date"]) for row in found)


def view_newest(query: Query, view: View, days: Iterable[str]) -> list[str]:
    """Make the table `newest` of the versions that win: one row an item that has any version on one of `days`.

    Its columns are those of the index and `first_seen_at`; a winner may lie on another day. Returns `days` and every
    other day on which a version of these items lies, sorted.
    """
    asked = set(days)
    query.view("version", INDEX, view.files(INDEX))
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE history AS
        SELECT * FROM version
        SEMI JOIN (SELECT DISTINCT feed, post_id FROM version WHERE {sql_days(asked)}) USING (feed, post_id)
    """)
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE newest AS
        SELECT *, min(fetched_at) OVER item AS first_seen_at FROM history
        WINDOW item AS (PARTITION BY feed, post_id)
        QUALIFY row_number() OVER (PARTITION BY feed, post_id ORDER BY {NEWEST_FIRST}) = 1
    """)
    found = query.rows("SELECT DISTINCT published_date FROM history")
    return sorted({*asked, *(as_day(row["published_date"]) for row in found)})
