"""The CSV of a report: the rows of `daily_polarity` as they are, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa

from data_contracts import contract
from jobs.settings import Window
from jobs.storage import Lake, Query, sql_days

CELL_STARTS = ("=", "+", "-", "@", "\t", "\r")


def table(lake: Lake, query: Query, window: Window) -> bytes:
    """The rows of `daily_polarity` in `window`, with its columns; text that a spreadsheet would run begins with '."""
    agreed = contract("daily_polarity")
    query.view("exported", "daily_polarity", lake.files("daily_polarity", window.days))
    columns = ", ".join(agreed.columns)
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(agreed.columns)
    # Sorted whole: parallel scans give their batches in any order.
    rows = query.batches(
        f"SELECT {columns} FROM exported WHERE {sql_days(window.days)} ORDER BY {', '.join(agreed.key)}"
    )
    for batch in rows:
        writer.writerows(zip(*(_column(batch.column(name)) for name in agreed.columns), strict=True))
    return sink.getvalue().encode()


def _column(values: pa.Array) -> list[Any]:
    return [harmless(value) if isinstance(value, str) else value for value in values.to_pylist()]


def harmless(text: str) -> str:
    """`text` so that a spreadsheet takes it for text: an apostrophe before what could begin a formula."""
    return f"'{text}" if text.startswith(CELL_STARTS) else text
