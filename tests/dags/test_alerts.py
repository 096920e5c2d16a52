"""Who is told, by a real webhook, of what Airflow runs and calls back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.alerts.alerts import open_alerts, tell
from jobs.alerts.causes import Cause
from jobs.alerts.channels import PING, WEBHOOK
from jobs.ingest import FeedError
from jobs.settings import load
from tests.alerts.receivers import Webhook, webhook
from tests.dags.by_hand import through_airflow
from tests.place import FETCHED, PT, Place, item

ROOT = Path(__file__).resolve().parents[2]

# What the scheduler does where a deadline was missed, of the runs that are given, and then a run of `watch`.
PROGRAM = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.execution_time.callback_supervisor import execute_callback
from airflow.utils.db import initdb
from structlog import get_logger

initdb()
folder = Path(sys.argv[1])
bag = BundleDagBag(str(folder), bundle_path=folder)
for dag_id, run in json.loads(sys.argv[2]):
    (deadline,) = bag.dags[dag_id].deadline
    told = deadline.callback
    done, fault = execute_callback(
        told.path, {**told.kwargs, "context": {"dag_run": run}}, Path(f"{dag_id}.py"), folder, get_logger()
    )
    print(f"{dag_id}: {fault or done}")
print(f"watch: {bag.dags['watch'].test(logical_date=None).state}")
"""

# Two runs that fail of what they are asked for, the alert of which is over before `watch` looks; of the first, what a
# task says when it fails is taken away, as one that is killed says nothing. The note is left as by who reads DAG files.
RED = """
import sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.variable import Variable
from airflow.models.xcom import XComModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import delete

initdb()
folder = Path(sys.argv[1])
bag = BundleDagBag(str(folder), bundle_path=folder)
import sentinela_defaults
from jobs.alerts.alerts import tell
from jobs.settings import load

sentinela_defaults.Variable = Variable  # the database's own, as no supervisor is here to ask for it
for killed in (True, False):
    run = bag.dags["lake_upkeep"].test(logical_date=None, run_conf={"colour": "red"})
    if killed:
        with create_session() as session:
            session.execute(delete(XComModel).where(XComModel.run_id == run.run_id))
    tell(load(), over=["task.lake_upkeep.tidy"])
    sentinela_defaults.noted({"dag": bag.dags["lake_upkeep"], "run_id": run.run_id})
    for _ in range(2):
        looked = bag.dags["watch"].test(logical_date=None)
    print(f"lake_upkeep: {run.state}, watch: {looked.state}")
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook that the environment names."""
    with webhook() as server:
        monkeypatch.setenv(WEBHOOK, server.address)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings and a feed of a few posts."""
    place = Place(tmp_path / "aurora")
    place.write([item(f"posts-{n}", "2026-09-30", f"{PT} {n}") for n in range(5)])
    return place.root


def keys(folder: Path) -> list[str]:
    return [alert.cause.key for alert in open_alerts(load(folder / "sentinela.yaml"))]


def test_a_step_that_fails_is_told_once_and_once_when_a_later_run_is_good(
    folder: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790825400")
    in_the_way = folder / "lake" / "scored_posts"
    in_the_way.parent.mkdir()
    in_the_way.write_text("no table")
    stood = []

    def mend() -> None:
        stood.append(keys(folder))
        if in_the_way.is_file():
            in_the_way.unlink()

    hook.then = mend
    day = {"partition_key": "2026-09-30"}
    ends, shown = through_airflow("daily_polarity", Place.at(folder), tmp_path / "home", day, day)
    assert [end["state"] for end in ends] == ["failed", "success"], shown
    assert [end["tasks"]["score"] for end in ends] == [["failed"], ["success"]]
    assert "score of daily_polarity failed" in hook.texts[0]
    assert ["over: score of daily_polarity" in text for text in hook.texts] == [False, True]
    assert [*stood, keys(folder)] == [["task.daily_polarity.score"], [], []]


def test_what_a_missed_deadline_calls_is_told_and_watch_tells_what_the_lake_shows(
    folder: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = Place.at(folder)
    place.configure(["posts", "news"])
    day = datetime(2026, 9, 30, tzinfo=UTC)
    with pytest.raises(FeedError):
        place.ingest(at=day)
    tell(place.settings, [Cause("task", "watch.look", "look of watch failed", "look")])  # over by the run below
    monkeypatch.setenv(PING, hook.address)
    running = {"run_type": "scheduled", "state": "running", "partition_key": "2026-09-30"}
    runs = [
        ("daily_polarity", running), ("daily_polarity", {**running, "state": "failed"}),
        ("polarity_report", {**running, "state": "success"}), ("polarity_report", {**running, "state": "failed"}),
    ]  # fmt: skip
    said, shown = airflow(tmp_path / "home", place, PROGRAM, json.dumps(runs), at=day)
    assert said == [*(f"{dag_id}: True" for dag_id, _ in runs), "watch: success"], shown
    assert sorted(keys(folder)) == ["failed.news", "late.daily_polarity"]
    assert sum("over: look of watch failed" in text for text in hook.texts) == 1
    assert len(hook.texts) == 4
    assert hook.pings == 1


def test_of_a_red_run_watch_tells_what_no_task_of_it_could_and_nothing_twice(
    folder: Path, hook: Webhook, tmp_path: Path
) -> None:
    place = Place.at(folder)
    place.configure()
    said, shown = airflow(tmp_path / "home", place, RED)
    assert said == ["lake_upkeep: failed, watch: success"] * 2, shown
    told = [text.splitlines()[0] for text in hook.texts]
    assert [("over: " in text, "could not say why" in text) for text in told] == [
        (False, False), (True, False), (False, True), (True, True)
    ]  # fmt: skip
    assert keys(folder) == []


def airflow(home: Path, place: Place, program: str, *arguments: str, at: datetime = FETCHED) -> tuple[list[str], str]:
    """The lines with which a program that runs our DAGs tells of them, and all that was shown."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "dags"), *arguments],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "SENTINELA_CONFIG": str(place.config),
            "SOURCE_DATE_EPOCH": str(int(at.timestamp())),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if re.match(r"\w+: ", line)]
    return said, done.stdout + done.stderr
