"""What a fetch brought -> one file of raw_posts: what is known is dropped, the rest is committed and indexed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from data_contracts import contract
from jobs.coverage import unlooked
from jobs.lake.query import Query, View
from jobs.lake.state import State
from jobs.lake.table import ATTEMPTS, File, Lake, Refused, Table, as_day, fingerprint
from jobs.lake.writer import writing
from jobs.versions import INDEX, NEWEST_FIRST, RAW, catch_up

GROUP_ROWS = 2_048
"""Raw rows are sorted by published day; small row groups let one day be read without the others."""
ORDER = ("published_date NULLS FIRST", "post_id", "source", "batch_id", "position")
"""How the rows of a raw file are sorted."""

LAST_STORED_FIRST = "fetched_at DESC, source DESC, batch_id DESC, position DESC"
"""Which version of an item came last, whether or not it wins."""


@dataclass(frozen=True)
class Stored:
    """What was new of a fetch: its items, the days that they touch (YYYY-MM-DD or `undated`), and the mark of these.

    Among the days are those between the items that the feed was never looked at for before.
    """

    items: int
    days: list[str]
    mark: str | None = None


def store(lake: Lake, feed: str, fetched_on: date, spills: Sequence[Path], anew: bool) -> Stored:
    """Commit the rows of `spills`, Parquet files of raw_posts, that say something new of their items.

    An item whose newest version says the same is known. When the feed is read `anew`, because its cursor was lost or
    belongs to another way of reading, any version that says the same makes it known: reading again what was read long
    ago must not bring old versions back. Bytes that come back after others are another batch, the same with a number;
    but a fetch that holds the version stored last, because it was read twice at once or its cursor was not kept, says
    something new only after that. A fetch that ends after a later one brings no version back that is known and older,
    and none stores the version again that wins already, whoever began first.
    Days of former versions of the new items are touched too. Raises LakeError when others commit before us time and
    again.
    """
    if not spills:
        return Stored(0, [])
    for _ in range(ATTEMPTS):
        raw = lake.table(RAW)
        catch_up(lake)
        with View(lake).query() as query:
            _find_new(query, feed, spills, anew)
            days = _touched(query)
            newly_seen = _newly_seen(query, feed)
            if not days:
                return Stored(0, newly_seen)
            days = sorted({*days, *newly_seen})
            file = _write(lake, query, feed, fetched_on)
        State(lake).mark(file.name, days)
        if _commit(lake, raw, feed, file, days):
            catch_up(lake)
            return Stored(file.rows, days, file.name)
        State(lake).unmark(file.name)
    raise lake.overtaken(RAW)


def _find_new(query: Query, feed: str, spills: Sequence[Path], anew: bool) -> None:
    """Make the tables `history`, of known versions of the fetched items, and `fresh`, of the rows to be stored."""
    query.connection.read_parquet([str(path) for path in spills]).create_view("item")
    query.view("version", INDEX, [file for file in query.at.files(INDEX) if file.feed == feed])
    query.connection.execute("CREATE TEMP TABLE history AS FROM version SEMI JOIN item USING (post_id)")
    known = "content IN (SELECT content FROM history WHERE history.post_id = item.post_id)" if anew else "false"
    query.connection.execute(f"""
        CREATE TEMP TABLE fresh AS
        WITH newest AS (
            SELECT post_id, content, updated_at, fetched_at, split_part(batch_id, '.', 1) AS batch_id, position
            FROM history
            QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY {NEWEST_FIRST}) = 1
        ), last AS (
            SELECT post_id, split_part(batch_id, '.', 1) AS batch_id, position FROM history
            QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY {LAST_STORED_FIRST}) = 1
        ), compared AS (
            SELECT item.source, item.batch_id, item.position, item.post_id, item.content, item.published_date,
                lag(item.content, 1, newest.content) OVER fetched AS before,
                bool_or(last.post_id IS NOT NULL) OVER (fetched ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
                    AS read_again,
                (coalesce(item.updated_at, '-infinity'), item.fetched_at)
                    < (coalesce(newest.updated_at, '-infinity'), newest.fetched_at)
                    AND EXISTS (SELECT 1 FROM history
                        WHERE history.post_id = item.post_id AND history.content = item.content) AS outdated,
                coalesce(item.batch_id = newest.batch_id AND item.position = newest.position, false) AS wins_already
            FROM item LEFT JOIN newest ON newest.post_id = item.post_id
                LEFT JOIN last ON last.post_id = item.post_id AND last.batch_id = item.batch_id
                    AND last.position = item.position
            WINDOW fetched AS (PARTITION BY item.post_id ORDER BY item.source, item.batch_id, item.position)
        )
        SELECT source, batch_id, position, post_id, published_date,
            (SELECT count(*) FROM history WHERE history.post_id = item.post_id
                AND split_part(history.batch_id, '.', 1) = item.batch_id AND history.position = item.position) AS times
        FROM compared AS item WHERE before IS DISTINCT FROM content AND NOT read_again AND outdated IS NOT TRUE
            AND NOT wins_already AND NOT {known}
    """)


def _touched(query: Query) -> list[str]:
    found = query.rows("""
        SELECT DISTINCT published_date FROM fresh
        UNION SELECT DISTINCT published_date FROM history SEMI JOIN fresh USING (post_id)
    """)
    return sorted(as_day(row["published_date"]) for row in found)


def _newly_seen(query: Query, feed: str) -> list[str]:
    """Days between the first and last item of the fetch that the feed was never looked at for before."""
    (span,) = query.rows("SELECT min(published_date) AS first, max(published_date) AS last FROM item")
    return unlooked(query.at, feed, span["first"], span["last"]) if span["first"] else []


def _write(lake: Lake, query: Query, feed: str, fetched_on: date) -> File:
    batch_ids = [row["batch_id"] for row in query.rows("SELECT DISTINCT batch_id FROM fresh ORDER BY batch_id")]
    file = lake.new_file(RAW, {"fetched_date": fetched_on.isoformat(), "feed": feed}, fingerprint(*batch_ids))
    names = {name: f"item.{name}" for name in contract(RAW).stored_schema.names}
    names["batch_id"] = "CASE times WHEN 0 THEN item.batch_id ELSE concat(item.batch_id, '.', times) END"
    columns = ", ".join(f"{value} AS {name}" for name, value in names.items())
    ordered = query.batches(f"""
        SELECT {columns} FROM item JOIN fresh USING (source, batch_id, position)
        ORDER BY {", ".join(f"item.{column}" for column in ORDER)}
    """)
    written: list[File] = []
    with writing(lake, RAW, file, written, GROUP_ROWS) as writer:
        for batch in ordered:
            writer.write(batch)
    return written[0]


def _commit(lake: Lake, raw: Table, feed: str, file: File, days: list[str]) -> bool:
    """Whether `file` was committed; not when another fetch of the feed was, which may have stored the same."""
    newest = raw
    for _ in range(ATTEMPTS):
        try:
            lake.commit(newest, [file], [], step="ingest", days=days, cause="ingest", feed=feed)
            return True
        except Refused:
            newest = lake.table(RAW)
        own = [[f for f in table.files if f.feed == feed] for table in (raw, newest)]
        if own[0] != own[1]:
            break
    lake.discard([file])
    return False
