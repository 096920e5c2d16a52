"""Decisions on days that are held back: released as they are, or given up."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from jobs.decision import Decision, DecisionError, give_up, release
from jobs.lake.query import View
from jobs.pipeline import carry
from jobs.step import Order
from tests.place import FETCHED, PT, Place, item

DAY, MOVED = "2026-06-03", "2026-06-04"
FLOOD = [item(f"flood-{n}", DAY, f"{PT} {n}", stars=500 if n < 10 else 5) for n in range(20)]
WHO = Decision("ana", "the shop gave 500 stars on purpose")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place of which DAY is published with one post and held back with twenty more items."""
    place = Place(tmp_path_factory.mktemp("made"))
    carry(place.settings, place.add([item("calm", DAY, PT)], file="0"), [])
    carried = carry(place.settings, place.add(FLOOD, at=FETCHED + timedelta(hours=1)), [])
    assert list(carried.validated.held) == [DAY]
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    return made.copy(tmp_path / "place")


def told(place: Place) -> tuple[int, int, int]:
    """Posts, quarantined items and posts of the newest figures of DAY."""
    rows = [row for row in place.rows("daily_polarity", [DAY]) if row["brand"] == "all"]
    newest = max(rows, key=lambda row: row["recorded_at"])["recorded_at"] if rows else None
    counted = sum(row["posts"] or 0 for row in rows if row["recorded_at"] == newest)
    return len(place.rows("posts", [DAY])), len(place.rows("quarantine", [DAY])), counted


def test_a_released_day_is_published_as_it_is_to_its_figures(place: Place) -> None:
    assert release(place.settings, [DAY], WHO) == [DAY]
    assert told(place) == (11, 10, 11)
    assert View(place.lake).held() == []


def test_a_day_that_was_given_up_stays_as_it_was_and_is_held_back_no_more(place: Place) -> None:
    assert give_up(place.settings, [DAY], WHO) == [DAY]
    assert told(place) == (1, 0, 1)
    assert View(place.lake).held() == []


@pytest.mark.parametrize("decide", [release, give_up])
def test_a_decision_stands_until_newer_items_come(place: Place, decide: object) -> None:
    assert callable(decide)
    decide(place.settings, [DAY], WHO)
    before = told(place)
    assert carry(place.settings, [DAY], [DAY]).failures == []
    assert told(place) == before
    again = place.add(
        [item(f"more-{n}", DAY, f"{PT} {n}", stars=500) for n in range(20)], at=FETCHED + timedelta(days=1)
    )
    assert list(carry(place.settings, again, []).validated.held) == [DAY]
    assert told(place) == before


@pytest.mark.parametrize("decide", [release, give_up])
def test_a_decision_stands_when_what_is_up_to_date_is_made_once_more(place: Place, decide: object) -> None:
    assert callable(decide)
    decide(place.settings, [DAY], WHO)
    before = told(place)
    assert carry(place.settings, [DAY], [DAY], order=Order.anew()).failures == []
    assert (told(place), View(place.lake).held()) == (before, [])


@pytest.mark.parametrize(("decide", "step"), [(release, "release"), (give_up, "give up")])
def test_who_decided_and_why_is_kept(place: Place, decide: object, step: str) -> None:
    assert callable(decide)
    decide(place.settings, [DAY], WHO)
    handle = place.lake.table("judged_posts").handle
    assert handle is not None
    said = handle.history(1)[0]
    assert (said["step"], said["who"], said["cause"]) == (step, WHO.who, WHO.why)


def test_a_release_that_was_cut_off_after_its_commit_goes_on_when_it_is_said_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("jobs.decision.carry", lambda *_: sys.exit("cut off"))
        with pytest.raises(SystemExit):
            release(place.settings, [DAY], WHO)
    assert told(place) == (11, 10, 1)
    assert release(place.settings, [DAY], WHO) == [DAY]
    assert told(place) == (11, 10, 11)
    with pytest.raises(DecisionError, match="not held back"):
        release(place.settings, [DAY], Decision("rui", WHO.why))


def test_a_day_that_is_not_held_back_is_refused_and_those_that_are_named(place: Place) -> None:
    with pytest.raises(DecisionError, match=f"2026-06-01: not held back; held back are {DAY}"):
        release(place.settings, ["2026-06-01", DAY], WHO)
    assert View(place.lake).held() == [DAY]


def test_days_that_share_an_item_are_decided_together(place: Place) -> None:
    moved = place.add([item("calm", MOVED, PT)], file="2", at=FETCHED + timedelta(hours=2))
    assert sorted(carry(place.settings, moved, []).validated.held) == [DAY, MOVED]
    assert release(place.settings, [MOVED], WHO) == [DAY, MOVED]
    assert (told(place)[0], len(place.rows("posts", [MOVED]))) == (10, 1)
