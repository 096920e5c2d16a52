"""A range reprocessed through Airflow: straight on below the limits, above them when a person has approved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.place import Place
from tests.reprocess.conftest import DAYS, read_by
from tests.reprocess.conftest import made as made

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

# Each run of the DAG, answered as a person would answer by REST; the state of each task is printed.
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

def answer(option):
    ana = SimpleNamespace(get_id=lambda: "7", get_name=lambda: "ana")
    while True:
        time.sleep(0.5)
        with create_session() as session:
            waiting = session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input")).first()
            if waiting:
                told = UpdateHITLDetailPayload(chosen_options=[option], params_input={"because": "looked at it"})
                update_hitl_detail(waiting.dag_id, waiting.run_id, "approve", told, ana, session, -1)
                return

dag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1])).dags["reprocess"]
for given in map(json.loads, sys.argv[2:]):
    if option := given.pop("answer", None):
        threading.Thread(target=answer, args=(option,), daemon=True).start()
    run = dag.test(logical_date=None, run_conf=given)
    states = {}
    for instance in run.get_task_instances():
        states.setdefault(instance.task_id, []).append(instance.state and str(instance.state))
    print("\\n" + json.dumps({"state": str(run.state), "tasks": states}))
"""


def through_airflow(place: Place, home: Path, *runs: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """How each of `runs` ended, and all that was shown."""
    home.mkdir()
    program = home / "run.py"
    program.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(program), str(ROOT / "dags"), *map(json.dumps, runs)],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "SENTINELA_CONFIG": str(place.config),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    ends = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"state"')]
    assert len(ends) == len(runs), done.stdout + done.stderr
    return ends, done.stdout + done.stderr


def models(place: Place) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in place.rows("scored_posts"):
        found.setdefault(str(row["published_date"]), set()).add(row["model_version"])
    return found


def said(place: Place) -> dict[str, Any]:
    """What the newest commit of scored posts says."""
    handle = place.lake.table("scored_posts").handle
    assert handle is not None
    return dict(handle.history(1)[0])


ASKED = {"from": DAYS[0], "to": DAYS[-1], "reason": "knows cold coffee", "chunk_days": 6}


def test_a_new_model_is_approved_by_a_person_and_carried_chunk_by_chunk(made: Place, tmp_path: Path) -> None:
    place = made.copy(tmp_path / "place")
    read_by(place, "2")
    refused, approved, again = (
        {**ASKED, "answer": "Reject"}, {**ASKED, "answer": "Approve"}, ASKED
    )  # fmt: skip
    ends, shown = through_airflow(place, tmp_path / "home", {**ASKED, "colour": "red"}, refused, approved, again)
    wrong, refused, approved, again = ends
    assert wrong["state"] == "failed"
    assert "unknown in the run's configuration: colour; known: from, to, reason" in shown
    assert (refused["state"], refused["tasks"]["carry"]) == ("success", ["skipped"])
    assert approved["state"] == "success"
    assert approved["tasks"]["carry"] == ["success", "success"]
    assert approved["tasks"]["publish"] == approved["tasks"]["verdict"] == ["success"]
    assert models(place) == {day: {"words-2"} for day in DAYS}
    assert "approved by ana: looked at it" in shown
    told = said(place)
    assert (told["reason"], told["approved_by"], told["approved_because"]) == (
        "knows cold coffee",
        "ana",
        "looked at it",
    )
    assert (again["state"], again["tasks"]["carry"], again["tasks"]["publish"]) == ("success", ["skipped"], ["skipped"])


def test_below_the_limits_it_goes_straight_on(made: Place, tmp_path: Path) -> None:
    place = made.copy(tmp_path / "place")
    read_by(place, "2", reprocess={"approve_above": {"moved": 1}})
    (end,), shown = through_airflow(place, tmp_path / "home", {**ASKED, "steps": ["score"], "feeds": ["shop"]})
    assert end["state"] == "success", shown
    assert end["tasks"]["approve"] == ["skipped"]
    read = {(row["feed"], row["model_version"]) for row in place.rows("scored_posts")}
    assert read == {("posts", "words-1"), ("shop", "words-2")}
    assert "approved_by" not in said(place)
