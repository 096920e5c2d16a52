"""Why a restated day moved: what was done to its posts, read from the lake's former version, adds up to the change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.aggregate import aggregate
from jobs.lake.faults import LakeError
from jobs.lake.query import View
from jobs.report.language import Voice
from jobs.report.restated import Restated, restated
from jobs.report.telling import moved
from jobs.revisions import read_revisions
from jobs.settings import Window
from jobs.step import Order
from tests.place import Place

DAY = date(2026, 5, 1)


def post(name: str, text: str, polarity: float) -> dict[str, Any]:
    """A scored post of the day."""
    shares = {"negative": (0.9 - polarity) / 2, "neutral": 0.1, "positive": (0.9 + polarity) / 2}
    of = {"feed": "posts", "kind": "post", "language": "pt", "label": "neutral", "unsure": False}
    return {"post_id": name, "published_date": DAY, "text": text, "polarity": polarity, **shares, **of}


BEFORE = [post("a", "bom", 0.5), post("b", "mau", -0.5), post("c", "assim", 0.0), post("d", "péssimo", -0.75)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    record(made, BEFORE)
    return made


def record(place: Place, posts: Sequence[dict[str, Any]]) -> None:
    place.put("scored_posts", posts)
    aggregate(place.settings, [DAY.isoformat()], Order.anew())


def told(place: Place) -> Restated:
    with View(place.lake).query() as query:
        read_revisions(query, [DAY.isoformat()])
        (day,) = restated(query, Window(start=DAY, end=DAY), "all", None)
    return day


def mean(posts: Sequence[dict[str, Any]]) -> float:
    return sum(row["polarity"] for row in posts) / len(posts)


def test_late_posts_are_told_by_what_they_did(place: Place) -> None:
    after = [*BEFORE, post("e", "horrível", -1.0)]
    record(place, after)
    day = told(place)
    assert (day.before, day.mean) == pytest.approx((mean(BEFORE), mean(after)))
    assert day.parts == pytest.approx({"model": 0, "edited": 0, "removed": 0, "late": day.change, "duplicates": 0})


def test_what_was_done_in_one_go_adds_up_in_the_order_of_the_pipeline(place: Place) -> None:
    read_anew, edited = post("a", "bom", 0.8), post("b", "nada mau", 0.25)
    record(place, [read_anew, edited, BEFORE[2], post("e", "horrível", -1.0)])
    day = told(place)
    assert math.fsum(day.parts.values()) == pytest.approx(day.change, abs=1e-9)
    assert day.parts["model"] == pytest.approx(0.3 / 4)
    assert day.parts["edited"] == pytest.approx(0.75 / 4)
    assert day.parts["removed"] == pytest.approx(mean([read_anew, edited, BEFORE[2]]) - 0.3 / 4)
    assert day.parts["late"] < 0


def test_where_the_posts_of_then_are_gone_the_cause_alone_is_told(place: Place) -> None:
    files = View(place.lake).files("scored_posts")
    record(place, [*BEFORE, post("e", "horrível", -1.0)])
    for file in files:
        (Path(place.lake.base) / file.path).unlink()
    day = told(place)
    assert (day.causes, day.parts, day.is_lost) == (("late items",), {}, True)
    assert moved(day, Voice("en")).endswith("late items, +1 posts (what was counted before is no longer kept)")


def test_a_fault_of_the_store_is_not_taken_for_posts_that_are_gone(place: Place) -> None:
    record(place, [*BEFORE, post("e", "horrível", -1.0)])
    with View(place.lake).query() as query:
        read_revisions(query, [DAY.isoformat()])
        query.at.versions()
        for entry in Path(place.lake.base, "scored_posts", "_delta_log").glob("*.json"):
            entry.write_text("{")
        with pytest.raises(LakeError, match="scored_posts: cannot be read"):
            restated(query, Window(start=DAY, end=DAY), "all", None)
