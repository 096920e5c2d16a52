"""How long each DAG file takes to parse over Airflow's own import: `python tests/benchmarks/parse.py [TRIES]`.

At most 0.3 s of CPU a file; the processor of DAGs parses each of them every minute or so, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 0.3
# A DAG of no one makes Airflow load first what it loads when it is first used.
PROGRAM = """
import sys, time
from datetime import timedelta
import airflow.dag_processing.dagbag
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import (
    DAG, Asset, Connection, CronPartitionTimetable, Param, PartitionedAssetTimetable, RetryPolicy, TriggerRule, conf,
    get_current_context, task, task_group,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=1), SyncCallback("json.dumps", {}))
params = {"days": Param([], type="array"), "day": Param("2026-01-01", type="string", format="date")}
with DAG("of_no_one", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC"), params=params, deadline=alert):
    @task
    def one(day=None):
        pass

    @task_group
    def some(day):
        return one(day=day)

    some.expand(day=one())

before = time.process_time()
sys.path.insert(0, sys.argv[1])
exec(compile(open(sys.argv[2]).read(), sys.argv[2], "exec"), {"__name__": "parsed"})
print(time.process_time() - before)
"""


def main() -> int:
    """Print the best of some tries of each file; exit code 1 when one is above the limit."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    slow = False
    with tempfile.TemporaryDirectory() as home:
        sample = ROOT / "examples" / "aurora" / "sentinela.yaml"
        environment = {**os.environ, "AIRFLOW_HOME": home, "SENTINELA_CONFIG": str(sample)}
        for file in sorted((ROOT / "dags").glob("*.py")):
            command = [sys.executable, "-c", PROGRAM, str(file.parent), str(file)]
            seconds = min(
                float(
                    subprocess.run(
                        command, env=environment, capture_output=True, text=True, check=True
                    ).stdout.splitlines()[-1]
                )
                for _ in range(tries)
            )
            slow |= seconds > LIMIT
            print(f"{file.name:24} {seconds:6.3f} s", flush=True)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
