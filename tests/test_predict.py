"""Predict: a file of the user's own is scored row by row; everything else in it is kept."""

from __future__ import annotations

import csv
import json
import math
import tracemalloc
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.lake.writer import BATCH_ROWS
from jobs.predict import ADDED, FileError, predict, texts_of
from jobs.settings import Scoring
from models import sentiment
from models.sentiment import artifact
from models.sentiment.contract import Texts
from tests.artefacts import package
from tests.place import EN, ES, PT, RU

MODEL = Scoring().model
TEXTS = [PT, EN, "", RU, ES, 'diz "ótimo"\ncom quebra; e, vírgula\te tab']


def run(source: Path, ending: str = "") -> Path:
    """The scored copy of `source`, by default of the same format."""
    target = source.with_name(f"out{ending or source.suffix}")
    predict(source, target, MODEL)
    return target


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        jsonl(path, rows)
    else:
        with path.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


ROWS: list[dict[str, Any]] = [{"n": str(n), "text": text, "who": f"p{n % 2}"} for n, text in enumerate(TEXTS)]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("begin", [".csv", ".jsonl", ".parquet"])
def test_rows_order_and_columns_are_kept_from_any_format_to_any(tmp_path: Path, begin: str, ending: str) -> None:
    scored = read(run(write(tmp_path / f"in{begin}", ROWS), ending))
    assert [{key: row[key] for key in ("n", "text", "who")} for row in scored] == ROWS
    assert [list(row) for row in scored] == [["n", "text", "who", *ADDED]] * len(ROWS)


def test_every_row_is_scored_by_the_model_whatever_its_language(tmp_path: Path) -> None:
    scored = read(run(write(tmp_path / "in.parquet", ROWS)))
    model = sentiment.load(MODEL)
    for text, row, (negative, neutral, positive) in zip(TEXTS, scored, model.predict(TEXTS).tolist(), strict=True):
        assert [row["negative"], row["neutral"], row["positive"]] == pytest.approx(
            [negative, neutral, positive], abs=1e-6
        )
        assert row["polarity"] == pytest.approx(positive - negative, abs=1e-6)
        assert row["label"] == max(("negative", "neutral", "positive"), key=row.__getitem__)
        assert row["unsure"] == (not text.strip() or max(negative, neutral, positive) < model.unsure_below)
        assert row["model_version"] == model.version
    assert [row["language"] for row in scored[:5]] == ["pt", "en", "other", "other", "es"]


def test_the_number_of_rows_is_returned(tmp_path: Path) -> None:
    assert predict(write(tmp_path / "in.csv", ROWS), tmp_path / "out.csv", MODEL) == len(ROWS)


def test_a_file_may_be_replaced_by_its_scored_self(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", ROWS)
    predict(path, path, MODEL)
    assert [row["n"] for row in read(path)] == [row["n"] for row in ROWS]
    assert set(ADDED) <= read(path)[0].keys()


def test_null_text_is_scored_as_empty_and_stays_null(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array([None, PT]), "n": [1, 2]})
    pq.write_table(table, tmp_path / "in.parquet")
    first, _ = read(run(tmp_path / "in.parquet"))
    assert first["text"] is None
    assert first["language"] == "other"
    assert first["polarity"] is not None
    (null, _) = read(run(jsonl(tmp_path / "in.jsonl", [{"text": None}, {"text": PT}])))
    assert null["text"] is None


def test_columns_called_like_the_added_ones_are_kept_under_another_name(tmp_path: Path) -> None:
    row = {"label": "mine", "text": PT, "language": "tupi", "input_label": "older"}
    (scored,) = read(run(jsonl(tmp_path / "in.jsonl", [row])))
    assert scored["input_language"] == "tupi"
    assert {"mine", "older"} <= {value for key, value in scored.items() if key.startswith("input_")}
    assert scored["label"] in ("negative", "neutral", "positive")
    assert scored["language"] == "pt"


# What else the file knows


def test_languages_and_kinds_of_the_file_are_told_to_the_model_where_they_are_ours() -> None:
    rows = [
        {"text": PT, "language": "es", "kind": "news"},
        {"text": PT, "language": "tupi", "kind": "gossip"},
        {"text": EN, "language": None, "kind": None},
        {"text": RU, "language": "", "kind": "review"},
        {"text": EN},
    ]
    assert texts_of(rows) == Texts(
        [PT, PT, EN, RU, EN], ["es", "pt", "en", "other", "en"], ["news", "", "", "review", ""]
    )


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_the_language_of_the_file_is_the_one_that_is_written(tmp_path: Path, ending: str) -> None:
    rows = [{"text": PT, "language": "es", "kind": "post"}, {"text": PT, "language": "tupi", "kind": "post"}]
    scored = read(run(write(tmp_path / f"in{ending}", rows)))
    assert [(row["language"], row["input_language"], row["kind"]) for row in scored] == [
        ("es", "es", "post"),
        ("pt", "tupi", "post"),
    ]


