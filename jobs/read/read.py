"""Read: the reader that a feed names, and its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jobs.read import declared, delimited, json_lines, parquet, rss
from jobs.read.record import Record
from jobs.settings import Feed

READERS: dict[str, Callable[[Feed, Path], Iterator[Record]]] = {
    "declared": declared.records,
    "csv": delimited.records,
    "jsonl": json_lines.records,
    "parquet": parquet.records,
    "rss": rss.records,
}


def read(feed: Feed, path: Path, document: Any = None) -> Iterator[Record]:
    """The records of the file `path`, in order; ReadError when it is not what the feed's reader expects.

    A record that cannot be read is a Record with its `error`, so that it is quarantined and not lost. A `document` is
    what the file says, read already, of a service's page.
    """
    if document is not None and feed.reader == "declared":
        yield from declared.records_of(feed, document)
    else:
        yield from READERS[feed.reader](feed, path)
