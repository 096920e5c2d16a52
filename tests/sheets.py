"""Workbooks for labels filled in as a person does, in a program that saves them anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

FIRST, NUMBER, TEXT, LABEL = 3, 1, 3, 4
"""The row of the first post, and columns, from 1."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The workbook at `path`, saved when the block ends."""
    book = load_workbook(path)
    yield book
    book.save(path)


def fill(path: Path, sheet: str, name: str | None, words: Sequence[str | None]) -> None:
    """Write `name` and, row by row from the top, `words` into `sheet`."""
    with opened(path) as book:
        book[sheet].cell(1, LABEL).value = name
        for row, word in enumerate(words, start=FIRST):
            book[sheet].cell(row, LABEL).value = word


def numbers(path: Path, sheet: str) -> list[int]:
    """The numbers of the posts of `sheet`, from the top."""
    rows = load_workbook(path)[sheet].iter_rows(min_row=FIRST, max_col=NUMBER, values_only=True)
    return [int(number) for (number,) in rows]