# The cascade


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_cascade_has_one_budget_for_the_file_and_names_the_model_of_each_row(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "ARTIFACTS", tmp_path / "artifacts")
    package(tmp_path / "artifacts", "fast", unsure_below=0.0)
    package(tmp_path / "artifacts", "accurate", serving={"chars_per_second": 1}, unsure_below=1.0)
    texts = [PT, EN, *["bom"] * BATCH_ROWS, "x"]
    source = write(tmp_path / f"in{ending}", [{"text": text} for text in texts])
    predict(source, tmp_path / f"out{ending}", "cascade", 1)
    scored = read(tmp_path / f"out{ending}")
    # A text that is read again is read in another batch, which some processors give another last digit.
    certainty = [round(max(float(row[name]) for name in ("negative", "neutral", "positive")), 5) for row in scored]
    again = [place for place, row in enumerate(scored) if row["model_version"] == "accurate-1"]
    assert again == sorted(sorted(range(len(texts)), key=lambda place: (certainty[place], place))[: len(again)])
    assert sum(max(20, len(texts[place])) for place in again) <= 60
    assert {row["model_version"] for row in scored} == {"fast-1", "accurate-1"}
    assert [place for place, row in enumerate(scored) if str(row["unsure"]) == "True"] == again


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_delimiter_and_encoding_of_a_csv_are_found_out(tmp_path: Path, delimiter: str, encoding: str) -> None:
    texts = ["São João é ótimo, não é? Já voltei três vezes", 'aspas "assim"\ne outra linha', "maçã; pêra | uva, avó"]
    with (tmp_path / "in.csv").open("w", encoding=encoding, newline="") as target:
        csv.writer(target, delimiter=delimiter).writerows([["id", "text"], *enumerate(texts)])
    assert [row["text"] for row in read(run(tmp_path / "in.csv"))] == texts


def test_every_row_of_a_csv_of_one_column_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", [{"text": PT}, {"text": ""}, {"text": EN}])
    assert [row["text"] for row in read(run(path))] == [PT, "", EN]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("begin", [".csv", ".parquet"])
def test_a_file_without_rows_gives_a_file_without_rows(tmp_path: Path, begin: str, ending: str) -> None:
    source = tmp_path / f"in{begin}"
    if begin == ".csv":
        source.write_text("id,text\n", encoding="utf-8")
    else:
        pq.write_table(pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}), source)
    target = run(source, ending)
    assert read(target) == []
    if ending == ".csv":
        assert target.read_text(encoding="utf-8").strip().split(",") == ["id", "text", *ADDED]
    if ending == ".parquet":
        assert pq.read_schema(target).names == ["id", "text", *ADDED]


# JSON lines


def test_nested_values_of_json_lines_are_kept(tmp_path: Path) -> None:
    rows = [
        {"text": PT, "user": {"name": "Zé", "tags": [1, None, "x"]}, "n": 12345678901234567890},
        {"text": EN, "é": 0.1},
    ]
    scored = read(run(jsonl(tmp_path / "in.jsonl", rows)))
    assert [{key: value for key, value in row.items() if key not in ADDED} for row in scored] == rows


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("late", [1, BATCH_ROWS], ids=["same batch", "later batch"])
def test_keys_that_only_some_json_lines_have_become_columns(tmp_path: Path, ending: str, late: int) -> None:
    rows: list[dict[str, Any]] = [{"text": "", "always": "a"} for _ in range(late)]
    rows.append({"text": "", "late": "b"})
    scored = read(run(jsonl(tmp_path / "in.jsonl", rows), ending))
    assert len(scored) == late + 1
    assert scored[-1]["late"] == "b"
    assert scored[0]["always"] == "a"
    assert not scored[-1]["always"]


def test_half_an_emoji_in_json_lines_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"text": "corte {chr(92)}ud83d"}}\n', encoding="utf-8")
    for ending in (".jsonl", ".csv", ".parquet"):
        (row,) = read(run(path, ending))
        assert row["text"].startswith("corte ")


# Parquet


FAITHFUL = {
    "int8": pa.array([1, None, 3], pa.int8()),
    "uint64": pa.array([2**64 - 1, None, 0], pa.uint64()),
    "int64": pa.array([2**53 + 1, None, -1], pa.int64()),
    "float": pa.array([0.1, None, math.inf], pa.float32()),
    "bool": pa.array([True, None, False]),
    "decimal": pa.array([Decimal("1.10"), None, Decimal("-3.00")], pa.decimal128(9, 2)),
    "date": pa.array([date(2026, 1, 2), None, date(1, 1, 1)]),
    "seconds": pa.array([datetime(2026, 1, 2), None, datetime(1990, 1, 1)], pa.timestamp("s")),
    "micros": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6, UTC), None, None], pa.timestamp("us", "America/Sao_Paulo")),
    "nanos": pa.array([1767323045000000001, None, 0], pa.int64()).cast(pa.timestamp("ns", "UTC")),
    "time": pa.array([time(1, 2, 3), None, time(4)], pa.time64("us")),
    "duration": pa.array([timedelta(seconds=5), None, timedelta(0)], pa.duration("ms")),
    "binary": pa.array([b"\x00\xff", None, b""]),
    "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
    "struct": pa.array(
        [{"a": 1, "b": None}, None, {"a": None, "b": "x"}], pa.struct({"a": pa.int16(), "b": pa.string()})
    ),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int8())),
    "dictionary": pa.array(["a", None, "a"]).dictionary_encode(),
    "large": pa.array(["a", None, "b"], pa.large_string()),
    "nothing": pa.nulls(3),
    "empty": pa.nulls(3, pa.string()),
}


