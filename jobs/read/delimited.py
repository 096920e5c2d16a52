"""Delimited text with a header line. A row that breaks does not lose the rows after it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self

from jobs.read.dialect import Dialect, dialect_of
from jobs.read.record import Record
from jobs.read.table import Row, distinct, named_columns, record_of, require_columns
from jobs.settings import Feed

LONGEST_FIELD = 10_000_000


def records(feed: Feed, path: Path) -> Iterator[Record]:
    """A record a row; encoding and delimiter are detected where the feed names none.

    Raises ReadError without the columns that the feed's settings name.
    """
    dialect = dialect_of(path, named_columns(feed), feed.encoding, feed.delimiter)
    require_columns(feed, header(path, dialect), is_header=False)
    for row in rows(path, dialect):
        yield record_of(row, feed.columns)


def header(path: Path, dialect: Dialect) -> list[str]:
    """The names of the columns, as they stand in the first line; empty where there is none."""
    return next(_fields(path, dialect), (1, [], None))[1]


def rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    """A row each that is not blank, values as text; broken characters are replaced."""
    lines = _fields(path, dialect)
    names = distinct(next(lines, (1, [], None))[1])
    for number, values, error in lines:
        if not error and len(values) != len(names):
            error = f"{len(values)} fields where the header has {len(names)}"
        yield Row(number, {"fields": values}, error) if error else Row(number, dict(zip(names, values, strict=True)))


def _fields(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], str | None]]:
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding=dialect.encoding, errors="replace", newline="") as source:
        yield from _csv_rows(_Lines(source), dialect.delimiter)


@dataclass
class _Lines:
    """The lines of a text for csv.reader; keeps those of the row being read, of which line `first` is the first."""

    source: Iterator[str]
    first: int = 1
    pending: list[str] = field(default_factory=list)
    ended: bool = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self.source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.pending.append(line)
        return line

    def advance(self, count: int) -> None:
        """Go on behind the first `count` of the pending lines."""
        self.source = chain(self.pending[count:], self.source) if self.pending[count:] else self.source
        self.first, self.pending, self.ended = self.first + count, [], False


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(first line, fields, error) of every row that is not blank.

    A quote that is never closed would swallow the rows after it: its line comes alone, with an error.
    """
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        fault: str | None = None
        try:
            values = next(rows)
            if lines.ended:
                fault = "a quote is opened and never closed"
        except csv.Error as error:
            fault = str(error)
        except StopIteration:
            return
        number = lines.first
        if fault:
            values = [lines.pending[0].rstrip("\r\n")]
        lines.advance(1 if fault else len(lines.pending))
        if values:
            yield number, values, fault
