"""The contract of engines, kept by threads and by Spark: the same results and faults, the same rows, nothing left."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs.engine import Engine, EngineError, LocalEngine, SparkEngine, open_engine
from jobs.lake.table import LakeError
from jobs.settings import EngineChoice
from tests.cluster import needs_java
from tests.engines import made, small_lake
from tests.kernels import HOLES, double, leave_holes, refuse_seven
from tests.place import Place

SPARK = EngineChoice(kind="spark", master="local[2]")
LOCAL = [pytest.param(LocalEngine(workers), id=f"local-{workers}") for workers in (1, 2, 4)]
IN_SPARK = pytest.param(SPARK, id="spark", marks=[needs_java, pytest.mark.slow])


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    """One Spark for all tests; when it is closed, no process and no thread of it is left."""
    before = set(psutil.Process().children(recursive=True))
    with open_engine(SPARK) as engine:
        yield engine
        started = set(psutil.Process().children(recursive=True)) - before
        assert any("java" in process.name() for process in started)
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("engine")]


@pytest.fixture(params=[*LOCAL, IN_SPARK])
def engine(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("spark") if request.param is SPARK else request.param


def test_every_task_is_done_once(engine: Engine) -> None:
    assert sorted(engine.map(double, range(30))) == [2 * number for number in range(30)]


def test_no_tasks_give_nothing(engine: Engine) -> None:
    assert list(engine.map(double, [])) == []


def test_a_fault_ends_the_map_and_is_raised_as_it_was(engine: Engine) -> None:
    with pytest.raises(LakeError) as caught:
        list(engine.map(refuse_seven, range(20)))
    assert str(caught.value) == "seven cannot be read"
    assert list(engine.map(double, [1])) == [2]


def test_results_may_be_left_lying(engine: Engine) -> None:
    results = engine.map(double, range(20))
    assert next(results) % 2 == 0
    results.close()  # type: ignore[attr-defined]
    assert list(engine.map(double, [1])) == [2]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is asked")
@pytest.mark.parametrize("engine", LOCAL)
def test_what_a_task_freed_goes_back_to_the_system(engine: Engine) -> None:
    before = psutil.Process().memory_info().rss
    held = list(engine.map(leave_holes, range(4)))
    kept = psutil.Process().memory_info().rss - before
    assert len(held) == 4
    assert kept < HOLES / 2


# The rows


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return small_lake(tmp_path_factory.mktemp("ingested") / "place")


@pytest.fixture(scope="module")
def rows(ingested: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one thread makes."""
    found = made(ingested, tmp_path_factory.mktemp("rows") / "one", LocalEngine(1))
    assert [len(rows) for _, rows in found.values()] == [144, 6, 144]
    return found


@pytest.mark.parametrize("engine", [*LOCAL[1:], IN_SPARK], indirect=True)
def test_rows_are_the_same_byte_for_byte(engine: Engine, ingested: Place, rows: dict[str, Any], tmp_path: Path) -> None:
    assert made(ingested, tmp_path / "other", engine) == rows


@needs_java
@pytest.mark.slow
def test_a_second_spark_in_one_process_is_refused_and_leaves_the_first_alone(spark: Engine) -> None:
    assert list(spark.map(double, [1])) == [2]
    with pytest.raises(EngineError, match=r"^this process runs Spark already"):
        list(SparkEngine("local[1]").map(double, [1]))
    assert list(spark.map(double, [1])) == [2]


# What is left, and what cannot be had


def test_threads_end_with_the_map() -> None:
    before = threading.active_count()
    list(LocalEngine(4).map(double, range(20)))
    assert threading.active_count() == before


def test_an_engine_that_has_nothing_to_do_starts_nothing() -> None:
    with open_engine(EngineChoice(kind="spark", master="spark://127.0.0.1:1")) as engine:
        assert list(engine.map(double, [])) == []


@needs_java
def test_a_master_that_does_not_answer_is_told_in_a_sentence() -> None:
    with pytest.raises(EngineError, match=r"^no Spark master answers at spark://127.0.0.1:1: start it, or mend"):
        list(SparkEngine("spark://127.0.0.1:1").map(double, [1]))


def test_without_java_the_message_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(EngineError, match=r"^no Java in /nowhere: Spark needs Java 17; install it"):
        list(SparkEngine("local[1]").map(double, [1]))


def test_without_spark_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineError, match=r"pip install 'sentinela\[spark\]'$"):
        list(SparkEngine("local[1]").map(double, [1]))
