"""One body of bytes -> the record batches of raw_posts. Where they are stored is not decided here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from data_contracts import schema
from jobs.ingest.items import Reading, to_row
from jobs.ingest.readers import read
from jobs.ingest.sources import Fetched, SourceError
from jobs.progress import track
from jobs.storage import BATCH_ROWS


def row_batches(reading: Reading, fetched: Fetched) -> Iterator[pa.RecordBatch]:
    """The items of `fetched` as rows of raw_posts, in order, BATCH_ROWS at a time.

    Whatever goes wrong in reading the body is a SourceError: a parser may break on it in ways that no one foresaw.
    What goes wrong in storing the batches is not seen here.
    """
    agreed = schema("raw_posts")
    records = track(read(reading.feed, fetched), f"ingest {reading.feed.name}")
    rows = (to_row(reading, position, record) for position, record in enumerate(records))
    try:
        while some := list(islice(rows, BATCH_ROWS)):
            yield pa.RecordBatch.from_pylist(some, schema=agreed)
    except SourceError:
        raise
    except Exception as fault:
        raise SourceError(f"{fetched.name}: cannot be read: {type(fault).__name__}: {fault}") from fault
