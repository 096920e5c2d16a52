"""Which published day a run is, by Airflow's own timetable, on both days of the year on which clocks change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The runs that Airflow plans over a year, and the day that each of them is.
RUNS = """
import json, sys
from types import SimpleNamespace
import pendulum
from airflow.serialization.encoders import coerce_to_core_timetable
from daily_polarity import SETTINGS, dag, day_of_run

timetable, days = coerce_to_core_timetable(dag.timetable), []
moment = pendulum.datetime(int(sys.argv[1]), 1, 1, 12)
while (moment := timetable._get_next(moment)).year == int(sys.argv[1]):
    key = timetable._get_partition_info(moment)[1]
    run = SimpleNamespace(run_type="scheduled", run_after=moment, partition_key=key, conf=None)
    days.append(str(day_of_run(SETTINGS, run)))
print(json.dumps(days))
"""


@pytest.mark.parametrize(
    ("zone", "year"),
    [
        ("America/Sao_Paulo", 2018),
        ("Europe/Lisbon", 2026),
        ("America/New_York", 2026),
        ("America/Santiago", 2026),  # here and in the next two they change at midnight
        ("Africa/Cairo", 2026),
        ("America/Havana", 2026),
    ],
)
def test_the_runs_of_a_year_are_its_days_each_once(zone: str, year: int, tmp_path: Path) -> None:
    settings = tmp_path / "sentinela.yaml"
    settings.write_text(f"timezone: {zone}\nfeeds: [{{name: a, kind: post, reader: rss, path: a.xml}}]\n")
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"} | {
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": f"{ROOT / 'dags'}:{ROOT}",
        "SENTINELA_CONFIG": str(settings),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNS, str(year)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    days = json.loads(done.stdout.splitlines()[-1])
    assert days == [str(date(year, 1, 1) + timedelta(days=number)) for number in range(len(days))]
    assert len(days) >= 363
