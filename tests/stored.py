"""Rows put into tables of a lake and read from them, without a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from data_contracts import contract, schema
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.lake.writer import write

MADE_FROM = {"daily_polarity": "i.r.m.c.k.f.b"}


def put(
    lake: Lake, dataset: str, rows: Iterable[dict[str, Any]], made_from: str | None = None, held: bool = False
) -> None:
    """Commit `rows` as the partitions of `dataset` that they lie in, in the place of what is there.

    With `held` as posts or quarantine that are held back.
    """
    keys = contract(dataset).partition
    verdict = {"verdict": f"held_{contract(dataset).verdict}"} if held else {}

    def place(row: dict[str, Any]) -> tuple[str | None, ...]:
        return tuple(None if row[key] is None else str(row[key]) for key in keys)

    ordered = sorted(rows, key=lambda row: tuple(map(str, place(row))))
    view = View(lake)
    target = view.table(contract(dataset).table)
    add, remove = [], []
    for values, group in groupby(ordered, key=place):
        batch = pa.RecordBatch.from_pylist(list(group), schema=schema(dataset))
        named = {**dict(zip(keys, values, strict=True)), **verdict}
        add += write(lake, dataset, named, made_from or MADE_FROM.get(dataset, "made"), [batch])
        remove += [
            file for file in view.files(dataset, held=held) if {**dict(file.values), **named} == dict(file.values)
        ]
    lake.commit(target, add, remove, step="test", days=[], cause="test")


def rows(lake: Lake, dataset: str, days: Sequence[str] | None = None, held: bool = False) -> list[dict[str, Any]]:
    """All rows of `dataset`, partition columns included, by partition and key."""
    order = ", ".join(dict.fromkeys([*contract(dataset).partition[:1], *contract(dataset).key]))
    with View(lake).query() as query:
        query.read(dataset, days, held)
        return query.rows(f"FROM {dataset} ORDER BY {order}")


def tables(lake: Lake, *datasets: str) -> dict[str, tuple[list[str], list[dict[str, Any]]]]:
    """Of each of `datasets`, its columns and all its rows, ordered by all of them."""
    found = {}
    for dataset in datasets:
        with View(lake).query() as query:
            query.read(dataset)
            table = query.table(f"FROM {dataset} ORDER BY ALL")
        found[dataset] = (table.schema.names, table.to_pylist())
    return found


def versions(lake: Lake) -> dict[str, int | None]:
    """The version of every table."""
    return View(lake).versions()
