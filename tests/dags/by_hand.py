"""Runs of a DAG through Airflow, one after the other in a process of their own, and answered where they wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.place import Place

ROOT = Path(__file__).resolve().parents[2]

# Each run of a DAG, answered as a person would answer by REST; the state of each task is printed.
RUN = """
import json, sys, threading, time
from pathlib import Path
from types import SimpleNamespace
from sqlalchemy import select
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.utils.db import initdb

initdb()
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

def answer(option, params):
    ana = SimpleNamespace(get_id=lambda: "7", get_name=lambda: "ana")
    while True:
        time.sleep(0.5)
        with create_session() as session:
            waiting = session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input")).first()
            if waiting:
                told = UpdateHITLDetailPayload(chosen_options=[option], params_input=params)
                update_hitl_detail(waiting.dag_id, waiting.run_id, waiting.task_id, told, ana, session, -1)
                return

dag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1])).dags[sys.argv[2]]
dag.deadline = None  # as scripts/run_day.py says
dag.has_on_failure_callback = False  # DAG.test() makes no context of params without a default; Airflow that serves does
for given in map(json.loads, sys.argv[3:]):
    if answered := given.pop("answer", None):
        threading.Thread(target=answer, args=answered, daemon=True).start()
    run = dag.test(logical_date=None, run_conf=given)
    states = {}
    for instance in run.get_task_instances():
        states.setdefault(instance.task_id, []).append(instance.state and str(instance.state))
    print("\\n" + json.dumps({"state": str(run.state), "tasks": states}))
"""


def through_airflow(dag: str, place: Place, home: Path, *runs: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """How each of the `runs` of `dag` ended, and all that was shown.

    A run is its configuration and, under `answer`, what a person chooses when it waits, and with which params.
    """
    home.mkdir()
    program = home / "run.py"
    program.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(program), str(ROOT / "dags"), dag, *map(json.dumps, runs)],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0",
            "SENTINELA_CONFIG": str(place.config),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    ends = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"state"')]
    assert len(ends) == len(runs), done.stdout + done.stderr
    return ends, done.stdout + done.stderr
