"""Spark on a real cluster of two workers: the rows of this machine, also when an executor is killed in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.engine import Engine, EngineError, LocalEngine, SparkEngine, open_engine
from jobs.lake.query import View
from jobs.score import score
from jobs.settings import EngineChoice
from jobs.validate import validate
from tests.cluster import cluster, needs_java
from tests.engines import DAYS, made, small_lake
from tests.kernels import KillsItsExecutor, double
from tests.place import Place

pytestmark = needs_java


@dataclass(frozen=True)
class Killing:
    """An engine of which one executor is killed in the middle of a map."""

    engine: Engine
    done: Path

    def map(self, kernel: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        return self.engine.map(KillsItsExecutor(kernel, str(self.done)), tasks)


@pytest.mark.slow
def test_a_killed_executor_loses_nothing_and_rows_are_those_of_this_machine(tmp_path: Path) -> None:
    place, killed = small_lake(tmp_path / "place"), tmp_path / "killed"
    expected = made(place, tmp_path / "local", LocalEngine())
    with (
        cluster(2, tmp_path) as master,
        open_engine(EngineChoice(kind="spark", master=master, options={"spark.executor.memory": "512m"})) as engine,
    ):
        assert made(place, tmp_path / "spark", engine, lambda engine: Killing(engine, killed)) == expected
    assert killed.exists()
    lake = Place.at(tmp_path / "spark").lake
    committed = {f"{lake.base}/{file.path}" for file in View(lake).files("scored_posts")}
    written = {str(path) for path in Path(lake.base, "scored_posts").rglob("*.parquet") if "_delta" not in str(path)}
    assert len(written - committed) == 1, "the file of the killed attempt lies there, uncommitted"
    assert committed < written


def test_the_settings_choose_the_engine_of_validate_and_score(tmp_path: Path) -> None:
    place = small_lake(tmp_path / "place")
    local = place.settings
    place.configure(("posts", "shop"), engine={"kind": "spark", "master": "spark://127.0.0.1:1"})
    with pytest.raises(EngineError, match=r"^no Spark master answers at spark://127\.0\.0\.1:1"):
        validate(place.settings, DAYS)
    validate(local, DAYS)
    with pytest.raises(EngineError, match=r"^no Spark master answers"):
        score(place.settings, DAYS)


def test_a_property_that_spark_refuses_is_told_in_a_sentence() -> None:
    with pytest.raises(EngineError, match=r"^Spark at local\[1\] did not start: ") as caught:
        list(SparkEngine("local[1]", {"spark.driver.memory": "much"}).map(double, [1]))
    assert "\n" not in str(caught.value)
