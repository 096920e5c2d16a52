"""Alerts of what Airflow runs, by the callbacks that it calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.alerts.alerts import open_alerts
from jobs.alerts.runs import failed, late, succeeded
from jobs.lake.faults import LakeError
from tests.alerts.receivers import Webhook
from tests.place import Place

DAGS = ["daily_polarity", "polarity_report", "lake_upkeep", "watch", "held_day"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setenv("SENTINELA_CONFIG", str(place.config))
    return place


def context(dag: str, task: str, exception: BaseException | None = None) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id=dag, task_id=task), "exception": exception}


@pytest.mark.parametrize("dag", DAGS)
def test_a_task_that_failed_is_told_once_and_once_when_it_is_well_again(place: Place, hook: Webhook, dag: str) -> None:
    for _ in range(2):
        failed(context(dag, "step", LakeError("lake: cannot be written; make room")))
    assert [alert.cause.subject for alert in open_alerts(place.settings)] == [f"{dag}.step"]
    succeeded(context(dag, "other"))
    succeeded(context(dag, "step"))
    assert open_alerts(place.settings) == []
    assert [("make room" in text, "over: " in text) for text in hook.texts] == [(True, False), (True, True)]


def test_the_words_of_a_foreign_fault_are_kept_back(place: Place, hook: Webhook) -> None:
    failed(context("a", "b", ValueError("the post of Ana said s3cret")))
    assert "s3cret" not in hook.texts[0]
    assert "ValueError" in hook.texts[0]


def test_a_run_that_is_late_is_told_until_it_is_done(place: Place, hook: Webhook) -> None:
    run = {"run_type": "scheduled", "partition_key": "2026-09-30"}
    for _ in range(2):
        late("polarity_report", 90, {"dag_run": run})
    assert len(hook.texts) == 1
    assert "polarity_report for 2026-09-30 was not done within 90 minutes" in hook.texts[0]
    succeeded(context("polarity_report", "report"))
    assert open_alerts(place.settings) == []


def test_a_run_of_a_backfill_is_never_late(place: Place, hook: Webhook) -> None:
    late("daily_polarity", 90, {"dag_run": {"run_type": "backfill"}})
    assert hook.texts == []


def test_broken_settings_are_told_of_too(place: Place, hook: Webhook) -> None:
    place.config.write_text("feeds: 5\n")
    failed(context("daily_polarity", "feeds"))
    (text,) = hook.texts
    assert "feeds of daily_polarity failed" in text
    assert str(place.config) in text
