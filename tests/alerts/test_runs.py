"""Alerts of what Airflow runs, by the callbacks that it calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.alerts.alerts import open_alerts, settle
from jobs.alerts.runs import OF_RUN, OF_TASK, TOLD, conclude, failed, killed, late, succeeded, unforeseen, unread
from jobs.ingest import FeedError
from jobs.lake.faults import LakeError
from tests.alerts.receivers import Webhook
from tests.place import FETCHED, Place

DAGS = ["daily_polarity", "polarity_report", "lake_upkeep", "watch", "held_day"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setenv("SENTINELA_CONFIG", str(place.config))
    return place


@dataclass
class Task:
    """What of a task is asked when it ends, and what it leaves on itself."""

    dag_id: str
    task_id: str
    left: dict[str, str] = field(default_factory=dict)

    def xcom_push(self, key: str, value: str) -> None:
        self.left[key] = value


class AirflowFailException(Exception):  # noqa: N818
    """Named as Airflow's."""


def context(
    dag: str, task: str, exception: BaseException | None = None, feed: str = "posts", dry_run: bool = False
) -> dict[str, Any]:
    return {
        "ti": Task(dag, task),
        "task": SimpleNamespace(op_kwargs={"feed": feed}),
        "params": {"dry_run": dry_run},
        "exception": exception,
    }


def keys(place: Place) -> list[str]:
    return [alert.cause.key for alert in open_alerts(place.settings)]


def ended(
    place: Place, *, read: Sequence[str] = (), missing: Sequence[str] = (), well: Sequence[str] = (), whole: bool = True
) -> list[str]:
    """The alerts that stand when a run of daily_polarity has ended so."""
    conclude(place.settings, "daily_polarity", well, read, missing, finished=whole)
    return keys(place)


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


@pytest.mark.parametrize("run", [{"run_type": "backfill"}, {"state": "success"}, {"state": "failed"}])
def test_a_run_of_a_backfill_and_one_that_has_ended_is_never_late(
    place: Place, hook: Webhook, run: dict[str, Any]
) -> None:
    late("daily_polarity", 90, {"dag_run": {"run_type": "scheduled", "state": "running", **run}})
    assert hook.texts == []


def test_a_task_that_was_killed_is_told_once_and_once_when_it_is_well_again(place: Place, hook: Webhook) -> None:
    for _ in range(2):
        settle(place.settings, [killed("polarity_report", "report", "asset_triggered__7")])
    assert keys(place) == ["task.polarity_report.report"]
    assert "asset_triggered__7" in hook.texts[0]
    succeeded(context("polarity_report", "report"))
    assert ["over: " in text for text in hook.texts] == [False, True]


@pytest.mark.parametrize(
    ("tell", "fault", "word"),
    [
        (failed, LakeError("no room"), OF_TASK),
        (unread, LakeError("no room"), OF_TASK),
        (unforeseen, KeyError("status"), OF_TASK),
        (unforeseen, AirflowFailException("this run is not whole"), OF_RUN),
    ],
)
def test_a_task_that_told_leaves_word_of_it(
    place: Place, hook: Webhook, tell: Any, fault: Exception, word: str
) -> None:
    told = context("daily_polarity", "validate", fault)
    tell(told)
    assert told["ti"].left == {TOLD: word}


def test_a_task_whose_words_reached_nobody_leaves_none(place: Place) -> None:
    place.root.joinpath("lake").write_text("in the way")
    unheard = context("daily_polarity", "validate", LakeError("the lake is away"))
    failed(unheard)
    assert unheard["ti"].left == {}


