"""Rows of any table -> records, by the columns that a feed's settings name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jobs.read.record import ReadError, Record
from jobs.settings import Columns, Feed

LONGEST_LINE = 10_000_000
"""Bytes or characters of a line of a text; a longer one is not read."""


@dataclass(frozen=True)
class Row:
    """One row as a file has it: the number of its first line, from 1, and its values by column.

    The values of a row with an `error` are what is left of it.
    """

    line: int
    values: dict[str, Any]
    error: str | None = None


def record_of(row: Row, columns: Columns) -> Record:
    """The record of `row` by the feed's `columns`; what names the author is left out of the payload."""
    if row.error:
        return Record(payload=row.values, error=f"line {row.line}: {row.error}")
    root = columns.author.split(".", 1)[0] if columns.author and columns.author not in row.values else columns.author
    return Record(
        fields={name: _at(row.values, path) for name, path in _paths(columns).items()},
        payload={key: value for key, value in row.values.items() if key != root},
    )


@cache
def _paths(columns: Columns) -> dict[str, str]:
    return columns.model_dump(exclude_none=True)


def named_columns(feed: Feed) -> set[str]:
    """The columns of the source that the feed's settings name."""
    return set(feed.columns.model_dump(exclude_none=True).values())


def require_columns(feed: Feed, header: Collection[str], is_header: bool = True) -> None:
    """Raise ReadError unless `header` has every column that the feed's settings name.

    Where it may not be one, but the first row of a file without any, the error does not tell what is in it.
    """
    named = named_columns(feed)
    twice = sorted(name for name in named if list(header).count(name) > 1)
    if twice:
        raise ReadError(f"two columns are called {', '.join(map(repr, twice))}; give each its own name")
    missing = sorted(named - set(header))
    if missing:
        has = _told(header, is_header or len(missing) < len(named))
        raise ReadError(
            f"no column {', '.join(map(repr, missing))}; it has {has}. "
            f"Mend `columns` of feed {feed.name!r} (or its delimiter and encoding)"
        )


def _told(header: Collection[str], is_header: bool) -> str:
    if is_header:
        return ", ".join(map(repr, header))
    return f"{len(header)} fields in its first line, none of them a column that is named: perhaps it has no header line"


def distinct(names: Sequence[str]) -> list[str]:
    """`names`, those that came before with a number, so that no value hides another."""
    return [f"{name} ({names[:at].count(name) + 1})" if name in names[:at] else name for at, name in enumerate(names)]


def _at(item: Any, path: str) -> Any:
    """The value at `path`: a key of `item`, else dotted keys into nested objects; None where there is none."""
    if path in item:
        return item[path]
    for key in path.split("."):
        item = item.get(key) if isinstance(item, Mapping) else None
    return item
