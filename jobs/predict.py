"""Score a file of the user's own: CSV, JSON lines or Parquet with a `text` column, row by row, in order.

Nothing of the lake is read or written, and every row is scored whatever its language. Columns `language` and `kind`,
where the file has them, tell the model what it would otherwise find out or do without.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import schema
from jobs.lake.writer import BATCH_ROWS
from jobs.progress import track
from jobs.read import delimited, json_lines, parquet
from jobs.read.dialect import dialect_of
from jobs.read.record import ReadError
from jobs.read.table import Row
from jobs.score import score_columns
from jobs.settings import Kind, Scoring
from models.files import whole
from models.sentiment.cascade import scorer
from models.sentiment.contract import Scores, Texts
from models.sentiment.loading import open_model

TEXT, LANGUAGE, KIND = "text", "language", "kind"
ADDED = ("negative", "neutral", "positive", "polarity", "label", "unsure", LANGUAGE, "model_version")
Values = dict[str, Any]
Sink = Callable[[list[Values]], None]


class FileError(ValueError):
    """The input cannot be read or the output not be written; the message names the file and the row."""


def predict(source: Path, target: Path, model_name: str, budget_minutes: float = Scoring().budget_minutes) -> int:
    """Write the rows of `source` with the columns ADDED to `target`; returns their number.

    A cascade has `budget_minutes` for the whole file and reads it twice. Formats go by the endings .csv, .jsonl and
    .parquet. From Parquet to Parquet the other columns keep their types; values of JSON lines that have no common
    Parquet type become JSON text. A column of the input that is called like one of ADDED is kept as `input_<name>`.
    Raises FileError; `target` appears whole or not at all.
    """
    (read, schema_of), write = _by_ending(source, READERS), _by_ending(target, WRITERS)
    if not source.is_file():
        raise FileError(f"{source}: no such file")
    if not target.parent.is_dir():
        raise FileError(f"{target}: there is no folder {target.parent}; make it first")
    try:
        columns = schema_of(source)
        names = _kept_names(source, columns.names)
        model, rows = open_model(model_name, budget_minutes), 0
        with whole(target) as aside, write(aside, _with_added(columns, names)) as sink:
            judged = scorer(model, map(texts_of, _batches(track(_sound(source, read), f"read {source.name}"))))
            for batch in _batches(track(_sound(source, read), f"predict {source.name}")):
                texts = texts_of(batch)
                sink(_with_scores(batch, names, texts, judged(texts)))
                rows += len(batch)
    except ReadError as fault:
        raise FileError(f"{source}: {fault}") from fault
    return rows


def _kept_names(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """The name in the output of each column of the input; FileError unless one, and only one, holds the texts."""
    if TEXT not in columns:
        raise FileError(f"{path}: no column {TEXT!r}; it has {', '.join(columns)}. Rename the one that holds the texts")
    if len(set(columns)) < len(columns):
        twice = sorted({name for name in columns if list(columns).count(name) > 1})
        raise FileError(f"{path}: two columns are called {', '.join(twice)}; rename one")
    names: dict[str, str] = {}
    for column in columns:
        name = column
        while name in ADDED or (name != column and name in columns):
            name = f"input_{name}"
        names[column] = name
    return names


def _with_added(columns: pa.Schema, names: Mapping[str, str]) -> pa.Schema:
    scored = schema("scored_posts")
    return pa.schema([*(f.with_name(names[f.name]) for f in columns), *(scored.field(name) for name in ADDED)])


def texts_of(rows: Sequence[Values]) -> Texts:
    """What the model is given: a language that is none of ours is identified, a kind that is none of ours empty."""
    from models.language import LANGUAGES, identify

    texts = ["" if row[TEXT] is None else str(row[TEXT]) for row in rows]
    languages = [str(row.get(LANGUAGE)) for row in rows]
    unknown = [place for place, language in enumerate(languages) if language not in LANGUAGES]
    for place, found in zip(unknown, identify([texts[place] for place in unknown]), strict=True):
        languages[place] = found
    kinds = [str(row.get(KIND)) for row in rows]
    return Texts(texts, languages, [kind if kind in get_args(Kind) else "" for kind in kinds])


def _with_scores(rows: list[Values], names: Mapping[str, str], texts: Texts, scores: Scores) -> list[Values]:
    columns = {name: values.to_pylist() for name, values in score_columns(scores).items()}
    columns |= {LANGUAGE: texts.languages, "model_version": scores.sources}
    return [
        {names[name]: value for name, value in row.items()} | {name: columns[name][place] for name in ADDED}
        for place, row in enumerate(rows)
    ]


def _batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch


def _read_csv(path: Path) -> Iterator[Row]:
    return delimited.rows(path, dialect_of(path, [TEXT]))


def _csv_schema(path: Path) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in delimited.header(path, dialect_of(path, [TEXT]))])


def _read_jsonl(path: Path) -> Iterator[Row]:
    for row in json_lines.rows(path, strict=True):
        yield row if row.error or TEXT in row.values else replace(row, error=f"no key {TEXT!r}")


def _jsonl_schema(path: Path) -> pa.Schema:
    """Every key of the file, in order of appearance, with a type that holds all its values."""
    types: dict[str, pa.DataType] = {TEXT: pa.null()}
    order: dict[str, None] = {}
    for rows in _batches(_sound(path, _read_jsonl)):
        order |= dict.fromkeys(key for row in rows for key in row)
        for name in order:
            types[name] = _common(types.get(name, pa.null()), [row.get(name) for row in rows])
    return pa.schema([(name, types[name]) for name in order or types])


def _common(known: pa.DataType, values: list[Any]) -> pa.DataType:
    """The type that holds `values` and what `known` holds; text where Arrow has none."""
    try:
        pair = [pa.schema([("value", kind)]) for kind in (known, pa.array(values).type)]
        return pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except (pa.ArrowException, OverflowError):
        return pa.string()


def _sound(path: Path, read: Callable[[Path], Iterator[Row]]) -> Iterator[Values]:
    """The values of every row of `path`; FileError at the first that cannot be read."""
    for row in read(path):
        if row.error:
            raise FileError(f"{path}: line {row.line}: {row.error}; mend the line")
        yield row.values


@contextmanager
def _write_csv(path: Path, columns: pa.Schema) -> Iterator[Sink]:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=columns.names)
        writer.writeheader()
        yield writer.writerows


@contextmanager
def _write_jsonl(path: Path, _: pa.Schema) -> Iterator[Sink]:
    with path.open("w", encoding="utf-8") as target:
        yield lambda rows: target.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)


@contextmanager
def _write_parquet(path: Path, columns: pa.Schema) -> Iterator[Sink]:
    texts = [field.name for field in columns if pa.types.is_string(field.type)]

    def write(rows: list[Values]) -> None:
        for row in rows:
            row |= {name: _text(row[name]) for name in texts if name in row}
        writer.write_table(pa.Table.from_pylist(rows, schema=columns))

    with pq.ParquetWriter(path, columns, compression="zstd") as writer:
        yield write


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


READERS: dict[str, tuple[Callable[[Path], Iterator[Row]], Callable[[Path], pa.Schema]]] = {
    ".csv": (_read_csv, _csv_schema),
    ".jsonl": (_read_jsonl, _jsonl_schema),
    ".parquet": (parquet.rows, parquet.schema),
}
WRITERS: dict[str, Callable[[Path, pa.Schema], AbstractContextManager[Sink]]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


def _by_ending(path: Path, known: Mapping[str, Any]) -> Any:
    if path.suffix.lower() not in known:
        raise FileError(f"{path}: unknown ending {path.suffix!r}; known are {', '.join(known)}")
    return known[path.suffix.lower()]
