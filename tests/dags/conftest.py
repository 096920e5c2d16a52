"""One Airflow home for all of these tests, so that its database is made once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "examples" / "aurora"


@dataclass(frozen=True)
class DayRun:
    """What scripts/run_day.py did: its exit code, what it showed, Airflow's log, the settings' folder, the lineage, and
    where the buttons of its tasks lead, by task."""

    code: int
    shown: str
    log: str
    folder: Path
    lineage: list[dict[str, Any]]
    buttons: dict[str, str]


def buttons(home: Path, since: datetime) -> dict[str, str]:
    """Where the buttons beside the tasks of the runs `since` then lead."""
    asked = "SELECT task_id, value FROM xcom WHERE key LIKE '\\_link%' ESCAPE '\\' AND timestamp >= ?"
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        found = database.execute(asked, (f"{since:%Y-%m-%d %H:%M:%S.%f}",))
        return {task: json.loads(value) for task, value in found}


@pytest.fixture(scope="session")
def run_day(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., DayRun]:
    """Runs both DAGs through Airflow for one day, on a copy of the sample with its own lake and the fast model.

    `only` leaves other feeds out, `conf` is what more the run is asked for; keys of a feed are changed by its name
    (`posts={"path": None, "url": ...}`).
    """
    home = tmp_path_factory.mktemp("airflow")

    def run(
        folder: Path,
        day: str = "2026-09-30",
        only: Sequence[str] | None = None,
        conf: dict[str, Any] | None = None,
        labels: Path | None = None,
        **changes: dict[str, Any],
    ) -> DayRun:
        if not folder.exists():
            shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("lake", "reports"))
        settings = yaml.safe_load((SAMPLE / "sentinela.yaml").read_text(encoding="utf-8"))
        settings["feeds"] = [
            {key: value for key, value in {**feed, **changes.get(feed["name"], {})}.items() if value is not None}
            for feed in settings["feeds"]
            if only is None or feed["name"] in only
        ]
        settings |= {"scoring": {"model": "fast"}, "reports_url": "https://reports.example/all/"}
        settings["report"]["mark_words"] = False  # no model is opened for that
        file = folder / "sentinela.yaml"
        file.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        script = [sys.executable, str(ROOT / "scripts" / "run_day.py"), "--date", day, "--home", str(home)]
        known, began = set(home.glob("logs/lineage-*.json")), datetime.now(UTC)
        done = subprocess.run(
            [*script, "--conf", json.dumps(conf or {}), *(["--labels", str(labels)] if labels else [])],
            env={
                **os.environ,
                "SENTINELA_CONFIG": str(file),
                "SOURCE_DATE_EPOCH": "1790825400",
                "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0",  # Airflow makes it a second, and does not double it
            },
            capture_output=True,
            text=True,
            check=False,
        )
        told = [json.loads(file.read_text()) for file in sorted(home.glob("logs/lineage-*.json")) if file not in known]
        shown = done.stdout + done.stderr
        return DayRun(done.returncode, shown, (home / "run.log").read_text(), folder, told, buttons(home, began))

    return run