def test_a_feed_that_cannot_be_read_is_told_at_once_by_what_the_ledger_says(
    place: Place, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
    with pytest.raises(FeedError) as fault:
        place.ingest()
    for task in ("ingest", "late.ingest"):
        unread(context("daily_polarity", task, fault.value))
    assert keys(place) == ["failed.posts"]
    assert len(hook.texts) == 1
    assert ended(place, missing=["posts"]) == ["failed.posts"]


def test_what_else_keeps_a_feed_from_coming_is_a_cause_of_that_feed(place: Place, hook: Webhook) -> None:
    for feed in ("posts", "posts", "news"):
        unread(context("daily_polarity", "ingest", LakeError("lake: cannot be written; make room"), feed))
    assert keys(place) == ["task.daily_polarity.ingest.posts", "task.daily_polarity.ingest.news"]
    assert "make room" in hook.texts[0]
    assert ended(place, read=["news"], missing=["posts"]) == ["task.daily_polarity.ingest.posts"]
    assert ended(place, read=["news", "posts"]) == []
    assert len(hook.texts) == 4


def test_a_dry_run_tells_nobody_of_a_feed(place: Place, hook: Webhook) -> None:
    unread(context("daily_polarity", "ingest", ValueError(), dry_run=True))
    assert hook.texts == []


def test_a_feed_whose_task_was_killed_is_told_at_the_end_of_the_run(place: Place, hook: Webhook) -> None:
    for _ in range(2):
        assert ended(place, missing=["posts"]) == ["task.daily_polarity.ingest.posts"]
    assert "no task said why" in hook.texts[0]
    assert ended(place, read=["posts"]) == []
    assert ["over: " in text for text in hook.texts] == [False, True]


@pytest.mark.parametrize("read", [[], ["posts"]], ids=["feeds", "a step"])
def test_a_step_that_was_killed_is_told_at_the_end_of_the_run(place: Place, hook: Webhook, read: list[str]) -> None:
    for _ in range(2):
        assert ended(place, read=read, whole=False) == ["task.daily_polarity.run"]
    assert "no task said why" in hook.texts[0]
    assert ended(place, read=["posts"]) == []
    assert ["over: " in text for text in hook.texts] == [False, True]


def test_a_step_that_could_say_why_it_failed_is_told_of_alone(place: Place, hook: Webhook) -> None:
    failed(context("daily_polarity", "score", LakeError("no room")))
    assert ended(place, read=["posts"], whole=False) == ["task.daily_polarity.score"]


def test_a_step_of_a_late_feed_is_told_each_morning_that_it_fails_and_over_when_all_came(
    place: Place, hook: Webhook
) -> None:
    steps = ["late.validate"]
    for _ in range(2):
        failed(context("daily_polarity", "late.validate", LakeError("no room")))
        assert ended(place, missing=["posts"]) == ["task.daily_polarity.late.validate"]
        assert ended(place, read=["posts"], well=steps) == []
    assert ["over: " in text for text in hook.texts] == [False, True] * 2


def test_a_verdict_tells_of_what_it_did_not_foresee_alone(place: Place, hook: Webhook) -> None:
    unforeseen(context("daily_polarity", "verdict", AirflowFailException("this run is not whole")))
    assert hook.texts == []
    unforeseen(context("daily_polarity", "verdict", KeyError("status")))
    assert keys(place) == ["task.daily_polarity.verdict"]


def test_broken_settings_are_told_of_at_each_failure_for_nobody_knows_what_stands(place: Place, hook: Webhook) -> None:
    place.config.write_text("feeds: 5\n")
    for told in (1, 2):
        failed(context("daily_polarity", "feeds"))
        assert len(hook.texts) == told
    assert "feeds of daily_polarity failed" in hook.texts[0]
    assert str(place.config) in hook.texts[0]


@pytest.mark.parametrize("tell", [failed, unread])
def test_where_the_lake_is_away_each_failure_is_told_once(place: Place, hook: Webhook, tell: Any) -> None:
    place.root.joinpath("lake").write_text("in the way")
    for told in (1, 2):
        tell(context("daily_polarity", "feeds", LakeError("the lake is away")))
        assert len(hook.texts) == told
    assert "the lake is away" in hook.texts[0]
