"""A run that finds everything up to date: what it costs beside Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.pipeline import restate
from jobs.settings import Window
from tests.artefacts import by_rules
from tests.place import FETCHED, PT, Place, item

# The tasks of `daily_polarity`, in one process that does nothing else; ingest, which asks a server, is not among them.
TASKS = """
import json, sys, time
from datetime import date
from jobs.aggregate import aggregate
from jobs.alerts.alerts import settle
from jobs.enrich.topics import topics
from jobs.enrich.twins import twins
from jobs.score import score
from jobs.settings import load
from jobs.unfinished import unfinished
from jobs.validate import validate

imported = time.process_time()
settings, days = load(), sys.argv[1:]
unfinished(settings)
validate(settings, days, newest=date.fromisoformat(days[-1]))
for step in (score, twins, topics, aggregate):
    step(settings, days)
settle(settings)
print(json.dumps({"loaded": sorted({name.split(".")[0] for name in sys.modules}), "seconds": time.process_time(),
                  "imports": imported}))
"""
DAYS = ["2026-06-29", "2026-06-30"]


def test_a_run_with_nothing_to_do_imports_neither_great_expectations_nor_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    place.write([item(f"a-{day}", day, PT) for day in DAYS])
    by_rules(tmp_path / "models", "words", "1", {"bom": 1.0})
    place.configure(scoring={"model": "models/words/1"}, topics=[{"name": "Service", "terms": ["atendimento"]}])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
    _, failures = restate(place.settings, Window(start=FETCHED.date() - timedelta(days=1), end=FETCHED.date()))
    assert not failures
    before = place.mtimes("lake")
    environment = {**os.environ, "SENTINELA_CONFIG": str(place.config)}
    done = subprocess.run(
        [sys.executable, "-c", TASKS, *DAYS], env=environment, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert {"great_expectations", "tensorflow", "keras", "nltk", "sklearn", "scipy"} & set(told["loaded"]) == set()
    assert {name: file for name, file in place.mtimes("lake").items() if "_state" not in name} == {
        name: file for name, file in before.items() if "_state" not in name
    }
    print(f"CPU: {told['seconds']:.2f} s, {told['imports']:.2f} of it imports")
