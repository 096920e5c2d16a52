"""The lines by which the README reads a table with pandas, DuckDB and Spark, run as they stand there."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tests.cluster import needs_java, session
from tests.place import Place

README = Path(__file__).parents[1] / "README.md"
SHOWN = re.findall(r"^With (pandas|DuckDB|Spark)[^\n]*:\n\n```python\n(.*?)```", README.read_text(), re.M | re.S)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake called `lake` in the present folder, whose scored posts were replaced once."""
    place = Place(tmp_path)
    for labels in (["positive"], ["negative", "neutral", "negative"]):
        rows = [
            {"feed": "posts", "post_id": str(n), "published_date": None, "label": label, "text": f"Olá {n}"}
            for n, label in enumerate(labels)
        ]
        place.put("scored_posts", rows)
    monkeypatch.chdir(tmp_path)


def test_each_reader_is_shown_in_two_lines() -> None:
    lines = {reader: [line for line in shown.splitlines() if line] for reader, shown in SHOWN}
    assert {reader: len(of) for reader, of in lines.items()} == {"pandas": 2, "DuckDB": 2, "Spark": 2}


@pytest.mark.usefixtures("lake")
def test_the_lines_for_pandas_read_the_newest_version() -> None:
    names = run("pandas")
    assert sorted(names["posts"]["text"]) == ["Olá 0", "Olá 1", "Olá 2"]


@pytest.mark.usefixtures("lake")
def test_the_lines_for_duckdb_read_the_newest_version() -> None:
    names = run("DuckDB")
    assert sorted(row[0] for row in names["negative"].project("text").fetchall()) == ["Olá 0", "Olá 2"]


@needs_java
@pytest.mark.usefixtures("lake")
def test_the_lines_for_spark_read_the_newest_version() -> None:
    with session() as spark:
        names = run("Spark", spark=spark)
        read = sorted(row["text"] for row in names["posts"].select("text", "feed").collect())
    assert read == ["Olá 0", "Olá 1", "Olá 2"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def run(reader: str, **given: Any) -> dict[str, Any]:
    """The names there are after the lines of a reader were run with what they take for granted."""
    names = {"DeltaTable": DeltaTable, **given}
    exec(dict(SHOWN)[reader], names)
    return names
