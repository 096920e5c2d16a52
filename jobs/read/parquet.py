"""Parquet: values keep their types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, starmap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.read.record import ReadError, Record
from jobs.read.table import Row, record_of, require_columns
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
        yield from starmap(Row, enumerate(chain.from_iterable(batch.to_pylist() for batch in batches), start=1))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        raise ReadError(f"not a readable Parquet file: {fault}") from fault
