"""One body of bytes -> the record batches of raw_posts. Where they are stored is not decided here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import schema
from jobs.connect.connector import SourceError
from jobs.ingest.items import Reading, to_row
from jobs.lake.writer import BATCH_ROWS
from jobs.progress import track
from jobs.read.faults import kind_and_place
from jobs.read.read import read
from jobs.read.record import CutError, ReadError, Record

BATCH_CHARACTERS = 20_000_000


def row_batches(reading: Reading, body: Path, document: Any = None) -> Iterator[pa.RecordBatch]:
    """The items of the file `body` as rows of raw_posts, in order, at most BATCH_ROWS at a time.

    A `document` is what the file says, where that was read already.

    Whatever goes wrong in reading the body is a SourceError: a parser may break on it in ways that no one foresaw.
    One with the status `partial` comes after all that could be read. What goes wrong in storing the batches is not seen
    here.
    """
    agreed = schema("raw_posts")
    cuts: list[CutError] = []
    records = track(_until_cut(read(reading.feed, body, document), cuts), f"ingest {reading.feed.name}")
    rows = (to_row(reading, position, record) for position, record in enumerate(records))
    try:
        for some in _batches(rows):
            yield pa.RecordBatch.from_pylist(some, schema=agreed)
    except ReadError as fault:
        raise SourceError(f"{reading.source}: {fault}") from None
    except Exception as fault:
        told = f"its reader broke with {kind_and_place(fault)}; mend the source, or tell those who make Sentinela"
        raise SourceError(f"{reading.source}: cannot be read: {told}") from None
    if cuts:
        raise SourceError(f"{reading.source}: {cuts[0]}", "partial")


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """`rows`, so many at a time that they fit in memory, however long they are."""
    some: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        some.append(row)
        size += len(row["payload"]) + len(row["body"] or "")
        if len(some) == BATCH_ROWS or size > BATCH_CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some


def _until_cut(records: Iterator[Record], cuts: list[CutError]) -> Iterator[Record]:
    """`records` until they are cut, which `cuts` then says."""
    try:
        yield from records
    except CutError as cut:
        cuts.append(cut)
