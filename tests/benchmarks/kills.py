"""Kills of every part of a deployment during backfills and reprocesses; the lake must equal an undisturbed one.

    python tests/benchmarks/kills.py                 # 100 kills, some 40 minutes on two cores
    python tests/benchmarks/kills.py --kills 5

PostgreSQL, the object store and Airflow's processes run without containers, told what docker/compose.yaml tells them,
but for Airflow's waits before it takes something for dead, which are cut from minutes to seconds. What dies is started
again, as compose does. A round is a backfill of a week into a new lake and a reprocess of that week; after it the rows
of every dataset are compared with those of one process that nobody disturbed, and an upkeep must leave nothing behind.
"""

from __future__ import annotations

import argparse
import os
import random
import runpy
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg2
import requests

from jobs.pipeline import restate
from jobs.settings import Window, load
from tests.compose import ROOT
from tests.deployment import Deployment, deployed

DAYS = [f"2026-09-{day}" for day in range(24, 31)]
VICTIMS = ("task", "task", "task", "task", "worker", "scheduler", "postgres", "objects")
TITLES = {"task": "airflow worker -- 0", "worker": "airflow worker -- LocalExecutor: 0"}
A_BACKFILL, A_REPROCESS = 15, 10
WAITS = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
}
UPLOADS_SECONDS = 120
"""Seconds after which the object store, which here looks every minute, has ended uploads that were cut off."""
ROUND_SECONDS = 1800
OPEN = ("queued", "running")
BUSY = "SELECT count(*) FROM task_instance WHERE state = 'running' AND dag_id IN ('daily_polarity', 'reprocess')"
LEFT = "SELECT count(*) FROM task_instance WHERE state IN ('scheduled', 'queued', 'running', 'up_for_retry')"

Answer = TypeVar("Answer")


