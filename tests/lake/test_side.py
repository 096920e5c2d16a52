"""A lake beside another: everything is there, and whatever is done to it, nothing of it is beneath."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

from jobs.lake.query import View
from jobs.lake.side import beside
from jobs.lake.table import Partition, Refused
from jobs.lake.writer import write
from tests import stored
from tests.place import PT, Place, item

DAYS = ["2026-06-01", "2026-06-02"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.add([item("a", DAYS[0]), item("b", DAYS[1])])
    place.put("posts", [{"post_id": "a", "feed": "posts", "published_date": date.fromisoformat(DAYS[0]), "text": PT}])
    return place


def test_it_begins_as_the_view_that_it_was_opened_on(place: Place) -> None:
    view = View(place.lake)
    view.versions()
    place.put("posts", [{"post_id": "z", "feed": "posts", "published_date": date.fromisoformat(DAYS[1])}])
    with beside(view) as side:
        assert stored.rows(side, "raw_posts") == place.rows("raw_posts")
        assert [row["post_id"] for row in stored.rows(side, "posts")] == ["a"]


def test_what_is_committed_to_it_is_read_there_and_is_not_beneath(place: Place) -> None:
    before, versions = place.mtimes(), stored.versions(place.lake)
    with beside(View(place.lake)) as side:
        rows = stored.rows(side, "posts")
        stored.put(side, "posts", [row | {"text": "outro"} for row in rows])
        stored.put(side, "scored_posts", [row | {"model_version": "x"} for row in rows])
        assert [row["text"] for row in stored.rows(side, "posts")] == ["outro"]
        assert [row["post_id"] for row in stored.rows(side, "scored_posts")] == ["a"]
        assert Path(side.root).is_dir()
    assert (place.mtimes(), stored.versions(place.lake)) == (before, versions)
    assert not Path(side.root).exists()


def test_a_commit_to_a_version_that_is_not_the_newest_is_refused(place: Place) -> None:
    with beside(View(place.lake)) as side:
        stale = side.table("judged_posts")
        stored.put(side, "posts", stored.rows(side, "posts"))
        files = write(side, "posts", {"published_date": DAYS[0], "feed": "posts"}, "made", [])
        with pytest.raises(Refused):
            side.commit(stale, files, stale.of(Partition(DAYS[0], "posts")))


def test_it_does_not_travel_to_another_process(place: Place) -> None:
    with beside(View(place.lake)) as side, pytest.raises(TypeError, match="local engine"):
        pickle.dumps(side)
