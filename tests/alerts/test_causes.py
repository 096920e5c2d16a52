"""What is wrong by what the lake holds: each cause appears, is told once, and is over when it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.alerts.alerts import settle
from jobs.alerts.causes import STANDING, standing
from jobs.coverage import COVERAGE, UNSEEN, record
from jobs.decision import Decision, give_up
from jobs.ingest import ingest
from jobs.pipeline import carry
from jobs.settings import Settings, Window
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


def keys(settings: Settings) -> list[str]:
    return [cause.key for cause in standing(settings)]


def test_where_all_is_well_there_is_no_cause(place: Place) -> None:
    assert standing(place.settings) == []


class Wrong:
    """How each kind of cause comes about, and `<kind>_mended`, how it is mended."""

    def __init__(self, place: Place, patch: pytest.MonkeyPatch) -> None:
        self.place, self.patch = place, patch

    def later(self, days: int) -> datetime:
        moment = FETCHED + timedelta(days=days)
        self.patch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))
        return moment

    def few(self) -> None:
        fetched(self.place, "complete", "suspiciously few items: 2026-06-02 has 1 where 40 are usual", 1)

    def few_mended(self) -> None:
        fetched(self.place, "complete", None, 2)

    def stale(self) -> None:
        self.later(8)

    def stale_mended(self) -> None:
        day = self.later(8)
        carry(self.place.settings, self.place.add([item("new", day.date().isoformat())], file="2", at=day), [])

    def gap(self) -> None:
        day = self.later(3)
        (self.place.root / "feeds/posts/0.jsonl").unlink()
        carry(self.place.settings, self.place.add([item("new", day.date().isoformat())], file="2", at=day), [])

    def gap_mended(self) -> None:
        ingest(self.place.settings, "posts", Window(start=FETCHED.date(), end=self.later(3).date()))

    def held(self) -> None:
        carry(self.place.settings, self.place.add(FLOOD), [])

    def held_mended(self) -> None:
        give_up(self.place.settings, [DAY], Decision("ana", "a test"))

    def backlog(self) -> None:
        self.place.configure(alerts={"quarantined": 2})
        self._items(stars=500)

    def backlog_mended(self) -> None:
        self._items(stars=5, edited=FETCHED.isoformat())

    def _items(self, **said: Any) -> None:
        items = [item(f"broken-{n}", FETCHED.date().isoformat(), f"{PT} {n}", **said) for n in range(3)]
        whole = [item(f"whole-{n}", FETCHED.date().isoformat(), f"{PT} so {n}") for n in range(20)]
        carry(self.place.settings, self.place.add([*items, *whole]), [])


@pytest.mark.parametrize("kind", [kind for kind in STANDING if kind not in UNSEEN])
def test_what_the_lake_shows_is_told_once_and_once_when_it_is_over(
    place: Place, hook: Webhook, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wrong = Wrong(place, monkeypatch)
    getattr(wrong, kind)()
    for _ in range(2):
        (alert,) = settle(place.settings)
        assert alert.cause.kind == kind
    getattr(wrong, f"{kind}_mended")()
    for _ in range(2):
        assert settle(place.settings) == []
    assert ["over: " in text for text in hook.texts] == [False, True]
    assert alert.cause.look in hook.texts[0]


@pytest.mark.parametrize("status", UNSEEN)
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


def test_a_feed_that_never_gave_anything_is_stale_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    place.add([])
    for days, expected in ((7, []), (8, ["stale.posts"])):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((FETCHED + timedelta(days=days)).timestamp())))
        assert keys(place.settings) == expected


def test_a_held_day_is_looked_at_by_its_command(place: Place) -> None:
    carry(place.settings, place.add(FLOOD), [])
    (cause,) = standing(place.settings)
    assert cause.key == f"held.{DAY}"
    assert cause.look == f"sentinela quarantine list --held --date {DAY}"


def test_a_feed_that_is_no_longer_in_the_settings_is_no_cause(place: Place) -> None:
    fetched(place, "failed", "no answer", 1)
    others = tuple(feed.model_copy(update={"name": "other"}) for feed in place.settings.feeds)
    assert keys(place.settings.model_copy(update={"feeds": others})) == []
