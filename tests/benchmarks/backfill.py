"""A backfill of the sample with four active runs, and one backwards: right on the first try, row for row.

    python tests/benchmarks/backfill.py              # 30 days, 10 to 15 minutes on two cores
    python tests/benchmarks/backfill.py --days 5

PostgreSQL, the object store and Airflow's processes run without containers, told what docker/compose.yaml tells them.
The lake is compared with that of one process that made the days one by one; no task may have needed a second try.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from jobs.pipeline import restate
from jobs.settings import Window, load
from tests.compose import ROOT
from tests.deployment import Deployment, deployed

LAST = date(2026, 9, 30)
OPEN = "SELECT count(*) FROM backfill WHERE completed_at IS NULL"
RUNS = "SELECT state, count(*) FROM dag_run WHERE backfill_id = (SELECT max(id) FROM backfill) GROUP BY state"
AGAIN = """SELECT count(*) FROM task_instance t JOIN dag_run r USING (dag_id, run_id)
WHERE r.backfill_id = (SELECT max(id) FROM backfill) AND t.try_number > 1"""


def backfill(deployment: Deployment, days: list[str], *words: str) -> tuple[float, dict[str, int], int]:
    """Backfill `days` with further `words` for Airflow: seconds, runs by state, and tasks that were tried again."""
    began = time.monotonic()
    span = ("--from-date", days[0], "--to-date", days[-1], "--max-active-runs", "4")
    deployment.airflow("scheduler", "backfill", "create", "--dag-id", "daily_polarity", *span, *words)
    while deployment.ask(OPEN)[0][0]:
        deployment.processes.check()
        time.sleep(1)
    return time.monotonic() - began, dict(deployment.ask(RUNS)), deployment.ask(AGAIN)[0][0]


def main() -> int:
    """Backfill forwards and backwards; 1 where a run failed, a task was tried again or a lake differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    days = [str(LAST - timedelta(days=back)) for back in reversed(range(given.days))]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, deployed(Path(name)) as deployment:
        told = deployment.told("scheduler")
        os.environ |= {k: v for k, v in told.items() if k.startswith(("AWS_", "SENTINELA_", "SOURCE_"))}
        return compare(deployment, days, f"{name}/alone")


def compare(deployment: Deployment, days: list[str], alone: str) -> int:
    """Both backfills of `days`, each into a lake of its own, against the lake `alone`, which is made first."""
    contents = runpy.run_path(str(ROOT / "scripts" / "compare_lakes.py"))["contents"]
    settings = load().model_copy(update={"lake": alone})
    for day in map(date.fromisoformat, days):
        restate(settings, Window(start=day, end=day))
    wanted, faults = contents(alone), 0
    deployment.call("PATCH", "/dags/daily_polarity", {"is_paused": False})
    for lake, words in (("forwards", ()), ("backwards", ("--run-backwards", "--reprocess-behavior", "completed"))):
        deployment.lake_is(lake)
        seconds, runs, again = backfill(deployment, days, *words)
        same = contents(load().lake) == wanted
        print(
            f"{len(days)} days {lake}, four runs at a time: {runs} in {seconds:.0f} s, {again} tasks tried again; "
            f"the lake {'equals' if same else 'DIFFERS FROM'} the other"
        )
        faults += not same or again > 0 or runs != {"success": len(days)}
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
