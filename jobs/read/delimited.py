"""Delimited text with a header line. A row that breaks does not lose the rows after it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self, TextIO

from jobs.read.dialect import Dialect, dialect_of
from jobs.read.record import ReadError, Record
from jobs.read.table import LONGEST_LINE, Row, distinct, named_columns, record_of, require_columns
from jobs.settings import Feed

MOST_LINES = 100_000
"""Lines of a row, which a quote holds together; a quote that opens more is not closed where it should be."""
SHOWN_CHARACTERS, SHOWN_FIELDS = 1_000, 1_000
"""So much is kept of a line, and so many fields of a row, that cannot be read."""


def records(feed: Feed, path: Path) -> Iterator[Record]:
    """A record a row; encoding and delimiter are detected where the feed names none.

    A line or a field of more than LONGEST_LINE characters is an error of its row. Raises ReadError without the columns
    that the feed's settings name.
    """
    dialect = dialect_of(path, named_columns(feed), feed.encoding, feed.delimiter)
    require_columns(feed, header(path, dialect), is_header=False)
    for row in rows(path, dialect):
        yield record_of(row, feed.columns)


def header(path: Path, dialect: Dialect) -> list[str]:
    """The names of the columns, as they stand in the first line; empty where there is none.

    Raises ReadError where that cannot be read.
    """
    _, names, error = next(_fields(path, dialect), (1, [], None))
    if error:
        raise ReadError(f"line 1, where the names of its columns should stand: {error}")
    return names


def rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    """A row each that is not blank, values as text; broken characters are replaced."""
    lines = _fields(path, dialect)
    names = distinct(next(lines, (1, [], None))[1])
    for number, values, error in lines:
        if not error and len(values) != len(names):
            error = f"{len(values)} fields where the header has {len(names)}"
        if error:
            yield Row(number, {"fields": values[:SHOWN_FIELDS]}, error)
        else:
            yield Row(number, dict(zip(names, values, strict=True)))


def _fields(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], str | None]]:
    csv.field_size_limit(LONGEST_LINE)
    with path.open(encoding=dialect.encoding, errors="replace", newline="") as source:
        yield from _csv_rows(_Lines(_bounded(source)), dialect.delimiter)


class _LongRowError(Exception):
    """A row is too long to be read."""


class _Start(str):
    """The start of a line that is too long to be read."""

    __slots__ = ()


def _bounded(source: TextIO) -> Iterator[str]:
    """Every line of `source`; of one that is too long its start."""
    while line := source.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            yield line
            continue
        rest = line
        while rest and not rest.endswith(("\n", "\r")):
            rest = source.readline(LONGEST_LINE)
        yield _Start(line[:SHOWN_CHARACTERS])


@dataclass
class _Lines:
    """The lines of a text for csv.reader; keeps those of the row being read, of which line `first` is the first.

    Raises _LongRowError at one that is too long, and where there are too many.
    """

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
        if isinstance(line, _Start) or len(self.pending) > MOST_LINES:
            raise _LongRowError
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
        except (csv.Error, _LongRowError) as error:
            fault = _told(error)
        except StopIteration:
            return
        number = lines.first
        if fault:
            values = [lines.pending[0][:SHOWN_CHARACTERS].rstrip("\r\n")]
        lines.advance(1 if fault else len(lines.pending))
        if values:
            yield number, values, fault


def _told(error: Exception) -> str:
    if isinstance(error, _LongRowError) or "field limit" in str(error):
        return f"more than {LONGEST_LINE / 1e6:g} MB in one line or field, or more than {MOST_LINES} lines in one row"
    return "no delimited text"
