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
# The runs that Airflow plans over a year in the zone of each of the settings, and the day that each of them is.
RUNS = """
import importlib, json, os, sys
from types import SimpleNamespace
import pendulum
from airflow.serialization.encoders import coerce_to_core_timetable
import daily_polarity

def planned(year):
    timetable = coerce_to_core_timetable(daily_polarity.dag.timetable)
    moment = pendulum.datetime(year, 1, 1, 12)
    while (moment := timetable._get_next(moment)).year == year:
        key = timetable._get_partition_info(moment)[1]
        run = SimpleNamespace(run_type="scheduled", run_after=moment, partition_key=key, conf=None)
        yield str(daily_polarity.day_of_run(daily_polarity.SETTINGS, run))

years = json.loads(sys.argv[1])
for os.environ["SENTINELA_CONFIG"], year in years.items():
    importlib.reload(daily_polarity)
    print(json.dumps({str(daily_polarity.SETTINGS.timezone): list(planned(year))}))
"""
YEARS = {
    "America/Sao_Paulo": 2018,
    "Europe/Lisbon": 2026,
    "America/New_York": 2026,
    "America/Santiago": 2026,  # here and in the next two they change at midnight
    "Africa/Cairo": 2026,
    "America/Havana": 2026,
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The days of the runs of a year in each zone."""
    home, years = tmp_path_factory.mktemp("days"), {}
    for number, (zone, year) in enumerate(YEARS.items()):
        settings = home / f"{number}.yaml"
        settings.write_text(f"timezone: {zone}\nfeeds: [{{name: a, kind: post, reader: rss, path: a.xml}}]\n")
        years[str(settings)] = year
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"} | {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": f"{ROOT / 'dags'}:{ROOT}:{os.environ['PYTHONPATH']}",
        "SENTINELA_CONFIG": next(iter(years)),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNS, json.dumps(years)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    return {zone: days for line in lines for zone, days in line.items()}


@pytest.mark.parametrize("zone", YEARS)
def test_the_runs_of_a_year_are_its_days_each_once(zone: str, planned: dict[str, list[str]]) -> None:
    days = planned[zone]
    assert days == [str(date(YEARS[zone], 1, 1) + timedelta(days=number)) for number in range(len(days))]
    assert len(days) >= 363
