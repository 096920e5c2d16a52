"""What is wrong by what the lake holds: each cause appears, is told once, and is over when it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jobs.alerts.alerts import settle
from jobs.alerts.causes import standing
from jobs.coverage import COVERAGE, record
from jobs.decision import Decision, give_up
from jobs.pipeline import carry
from jobs.settings import Settings
from tests.alerts.receivers import Webhook
from tests.place import FETCHED, PT, Place, item

DAY = "2026-06-03"
FLOOD = [item(f"flood-{n}", DAY, f"{PT} {n}", stars=500 if n < 10 else 5) for n in range(20)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place whose one feed was read whole today and has a post of today."""
    place = Place(tmp_path_factory.mktemp("made"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        carry(place.settings, place.add([item("calm", FETCHED.date().isoformat(), PT)], file="0"), [])
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
    return made.copy(tmp_path / "place")


def fetched(place: Place, status: str, message: str | None, minutes: int) -> None:
    """Write a line of the ledger so many minutes later, which says `status`."""
    line, *_ = place.rows(COVERAGE)
    moment = FETCHED + timedelta(minutes=minutes)
    record(place.lake, {**line, "fetched_at": moment, "status": status, "message": message})


def with_alerts(settings: Settings, **changed: int) -> Settings:
    return settings.model_copy(update={"alerts": settings.alerts.model_copy(update=changed)})


def keys(settings: Settings) -> list[str]:
    return [cause.key for cause in standing(settings)]


def test_where_all_is_well_there_is_no_cause(place: Place) -> None:
    assert standing(place.settings) == []


@pytest.mark.parametrize("status", ["failed", "refused", "partial", "capped"])
def test_a_feed_that_could_not_be_seen_is_told_once_with_why_and_once_when_it_is_over(
    place: Place, hook: Webhook, status: str
) -> None:
    fetched(place, status, "no answer from example.org", 1)
    for _ in range(2):
        (alert,) = settle(place.settings)
        assert alert.cause.key == f"{status}.posts"
    (text,) = hook.texts
    assert "no answer from example.org" in text
    assert "`sentinela status`" in text
    fetched(place, "complete", None, 2)
    assert settle(place.settings) == []
    assert len(hook.texts) == 2
    assert "over: feed posts" in hook.texts[1]


def test_suspiciously_few_items_are_told(place: Place) -> None:
    fetched(place, "complete", "suspiciously few items: 2026-06-02 has 1 where 40 are usual", 1)
    assert keys(place.settings) == ["few.posts"]


def test_a_feed_without_anything_new_for_longer_than_its_contract_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((FETCHED + timedelta(days=8)).timestamp())))
    assert keys(place.settings) == ["stale.posts"]


def test_a_held_day_is_told_until_it_is_decided_on(place: Place) -> None:
    carry(place.settings, place.add(FLOOD), [])
    (cause,) = standing(place.settings)
    assert cause.key == f"held.{DAY}"
    assert cause.look == f"sentinela quarantine list --held --date {DAY}"
    give_up(place.settings, [DAY], Decision("ana", "a test"))
    assert standing(place.settings) == []


def test_a_quarantine_that_grows_is_told(place: Place) -> None:
    broken = [item(f"broken-{n}", DAY, PT, stars=500) for n in range(3)]
    carry(place.settings, place.add(broken), [])
    assert keys(with_alerts(place.settings, quarantined=3, quarantine_days=365)) == []
    assert keys(with_alerts(place.settings, quarantined=2, quarantine_days=365)) == ["backlog.quarantine"]


def test_a_feed_that_is_no_longer_in_the_settings_is_no_cause(place: Place) -> None:
    fetched(place, "failed", "no answer", 1)
    others = tuple(feed.model_copy(update={"name": "other"}) for feed in place.settings.feeds)
    assert keys(place.settings.model_copy(update={"feeds": others})) == []