@dataclass
class Trial:
    """A deployment that is struck: what was killed so far, and how often a run that failed was run again."""

    deployment: Deployment
    chance: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    again: int = 0

    def backfill(self, most: int) -> None:
        """Backfill DAYS into the lake of the settings, `most` kills meanwhile, until every run has succeeded."""
        span = {"from_date": f"{DAYS[0]}T00:00:00Z", "to_date": f"{DAYS[-1]}T00:00:00Z", "max_active_runs": 4}
        behavior = "completed"
        while True:
            order = {"dag_id": "daily_polarity", **span, "reprocess_behavior": behavior}
            made = self.insist(lambda order=order: self.deployment.call("POST", "/backfills", order))
            if self.disturbed(f"SELECT state FROM dag_run WHERE backfill_id = {made['id']}", most):
                return
            self.again, behavior, most = self.again + 1, "failed", 0

    def reprocess(self, most: int) -> None:
        """Make DAYS anew, `most` kills meanwhile; started once more, the order goes on where it was."""
        order = {"from": DAYS[0], "to": DAYS[-1], "reason": "a trial", "chunk_days": 2}
        order |= {"made_before": datetime.now(UTC).isoformat(timespec="seconds")}
        while True:
            body = {"logical_date": None, "conf": order}
            made = self.insist(lambda body=body: self.deployment.call("POST", "/dags/reprocess/dagRuns", body))
            if self.disturbed(f"SELECT state FROM dag_run WHERE run_id = '{made['dag_run_id']}'", most):
                return
            self.again, most = self.again + 1, 0

    def disturbed(self, runs: str, most: int) -> bool:
        """Strike at most so often until the `runs` that this SQL finds have ended; whether all of them succeeded."""
        upto, deadline = self.killed.total() + most, time.monotonic() + ROUND_SECONDS
        while not (states := {state for (state,) in self.ask(runs)}) or states & {*OPEN, None}:
            assert time.monotonic() < deadline, f"{runs}: {states}"
            if self.killed.total() < upto and self.ask(BUSY)[0][0]:
                self.rest(self.chance.uniform(0, 6))
                self.strike(self.chance.choice(VICTIMS))
            self.rest(1)
        return states == {"success"}

    def strike(self, victim: str) -> None:
        """Kill a victim, with SIGKILL: of a container all processes die."""
        running = self.deployment.processes.running
        if victim in TITLES:
            family = self.deployment.titled(TITLES[victim])[:1] if running["scheduler"].poll() is None else []
        else:
            family = [running[victim], *running[victim].children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if family:
            self.killed[victim] += 1
            print(f"{datetime.now(UTC):%H:%M:%S} kill {self.killed.total()}: {victim}", flush=True)

    def rest(self, seconds: float) -> None:
        """Wait; what dies meanwhile is started again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.deployment.revive()
            time.sleep(0.2)

    def insist(self, asked: Callable[[], Answer]) -> Answer:
        """What `asked` answers once those that it asks are there again, and no former backfill is open (409)."""
        deadline = time.monotonic() + ROUND_SECONDS
        while True:
            try:
                return asked()
            except (requests.RequestException, psycopg2.OperationalError) as fault:
                answer = getattr(fault, "response", None)
                if answer is not None and 400 <= answer.status_code < 500 and answer.status_code != 409:
                    raise
                assert time.monotonic() < deadline
                self.rest(2)

    def ask(self, sql: str) -> list[Any]:
        """The rows that Airflow's database answers, once it does."""
        return self.insist(lambda: self.deployment.ask(sql))

    def upkeep(self) -> str:
        """What a day's upkeep leaves behind; nothing where it leaves nothing."""
        while self.ask(LEFT)[0][0]:
            self.rest(1)
        told = {k: v for k, v in self.deployment.told("scheduler").items() if k != "SOURCE_DATE_EPOCH"}
        script = [sys.executable, str(ROOT / "scripts" / "trial" / "leftovers.py")]
        done = subprocess.run(script, env=told, cwd=ROOT, capture_output=True, text=True, check=False)
        self.rest(UPLOADS_SECONDS)
        begun = [f"an upload to {one.object_key}\n" for one in self.deployment.bucket().multipart_uploads.all()]
        return "".join([*begun, "" if done.returncode == 0 else done.stdout + done.stderr[-2000:]])


def main() -> int:
    """Strike until so many kills are reached; 1 where a lake differs or something is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, deployed(Path(name), WAITS) as deployment:
        told = deployment.told("scheduler")
        os.environ |= {k: v for k, v in told.items() if k.startswith(("AWS_", "SENTINELA_", "SOURCE_"))}
        return play(Trial(deployment, random.Random(given.seed)), f"{name}/undisturbed", given.kills)


def play(trial: Trial, undisturbed: str, kills: int) -> int:
    """Rounds until so many `kills`, each against the lake `undisturbed`, which is made first."""
    contents = runpy.run_path(str(ROOT / "scripts" / "compare_lakes.py"))["contents"]
    settings = load().model_copy(update={"lake": undisturbed})
    for day in DAYS:
        restate(settings, Window(start=day, end=day))
    wanted = contents(undisturbed)
    for dag in ("daily_polarity", "reprocess"):
        trial.deployment.call("PATCH", f"/dags/{dag}", {"is_paused": False})
    rounds, faults = 0, 0
    while trial.killed.total() < kills:
        rounds += 1
        trial.deployment.lake_is(f"kills-{rounds}")
        left = kills - trial.killed.total()
        trial.backfill(min(A_BACKFILL, (left + 1) // 2))
        trial.reprocess(min(A_REPROCESS, kills - trial.killed.total()))
        upkeep, same = trial.upkeep(), contents(load().lake) == wanted
        print(
            f"round {rounds}: the lake {'equals' if same else 'DIFFERS FROM'} the undisturbed one; {upkeep or 'clean'}"
        )
        faults += bool(upkeep) + (not same)
    print(f"{trial.killed.total()} kills in {rounds} rounds ({dict(trial.killed)}); {trial.again} runs were run again")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
