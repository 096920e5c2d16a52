"""Score a file of the user's own: CSV, JSON lines or Parquet with a `text` column, row by row, in order.

Nothing of the lake is read or written, and every row is scored whatever its language. Columns `language` and `kind`,
where the file has them, tell the model what it would otherwise find out or do without.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import schema
from jobs.delimited import LONGEST_FIELD, detect_delimiter, detect_encoding
from jobs.progress import track
from jobs.score import score_columns
from jobs.settings import Kind, Scoring
from jobs.storage import BATCH_ROWS
from models.files import whole
from models.sentiment.cascade import scorer
from models.sentiment.contract import Scores, Texts
from models.sentiment.loading import open_model

TEXT, LANGUAGE, KIND = "text", "language", "kind"
ADDED = ("negative", "neutral", "positive", "polarity", "label", "unsure", LANGUAGE, "model_version")
Row = dict[str, Any]
Sink = Callable[[list[Row]], None]


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
    columns = schema_of(source)
    names = _kept_names(source, columns.names)
    model, rows = open_model(model_name, budget_minutes), 0
    with whole(target) as aside, write(aside, _with_added(columns, names)) as sink:
        judged = scorer(model, map(texts_of, _batches(track(read(source), f"read {source.name}"))))
        for batch in _batches(track(read(source), f"predict {source.name}")):
            texts = texts_of(batch)
            sink(_with_scores(batch, names, texts, judged(texts)))
            rows += len(batch)
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


def texts_of(rows: Sequence[Row]) -> Texts:
    """What the model is given: a language that is none of ours is identified, a kind that is none of ours empty."""
    from models.language import LANGUAGES, identify

    texts = ["" if row[TEXT] is None else str(row[TEXT]) for row in rows]
    languages = [str(row.get(LANGUAGE)) for row in rows]
    unknown = [place for place, language in enumerate(languages) if language not in LANGUAGES]
    for place, found in zip(unknown, identify([texts[place] for place in unknown]), strict=True):
        languages[place] = found
    kinds = [str(row.get(KIND)) for row in rows]
    return Texts(texts, languages, [kind if kind in get_args(Kind) else "" for kind in kinds])


def _with_scores(rows: list[Row], names: Mapping[str, str], texts: Texts, scores: Scores) -> list[Row]:
    columns = {name: values.to_pylist() for name, values in score_columns(scores).items()}
    columns |= {LANGUAGE: texts.languages, "model_version": scores.sources}
    return [
        {names[name]: value for name, value in row.items()} | {name: columns[name][place] for name in ADDED}
        for place, row in enumerate(rows)
    ]


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch


def _read_csv(path: Path) -> Iterator[Row]:
    with _open_csv(path) as source:
        lines = _csv_lines(source)
        header = next(lines, [])
        try:
            for number, values in enumerate(lines, start=1):
                if values and len(values) != len(header):
                    raise FileError(
                        f"{path}: row {number} has {len(values)} fields, the header {len(header)}; mend the row"
                    )
                if values:
                    yield dict(zip(header, values, strict=True))
        except csv.Error as fault:
            raise FileError(f"{path}: cannot be read as CSV: {fault}") from fault


def _csv_schema(path: Path) -> pa.Schema:
    with _open_csv(path) as source:
        return pa.schema([(name, pa.string()) for name in next(_csv_lines(source), [])])


def _open_csv(path: Path) -> TextIO:
    return path.open(encoding=detect_encoding(path), errors="replace", newline="")


def _csv_lines(source: TextIO) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = detect_delimiter(source.readline(), [TEXT])
    source.seek(0)
    return csv.reader(source, delimiter=delimiter)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as source:
        for number, line in enumerate(source, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if b"\\ud" in line.lower():  # perhaps half a character, which no encoding can write
                    row = json.loads(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))
            except (ValueError, RecursionError) as fault:
                raise FileError(f"{path}: line {number} is not JSON in UTF-8: {fault}") from fault
            if not isinstance(row, dict) or TEXT not in row:
                raise FileError(f"{path}: line {number} is no JSON object with the key {TEXT!r}")
            yield row


def _jsonl_schema(path: Path) -> pa.Schema:
    """Every key of the file, in order of appearance, with a type that holds all its values."""
    types: dict[str, pa.DataType] = {TEXT: pa.null()}
    order: dict[str, None] = {}
    for rows in _batches(_read_jsonl(path)):
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


def _read_parquet(path: Path) -> Iterator[Row]:
    with _readable(path), pq.ParquetFile(path) as source:
        for batch in source.iter_batches(batch_size=BATCH_ROWS):
            yield from batch.to_pylist()


def _parquet_schema(path: Path) -> pa.Schema:
    with _readable(path):
        return pq.read_schema(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as fault:
        raise FileError(f"{path}: not a readable Parquet file: {fault}") from fault


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

    def write(rows: list[Row]) -> None:
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
    ".parquet": (_read_parquet, _parquet_schema),
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
