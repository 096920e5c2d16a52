"""The lines by which the README reads a table with pandas, DuckDB and Spark, run as they stand there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tests.place import Place

README = Path(__file__).parents[1] / "README.md"
SHOWN = re.findall(r"^With (pandas|DuckDB|Spark)[^\n]*:\n\n```python\n(.*?)```", README.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session, for the lines that take one for granted."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    local = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session = local.getOrCreate()
    yield session
    session.stop()


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
@pytest.mark.parametrize(("reader", "lines"), SHOWN, ids=[reader for reader, _ in SHOWN])
def test_the_lines_read_the_newest_version(request: pytest.FixtureRequest, reader: str, lines: str) -> None:
    names: dict[str, Any] = {"DeltaTable": DeltaTable}
    if reader == "Spark":
        names["spark"] = request.getfixturevalue("spark")
    exec(lines, names)
    read = {
        "pandas": lambda: sorted(names["posts"]["text"]),
        "DuckDB": lambda: sorted(row[0] for row in names["negative"].project("text").fetchall()),
        "Spark": lambda: sorted(row["text"] for row in names["posts"].select("text", "feed").collect()),
    }[reader]()
    assert read == (["Olá 0", "Olá 2"] if reader == "DuckDB" else ["Olá 0", "Olá 1", "Olá 2"])
