"""Score a file of the user's own: CSV, JSON lines or Parquet with a `text` column, row by row, in order.

Nothing of the lake is read or written, and every row is scored whatever its language.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.delimited import LONGEST_FIELD, detect_delimiter, detect_encoding
from jobs.progress import track
from jobs.score import score_columns
from jobs.storage import BATCH_ROWS
from models import sentiment

TEXT = "text"
ADDED = ("negative", "neutral", "positive", "polarity", "label", "language", "model_version")
Row = dict[str, Any]


class FileError(ValueError):
    """The input cannot be read or the output not be written; the message names the file and the row."""


def predict(source: Path, target: Path, model_name: str) -> int:
    """Write the rows of `source` with the columns ADDED to `target`; returns their number.

    Formats go by the endings .csv, .jsonl and .parquet. A column of the input that is called like one of ADDED is
    kept as `input_<name>`. Raises FileError; `target` appears whole or not at all.
    """
    read, write = _by_ending(source, READERS), _by_ending(target, WRITERS)
    if not source.is_file():
        raise FileError(f"{source}: no such file")
    model, rows = sentiment.load(model_name), 0
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with write(aside) as sink:
            for batch in _batches(track(read(source), f"predict {source.name}")):
                sink(_scored(batch, model))
                rows += len(batch)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return rows


def _scored(rows: list[Row], model: sentiment.SentimentModel) -> list[Row]:
    from models import language

    texts = ["" if row[TEXT] is None else str(row[TEXT]) for row in rows]
    columns = {name: values.to_pylist() for name, values in score_columns(model.predict(texts), model).items()}
    columns["language"] = language.identify(texts)
    columns["model_version"] = [model.version] * len(rows)
    return [
        {
            **{f"input_{name}" if name in ADDED else name: value for name, value in row.items()},
            **{name: columns[name][place] for name in ADDED},
        }
        for place, row in enumerate(rows)
    ]


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding=detect_encoding(path), newline="") as source:
        delimiter = detect_delimiter(source.readline(), [TEXT])
        source.seek(0)
        lines = csv.reader(source, delimiter=delimiter)
        header = next(lines, [])
        _require_text(path, header)
        for number, values in enumerate(lines, start=1):
            if values and len(values) != len(header):
                raise FileError(
                    f"{path}: row {number} has {len(values)} fields, the header {len(header)}; mend the row"
                )
            if values:
                yield dict(zip(header, values, strict=True))


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as source:
        for number, line in enumerate(source, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as fault:
                raise FileError(f"{path}: line {number} is not JSON: {fault}") from fault
            if not isinstance(row, dict) or TEXT not in row:
                raise FileError(f"{path}: line {number} is no JSON object with the key {TEXT!r}")
            yield row


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as source:
            _require_text(path, source.schema_arrow.names)
            for batch in source.iter_batches(batch_size=BATCH_ROWS):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as fault:
        raise FileError(f"{path}: not a readable Parquet file: {fault}") from fault


def _require_text(path: Path, columns: list[str]) -> None:
    if TEXT not in columns:
        raise FileError(f"{path}: no column {TEXT!r}; it has {', '.join(columns)}. Rename the one that holds the texts")


Sink = Callable[[list[Row]], None]


@contextmanager
def _write_csv(path: Path) -> Iterator[Sink]:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer: csv.DictWriter[str] | None = None

        def write(rows: list[Row]) -> None:
            nonlocal writer
            if writer is None:
                writer = csv.DictWriter(target, fieldnames=list(rows[0]))
                writer.writeheader()
            writer.writerows(rows)

        yield write


@contextmanager
def _write_jsonl(path: Path) -> Iterator[Sink]:
    with path.open("w", encoding="utf-8") as target:
        yield lambda rows: target.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)


@contextmanager
def _write_parquet(path: Path) -> Iterator[Sink]:
    writer: pq.ParquetWriter | None = None

    def write(rows: list[Row]) -> None:
        nonlocal writer
        table = pa.Table.from_pylist(rows) if writer is None else pa.Table.from_pylist(rows, schema=writer.schema)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
WRITERS: dict[str, Callable[[Path], Any]] = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}


def _by_ending(path: Path, known: dict[str, Any]) -> Any:
    if path.suffix.lower() not in known:
        raise FileError(f"{path}: unknown ending {path.suffix!r}; known are {', '.join(known)}")
    return known[path.suffix.lower()]
