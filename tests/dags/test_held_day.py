"""A day that is held back, decided on by a person through Airflow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from jobs.lake.query import View
from jobs.pipeline import carry
from tests.dags.by_hand import through_airflow
from tests.place import FETCHED, PT, Place, item

DAY = "2026-06-03"
WHY = {"reason": "the shop gave 500 stars on purpose"}


def test_a_person_releases_it_and_who_and_why_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    carry(place.settings, place.add([item("calm", DAY, PT)], file="0"), [])
    flood = [item(f"flood-{n}", DAY, f"{PT} {n}", stars=500 if n < 10 else 5) for n in range(20)]
    carry(place.settings, place.add(flood, at=FETCHED + timedelta(hours=1)), [])
    assert View(place.lake).held() == [DAY]
    ends, shown = through_airflow(
        "held_day", place, tmp_path / "home",
        {"day": "2026-06-04"}, {"day": DAY, "answer": ["Release", {}]}, {"day": DAY, "answer": ["Release", WHY]},
    )  # fmt: skip
    assert [end["state"] for end in ends] == ["failed", "failed", "success"], shown
    assert f"2026-06-04 is not held back; held back are: {DAY}" in shown
    assert "the answer has no reason: clear the task that waits and answer with `reason`" in shown
    assert (View(place.lake).held(), len(place.rows("posts", [DAY]))) == ([], 11)
    released = next(commit for commit in place.lake.history("judged_posts") if commit.step == "release")
    assert (released.said["who"], released.said["cause"]) == ("ana", WHY["reason"])
