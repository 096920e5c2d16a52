"""Ingest: feed -> raw_posts, and a line on the coverage ledger for every attempt.

Bytes become batches named by their content, so that reading the same bytes again adds nothing. A batch is written
to the days its items were published on, then marked complete; only then does the feed's cursor move. Whether an
item is any good is not decided here.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import contract, schema
from jobs.connect.client import address
from jobs.connect.connector import Body, Cursor, SourceError
from jobs.connect.fetch import fetch
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.settings import Feed, Settings, SettingsError, Window, now
from jobs.storage import Lake, Partition, as_day, fingerprint, sql_days
from jobs.unfinished import mark

log = logging.getLogger(__name__)

SORTED_ROWS = 50_000


class FeedError(RuntimeError):
    """A feed could not be read at all; the coverage ledger has the same message."""


@dataclass(frozen=True)
class Ingested:
    """What one ingest of one feed did. `days` are the published days whose items it holds, new or not."""

    feed: str
    status: str
    days: list[str]
    items_seen: int
    items_new: int
    message: str | None = None

    @property
    def failed(self) -> bool:
        """Whether something of the feed could not be had or read."""
        return self.status in ("capped", "refused", "failed")


@dataclass(frozen=True)
class _Batch:
    """The mark of a complete batch, kept as the state file `batches/<feed>/<batch_id>.json`."""

    batch_id: str
    days: list[str]
    items: int
    new: bool = False


def ingest(settings: Settings, feed: str, window: Window) -> Ingested:
    """Fetch `feed` and store what it holds; sources without a query by day are read whole.

    A feed of which some files failed comes back with status `failed` and the days of the others. Raises FeedError,
    after the ledger was written, when nothing could be read; SettingsError for an unknown feed.
    """
    source, lake, fetched_at = settings.feed(feed), Lake(settings.lake), now()
    cursor = _cursor(settings, lake, source)
    batches: list[_Batch] = []
    faults: list[SourceError] = []
    unchanged = False
    with TemporaryDirectory(prefix="sentinela-fetch-") as folder:
        try:
            bodies = fetch(source, window, cursor, Path(folder))
            for body in bodies:
                unchanged |= body.path is None
                try:
                    batches.append(_store(settings, source, lake, body, fetched_at))
                except SourceError as fault:
                    faults.append(fault)
            if not faults and bodies.cursor not in (None, cursor):
                _move_cursor(settings, lake, source, bodies.cursor)
        except SourceError as fault:
            faults.append(fault)
    result = Ingested(
        feed=feed,
        status=_status(batches, faults, unchanged),
        days=sorted({day for batch in batches for day in batch.days}),
        items_seen=sum(batch.items for batch in batches),
        items_new=sum(batch.items for batch in batches if batch.new),
        message="; ".join(str(fault) for fault in faults) or None,
    )
    _record(settings, lake, source, window, result, len(batches), fetched_at)
    log.info(
        "%s: %s, %d items seen, %d new, %d days",
        feed,
        result.status,
        result.items_seen,
        result.items_new,
        len(result.days),
    )
    if faults and not batches:
        raise FeedError(f"feed {feed!r}: {result.message}")
    return result


def _status(batches: list[_Batch], faults: list[SourceError], unchanged: bool) -> str:
    if faults:
        return faults[0].status
    if unchanged:
        return "unchanged"
    return "complete" if sum(batch.items for batch in batches) else "empty"


def _store(settings: Settings, feed: Feed, lake: Lake, body: Body, fetched_at: datetime) -> _Batch:
    """Write the items of `body` to raw_posts, unless this very batch is complete already."""
    batch_id = fingerprint(feed.name, _way_of_reading(settings, feed), body.sha256)
    known = lake.read_state(f"batches/{feed.name}/{batch_id}.json")
    if known is not None:
        return _Batch(batch_id, **json.loads(known))
    with TemporaryDirectory(prefix="sentinela-batch-") as folder:
        spill = Path(folder) / "items.parquet"
        context = Reading(
            feed=feed,
            zone=settings.zone,
            batch_id=batch_id,
            source=body.name,
            fetched_at=fetched_at,
            author_key=_author_key(lake),
        )
        items = _spill(context, body, spill)
        days = _publish_sorted(lake, feed, batch_id, spill)
    days = _with_former_days(lake, feed, batch_id, days)
    mark(lake, batch_id, days)
    lake.write_state(f"batches/{feed.name}/{batch_id}.json", json.dumps({"days": days, "items": items}).encode())
    return _Batch(batch_id, days, items, new=True)


def _way_of_reading(settings: Settings, feed: Feed) -> str:
    """Hash of all that decides which rows the same bytes become."""
    options = feed.model_dump_json(exclude={"path", "url", "http", "name"})
    return fingerprint(options, settings.timezone, contract("raw_posts").version)


def _spill(context: Reading, body: Body, target: Path) -> int:
    """Stream `body` as raw_posts rows into one Parquet file; returns their number."""
    count = 0
    with pq.ParquetWriter(target, schema("raw_posts"), compression="zstd") as writer:
        for batch in row_batches(context, body):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _publish_sorted(lake: Lake, feed: Feed, batch_id: str, spill: Path) -> list[str]:
    """Cut the spilled batch by published day, some days at a time, and publish the pieces; returns the days."""
    with lake.query() as query, lake.staging() as stage:
        query.connection.read_parquet(str(spill)).create_view("items")
        counted = query.rows("SELECT published_date, count(*) AS items FROM items GROUP BY ALL ORDER BY ALL")
        days = [as_day(row["published_date"]) for row in counted]
        rows_until = zip(days, accumulate(row["items"] for row in counted), strict=True)
        for _, some in groupby(rows_until, key=lambda day: day[1] // SORTED_ROWS):
            partitions = {Partition(day, feed.name): batch_id for day, _ in some}
            ordered = query.batches(f"""
                SELECT * FROM items WHERE {sql_days(partition.day for partition in partitions)}
                ORDER BY published_date NULLS FIRST, feed, position
            """)
            stage.write_partitions("raw_posts", ordered, partitions, file=f"{batch_id}.parquet")
        mark(lake, batch_id, days)
        stage.publish()
    return sorted(days)


def _with_former_days(lake: Lake, feed: Feed, batch_id: str, days: list[str]) -> list[str]:
    """`days` and every other day on which an item of the batch was seen before: its date was changed."""
    partitions = lake.partitions("raw_posts")
    files = [path for partition, paths in partitions.items() if partition.feed == feed.name for path in paths]
    with lake.query() as query:
        query.view("raw", "raw_posts", files)
        former = query.table(
            f"""SELECT DISTINCT published_date FROM raw WHERE NOT coalesce({sql_days(days)}, false)
                AND post_id IN (SELECT post_id FROM raw WHERE batch_id = '{batch_id}' AND {sql_days(days)})"""
        )
    return sorted({*days, *(as_day(day) for day in former[0].to_pylist())})


def _record(
    settings: Settings, lake: Lake, feed: Feed, window: Window, result: Ingested, batches: int, fetched_at: datetime
) -> None:
    """Write the line of (feed, window) on the ledger of the day.

    A repeat with the same outcome leaves the line as it is, a success takes the place of the failure before it, and a
    failure leaves what was seen before it.
    """
    fetched_date = fetched_at.astimezone(settings.zone).date()
    outcome = "unseen" if result.failed else "seen"
    name = f"{feed.name}-{window.start}_{window.end}-{outcome}.parquet"
    target = f"{lake.folder('coverage', Partition(as_day(fetched_date)))}/{name}"
    row: dict[str, Any] = {
        "feed": feed.name,
        "window_start": window.start,
        "window_end": window.end,
        "fetched_date": fetched_date,
        "fetched_at": fetched_at,
        "source": feed.path or address(str(feed.url)),
        "status": result.status,
        "items_seen": result.items_seen,
        "batches": batches,
        "message": result.message,
    }
    snapshot = fingerprint(
        *(row[key] for key in ("feed", "window_start", "window_end", "status", "items_seen", "message"))
    )
    if lake.snapshot(target) != snapshot:
        with lake.staging() as stage:
            batch = pa.RecordBatch.from_pylist([row], schema=schema("coverage"))
            stage.write("coverage", target, [batch], snapshot)
            stage.publish()
    if not result.failed:
        lake.discard(target.replace("-seen.", "-unseen."))


def _cursor(settings: Settings, lake: Lake, feed: Feed) -> Cursor:
    """The connector's cursor of the last complete fetch; empty when the feed is read another way now."""
    content = lake.read_state(f"cursors/{feed.name}.json")
    kept = json.loads(content) if content else {}
    same = kept.get("reading") == _way_of_reading(settings, feed)
    return dict(kept.get("cursor", {})) if same else {}


def _move_cursor(settings: Settings, lake: Lake, feed: Feed, cursor: Cursor | None) -> None:
    kept = {"reading": _way_of_reading(settings, feed), "cursor": cursor}
    lake.write_state(f"cursors/{feed.name}.json", json.dumps(kept).encode())


def _author_key(lake: Lake) -> bytes:
    """SENTINELA_AUTHOR_KEY, else a key made once and kept with the lake, so that pseudonyms are stable."""
    if given := os.environ.get("SENTINELA_AUTHOR_KEY"):
        return given.encode()
    if not lake.is_local:
        raise SettingsError("SENTINELA_AUTHOR_KEY is not set; a lake in an object store has no place for a secret")
    lake.keep_secret("author.key", secrets.token_hex(32).encode())
    return lake.read_state("author.key") or b""
