"""Run the DAG `daily_polarity` for one published day and then `polarity_report`, in this process, through Airflow.

What people said of its posts (`--labels`) is imported before the report. Airflow keeps its metadata in an SQLite file
under .airflow/run/; its full log is .airflow/run/run.log.
Exit code 0: all done; 1: a run failed (what could be published is); 2: wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from local_airflow import ROOT, SAMPLE_LAST_DAY, environment
from pluggy import HookimplMarker

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

hookimpl = HookimplMarker("airflow")


def main() -> int:
    """Run what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--date", default=SAMPLE_LAST_DAY.isoformat(), help="published day, YYYY-MM-DD")
    parser.add_argument("--conf", type=json.loads, default={}, help="what more the run is asked for, as JSON")
    parser.add_argument("--home", type=Path, default=ROOT / ".airflow" / "run", help="AIRFLOW_HOME of the run")
    parser.add_argument("--labels", type=Path, help="workbook of `sentinela labels sample`, filled in")
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    (home / "logs").mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(home, AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1"))
    with output_to(home / "run.log") as terminal:
        print(
            f"daily_polarity for {arguments.date}, settings {os.environ['SENTINELA_CONFIG']}", file=terminal, flush=True
        )
        asked = {**arguments.conf, "partition_key": arguments.date}
        whole, report = run(asked, arguments.labels, terminal)
        print(f"log:    {home / 'run.log'}", file=terminal)
        print(f"report: {report}" if report else "there is no new report", file=terminal, flush=True)
    return 0 if whole else 1


def run(conf: dict[str, Any], labels: Path | None, terminal: TextIO) -> tuple[bool, str | None]:
    """Run both DAGs, the first one with `conf`, showing each task on `terminal`.

    Returns whether all went well, and the path of the report if any.
    As in a scheduled Airflow there is a report when numbers were published, be it that the run failed in the end.
    """
    print("setting Airflow up", file=terminal, flush=True)
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk.listener import get_listener_manager
    from airflow.utils.db import initdb

    initdb()
    get_listener_manager().add_listener(Progress(terminal))  # type: ignore[no-untyped-call]
    bag = BundleDagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags")
    if bag.import_errors:
        print(*bag.import_errors.values(), sep="\n", file=terminal)
        return False, None
    for dag in bag.dags.values():
        dag.deadline = None  # DAG.test() looks for deadlines that only a scheduler has written down
    polarity: DagRun = bag.dags["daily_polarity"].test(logical_date=None, run_conf=conf)
    published = polarity.get_task_instance("aggregate")
    if published is None or published.state != "success":
        return False, None
    labelled = labels is None or import_labels(labels, terminal)
    reported: DagRun = bag.dags["polarity_report"].test(logical_date=None)
    instance = reported.get_task_instance("report")
    path = instance.xcom_pull(task_ids="report") if instance else None
    return labelled and polarity.state == reported.state == "success", path


def import_labels(labels: Path, terminal: TextIO) -> bool:
    """Import what people said, in a process of its own: tasks are forked from this one, which must open no table."""
    started = time.monotonic()
    command = [str(Path(sys.executable).with_name("sentinela")), "labels", "import", str(labels)]
    done = subprocess.run(command, check=False).returncode == 0
    show(terminal, "labels", started, "done" if done else "failed: see the log")
    return done


class Progress:
    """Shows on `terminal` each task that ends; Airflow's task runner calls it."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.started: dict[Any, float] = {}

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """A task starts."""
        self.started[task_instance.id] = time.monotonic()

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """A task is done."""
        self._show(task_instance, "done")

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
        """A task failed; it may be tried again."""
        self._show(task_instance, f"failed: {error}")

    def _show(self, task_instance: Any, how: str) -> None:
        feed = task_instance.rendered_map_index
        name = f"{task_instance.task_id} [{feed}]" if feed else task_instance.task_id
        show(self.terminal, name, self.started[task_instance.id], how)


def show(terminal: TextIO, name: str, started: float, how: str) -> None:
    """A line on `terminal`: what took how long, and how it ended."""
    print(f"  {name:<20} {time.monotonic() - started:6.1f} s  {how}", file=terminal, flush=True)


@contextmanager
def output_to(log: Path) -> Iterator[TextIO]:
    """Send all that this process writes, libraries included, to `log`; gives the terminal to write to."""
    kept = os.dup(1), os.dup(2)
    with log.open("w") as sink, os.fdopen(os.dup(1), "w") as terminal:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)


if __name__ == "__main__":
    sys.exit(main())