def test_columns_of_a_parquet_file_keep_their_types_and_values(tmp_path: Path) -> None:
    pq.write_table(pa.table({**FAITHFUL, "text": [PT, EN, RU]}), tmp_path / "in.parquet")
    source = pq.read_table(tmp_path / "in.parquet")
    kept = pq.read_table(run(tmp_path / "in.parquet")).select(source.column_names)
    assert {f.name: f.type for f in kept.schema} == {f.name: f.type for f in source.schema}
    for name in source.column_names:
        assert kept.column(name).to_pylist() == source.column(name).to_pylist(), name


def test_a_column_that_is_null_at_first_keeps_its_later_values(tmp_path: Path) -> None:
    rows = BATCH_ROWS + 2
    late = pa.array([None] * (rows - 1) + [7], pa.int32())
    pq.write_table(pa.table({"text": [""] * rows, "late": late}), tmp_path / "in.parquet")
    assert pq.read_table(run(tmp_path / "in.parquet")).column("late").combine_chunks() == late
    scored = jsonl(tmp_path / "in.jsonl", [{"text": "", "late": None}] * (rows - 1) + [{"text": "", "late": 7}])
    assert pq.read_table(run(scored, ".parquet")).column("late").to_pylist() == late.to_pylist()


# What goes wrong is told, and leaves nothing behind


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("in.csv", b"id,words\n1,oi\n", r"in\.csv.*no column 'text'.*id, words"),
        ("in.csv", b"", r"in\.csv.*no column 'text'"),
        ("in.csv", b"id,text\n1,oi\n2,a,b\n", r"in\.csv: line 3: 3 fields where the header has 2; mend the line"),
        ("in.csv", b'id,text\n1,"oi\n2,a\n', r"in\.csv: line 2: a quote is opened and never closed"),
        ("in.jsonl", b'{"text": "a"}\n{"text": \n', r"in\.jsonl.*line 2.*not JSON"),
        ("in.jsonl", b'{"text": "a"}\n\n{"words": "b"}\n', r"in\.jsonl.*line 3.*'text'"),
        ("in.jsonl", b'["text"]\n', r"in\.jsonl.*line 1"),
        ("in.jsonl", b'{"text": "caf\xe9"}\n', r"in\.jsonl.*UTF-8"),
        ("in.parquet", b"PAR1 no it is not", r"in\.parquet.*not a readable Parquet file"),
        ("in.xlsx", b"", r"in\.xlsx.*'\.xlsx'.*\.csv, \.jsonl, \.parquet"),
    ],
)
def test_errors_name_the_file_and_the_row(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=told):
        predict(tmp_path / name, tmp_path / "out.csv", MODEL)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_late_error_leaves_the_old_output_as_it_was(tmp_path: Path) -> None:
    rows = [{"text": ""}] * (BATCH_ROWS + 1)
    path = jsonl(tmp_path / "in.jsonl", [*rows, "no object"])
    (tmp_path / "out.csv").write_text("old", encoding="utf-8")
    with pytest.raises(FileError, match=f"line {len(rows) + 1}"):
        run(path, ".csv")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.csv"]


def test_a_missing_input_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"absent\.csv"):
        predict(tmp_path / "absent.csv", tmp_path / "out.csv", MODEL)
    source = write(tmp_path / "in.csv", ROWS)
    with pytest.raises(FileError, match="nowhere"):
        predict(source, tmp_path / "nowhere" / "out.csv", MODEL)


def test_a_parquet_file_without_texts_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"words": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(FileError, match=r"in\.parquet.*'text'.*words"):
        run(tmp_path / "in.parquet")


@pytest.mark.slow
def test_a_big_file_is_never_held_whole(tmp_path: Path) -> None:
    """Three times the rows need about the same memory of Python's own."""
    peaks = []
    for size in (BATCH_ROWS, 3 * BATCH_ROWS):
        path = tmp_path / f"{size}.csv"
        with path.open("w", encoding="utf-8") as target:
            target.write("text,ballast\n")
            target.writelines(f",{n:0200}\n" for n in range(size))
        tracemalloc.start()
        predict(path, tmp_path / "out.csv", MODEL)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
