"""JSON lines: one object a line, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from jobs.read.faults import json_fault
from jobs.read.record import Record
from jobs.read.table import LONGEST_LINE, Row, record_of
from jobs.settings import Feed

SHOWN_BYTES = 1_000


def records(feed: Feed, path: Path) -> Iterator[Record]:
    """A record a line that says something; broken characters are replaced."""
    for row in rows(path):
        yield record_of(row, feed.columns)


def rows(path: Path, strict: bool = False) -> Iterator[Row]:
    """A row a line that says something; broken characters are replaced, or an error of their line when `strict`."""
    with path.open("rb") as source:
        for number, (line, whole) in enumerate(_lines(source), start=1):
            if not whole:
                yield Row(
                    number,
                    {"line": line.decode("utf-8", "replace")},
                    f"more than {LONGEST_LINE / 1e6:g} MB in one line",
                )
                continue
            text = line.decode("utf-8-sig", "replace").strip()
            if not text:
                continue
            try:
                if strict:
                    line.decode("utf-8-sig")
                item = _parsed(text)
            except (ValueError, RecursionError) as fault:
                yield Row(number, {"line": text}, f"not JSON in UTF-8: {json_fault(fault)}")
                continue
            if isinstance(item, dict):
                yield Row(number, item)
            else:
                yield Row(number, {"line": text}, "not a JSON object")


def _lines(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Every line; of one that is too long its start, and that it is not whole."""
    while line := source.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line, True
            continue
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST_LINE)
        yield line[:SHOWN_BYTES], False


def _parsed(text: str) -> Any:
    item = json.loads(text)
    if "\\ud" in text.lower():  # perhaps half a character, which no encoding can write
        item = json.loads(json.dumps(item, ensure_ascii=False).encode("utf-8", "replace"))
    return item
