"""CPU of our own in the tasks of a run that finds everything up to date, beside what an Airflow task takes anyway.

    python tests/benchmarks/idle.py

Every task runs in a fork of a process that has loaded Airflow's task SDK and the libraries of dags/plugins, as under
the LocalExecutor, and is compared with a fork that only reads the DAG file, which each task of Airflow does. Beside it
the same without those libraries, as in a pod of its own.
"""

from __future__ import annotations

import importlib
import os
import runpy
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.enrich import instructions

ROOT = Path(__file__).resolve().parents[2]
AT_MOST, TIMES = 1.0, 5
NAMES = ("feeds", "ingest", "validate", "score", "enrich", "aggregate", "verdict")


def spent(child: Callable[[], object]) -> float:
    """CPU seconds of a fork that calls `child`, the middle of TIMES."""
    return statistics.median(_once(child) for _ in range(TIMES))


def _once(child: Callable[[], object]) -> float:
    forked = os.fork()
    if forked == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            child()
            code = 0
        finally:
            os._exit(code)
    _, status, used = os.wait4(forked, 0)
    assert status == 0, "a task failed"
    return used.ru_utime + used.ru_stime


def read() -> None:
    """What every task of Airflow does first: read the DAG file."""
    importlib.import_module("daily_polarity")


def run(name: str) -> None:
    """That, and the task `name`."""
    read()
    idle = importlib.import_module("tests.idle")
    getattr(idle, name)(idle.load())


def table() -> dict[str, float]:
    """CPU seconds of our own in each task."""
    empty = spent(read)
    return {name: spent(partial(run, name)) - empty for name in NAMES}


def prepare(folder: str) -> None:
    """The lake, made in a process that is not forked from: what has opened a table must not be."""
    if os.fork() == 0:
        from tests.idle import up_to_date

        up_to_date(Path(folder))
        os._exit(0)
    os.wait()


def main() -> int:
    """Print both tables; 1 where the tasks together take more than they may."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        os.environ |= {"SENTINELA_CONFIG": f"{folder}/sentinela.yaml", "AIRFLOW_HOME": f"{folder}/airflow"}
        os.environ |= {"SENTINELA_AUTHOR_KEY": "k"}
        sys.path.insert(0, str(ROOT / "dags"))
        importlib.import_module("airflow.sdk")
        importlib.import_module("airflow.providers.standard.operators.hitl")
        alone = table()
        for name in runpy.run_path(str(ROOT / "dags" / "plugins" / "loaded_once.py"))["LIBRARIES"]:
            importlib.import_module(name)
        shared = table()
    print(f"CPU seconds of our own in a run with nothing to do, {instructions()}")
    for name in NAMES:
        print(f"  {name:10} {shared[name]:5.2f}   {alone[name]:5.2f} without the libraries loaded before")
    total, before = sum(shared.values()), sum(alone.values())
    print(f"  {'together':10} {total:5.2f}   {before:5.2f}: {total / before:.2f}; at most {AT_MOST:.1f} asked")
    return int(total > AT_MOST)


if __name__ == "__main__":
    sys.exit(main())
