"""A range reprocessed through Airflow: straight on below the limits, above them when a person has approved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dags.by_hand import through_airflow
from tests.place import Place
from tests.reprocess.conftest import DAYS, read_by
from tests.reprocess.conftest import made as made

pytestmark = pytest.mark.slow


def models(place: Place) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in place.rows("scored_posts"):
        found.setdefault(str(row["published_date"]), set()).add(row["model_version"])
    return found


def said(place: Place) -> dict[str, Any]:
    """What the newest commit of scored posts says."""
    handle = place.lake.table("scored_posts").handle
    assert handle is not None
    return dict(handle.history(1)[0])


WHY = {"because": "looked at it"}
ASKED = {"from": DAYS[0], "to": DAYS[-1], "reason": "knows cold coffee", "chunk_days": 6}


def test_a_new_model_is_approved_by_a_person_and_carried_chunk_by_chunk(made: Place, tmp_path: Path) -> None:
    place = made.copy(tmp_path / "place")
    read_by(place, "2")
    refused, approved, again = (
        {**ASKED, "answer": ["Reject", WHY]}, {**ASKED, "answer": ["Approve", WHY]}, ASKED
    )  # fmt: skip
    ends, shown = through_airflow(
        "reprocess", place, tmp_path / "home", {**ASKED, "colour": "red"}, refused, approved, again
    )
    wrong, refused, approved, again = ends
    assert wrong["state"] == "failed"
    assert "unknown in the run's configuration: colour; known: from, to, reason" in shown
    assert (refused["state"], refused["tasks"]["carry"]) == ("success", ["skipped"])
    assert approved["state"] == "success"
    assert approved["tasks"]["carry"] == ["success", "success"]
    assert approved["tasks"]["publish"] == approved["tasks"]["verdict"] == ["success"]
    assert models(place) == {day: {"words-2"} for day in DAYS}
    assert "approved by ana: looked at it" in shown
    told = said(place)
    assert (told["reason"], told["approved_by"], told["approved_because"]) == (
        "knows cold coffee",
        "ana",
        "looked at it",
    )
    assert (again["state"], again["tasks"]["carry"], again["tasks"]["publish"]) == ("success", ["skipped"], ["skipped"])


def test_below_the_limits_it_goes_straight_on(made: Place, tmp_path: Path) -> None:
    place = made.copy(tmp_path / "place")
    read_by(place, "2", reprocess={"approve_above": {"moved": 1}})
    (end,), shown = through_airflow(
        "reprocess", place, tmp_path / "home", {**ASKED, "steps": ["score"], "feeds": ["shop"]}
    )
    assert end["state"] == "success", shown
    assert end["tasks"]["approve"] == ["skipped"]
    read = {(row["feed"], row["model_version"]) for row in place.rows("scored_posts")}
    assert read == {("posts", "words-1"), ("shop", "words-2")}
    assert "approved_by" not in said(place)
