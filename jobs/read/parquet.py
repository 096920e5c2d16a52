"""Parquet: values keep their types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain, starmap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.read.faults import kind_and_place
from jobs.read.record import ReadError, Record
from jobs.read.table import Row, distinct, record_of, require_columns
from jobs.settings import Feed

BATCH_ROWS = 4_096


def records(feed: Feed, path: Path) -> Iterator[Record]:
    """A record a row; ReadError without the columns that the feed's settings name."""
    require_columns(feed, schema(path).names)
    for row in rows(path):
        yield record_of(row, feed.columns)


def schema(path: Path) -> pa.Schema:
    """The columns of the file and their types."""
    with _readable():
        return pq.read_schema(path)


def rows(path: Path) -> Iterator[Row]:
    """A row each, numbered from 1, in Python's types."""
    with _readable(), pq.ParquetFile(path) as source:
        batches = source.iter_batches(batch_size=BATCH_ROWS)
        yield from starmap(Row, enumerate(chain.from_iterable(map(_items, batches)), start=1))


def _items(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of `batch`; moments that Python cannot hold, or of a zone that it does not know, come as numbers."""
    named = batch.rename_columns(distinct(batch.schema.names))
    try:
        return list(named.to_pylist())
    except (ValueError, OverflowError, KeyError):
        columns = {name: _values(named.column(name)) for name in named.schema.names}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: pa.Array) -> list[Any]:
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    zone = UTC if column.type.tz else None
    ticks = column.cast(pa.int64()).to_pylist()
    return [None if tick is None else _moment(tick, per_second, zone) for tick in ticks]


def _moment(value: int, per_second: int, zone: tzinfo | None) -> datetime | str:
    try:
        return datetime(1970, 1, 1, tzinfo=zone) + timedelta(microseconds=value * 10**6 // per_second)
    except OverflowError:
        return f"{value / per_second:.0f} seconds after 1970"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except pa.ArrowNotImplementedError:
        raise ReadError("a Parquet file of values or a packing that cannot be read here; write it anew") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        kind = kind_and_place(fault)
        raise ReadError(f"not a readable Parquet file ({kind}); write it anew, or mend the feed's `reader`") from None
