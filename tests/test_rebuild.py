from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import UNDATED
from jobs.pipeline import restate
from jobs.rebuild import rebuild
from jobs.revisions import view_current
from jobs.settings import Window
from tests import stored
from tests.place import EN, FETCHED, PT, Place, item

DERIVED = ("item_versions", "judged_posts", "scored_posts", "twins", "topics", "daily_polarity")
ROWS = ("raw_posts", "item_versions", "posts", "quarantine", "scored_posts", "twins", "topics", "daily_polarity")
DAYS = ("labelled_date", "published_date", "sample_start", "sample_end")
LABEL = {"post_id": "a0", "label": "positive", "weight": 1.0, **dict.fromkeys(DAYS, FETCHED.date())}


def run(place: Place) -> None:
    """Run everything for the days before and of the fetch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        restate(place.settings, Window(start=FETCHED.date() - timedelta(days=1), end=FETCHED.date()))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A lake with edited, moved, undated and broken items, all of it up to date."""
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "a key")
    named = [{"name": "café", "terms": ["café"]}]
    place = Place(tmp_path, ("posts", "shop"), brands=named, topics=named)
    place.write([item(f"a{n}", f"2026-06-{20 + n}", by="Ana") for n in range(4)])
    place.write(
        [item("b", "2026-06-27", EN), item("c", None), item("d", "2026-06-27", ""), item("e", "2026-06-24")], "shop"
    )
    run(place)
    place.write([item("a0", "2026-06-20", PT + " Editado."), item("a1", "2026-06-25")], file="2")
    run(place)
    return place


def figures(place: Place) -> list[dict[str, Any]]:
    """The newest revision of every point, but for when and why it was recorded and what of."""
    with View(place.lake).query() as query:
        view_current(query, query.at, None)
        return query.rows("SELECT * EXCLUDE (recorded_at, cause, made_from) FROM daily_polarity ORDER BY ALL")


def test_all_that_was_lost_comes_back_from_raw_posts(place: Place) -> None:
    place.put("labels", [LABEL])
    before, counted, labels = place.contents(*ROWS[:-1]), figures(place), place.contents("labels")
    for table in DERIVED:
        shutil.rmtree(Path(place.lake.base, table))
    rebuild(place.settings)
    assert place.contents(*ROWS[:-1]) == before
    assert place.contents("labels") == labels
    assert figures(place) == counted
    assert {row["cause"] for row in place.rows("daily_polarity")} == {"first"}


def test_what_is_right_already_stays_the_same_rows_and_adds_no_revision(place: Place) -> None:
    before, files = place.contents(*ROWS, "coverage"), place.files("judged_posts")
    versions = stored.versions(place.lake)
    carried = rebuild(place.settings)
    assert place.contents(*ROWS, "coverage") == before
    assert place.files("judged_posts").keys() == files.keys()
    assert not set(place.files("judged_posts").values()) & set(files.values()), "they were made anew"
    assert {*(f"2026-06-{n}" for n in (20, 24, 27, 30)), UNDATED} <= set(carried.validated.days)
    after = stored.versions(place.lake)
    assert {name: after[name] - version for name, version in versions.items() if version is not None} == {
        "raw_posts": 0, "coverage": 0, "item_versions": 1, "judged_posts": 1, "scored_posts": 1, "twins": 1,
        "topics": 1, "daily_polarity": 1,
    }, "each table changes in one commit, so readers see the old rows or the new"  # fmt: skip


def test_rows_that_no_longer_agree_with_raw_posts_are_made_right(place: Place) -> None:
    before = place.contents(*ROWS[:-1])
    posts = [row | {"text": "nobody said this"} for row in place.rows("posts", ["2026-06-24"])]
    (file,) = View(place.lake).files("posts", ["2026-06-24"])[:1]
    stored.put(place.lake, "posts", posts, file.made_from)
    rebuild(place.settings)
    assert place.contents(*ROWS[:-1]) == before


def test_what_raw_posts_no_longer_has_goes_from_every_table(place: Place) -> None:
    raw = place.lake.table("raw_posts")
    gone = [file for file in raw.files if file.feed == "shop"]
    place.lake.commit(raw, [], gone, step="test", days=[], cause="test")
    rebuild(place.settings)
    for name in ROWS[:-1]:
        assert {row["feed"] for row in place.rows(name)} <= {"posts"}, name
    assert sum(row["posts"] or 0 for row in figures(place) if row["feed"] == "shop") == 0


def test_of_a_lake_that_lost_raw_posts_nothing_else_goes(place: Place) -> None:
    before = place.contents(*ROWS[2:-1])
    for table in ("raw_posts", "item_versions"):
        shutil.rmtree(Path(place.lake.base, table))
    rebuild(place.settings)
    assert place.contents(*ROWS[2:-1]) == before


def test_losing_the_state_costs_a_full_read_and_nothing_else(place: Place) -> None:
    before = place.contents(*ROWS)
    shutil.rmtree(Path(place.lake.base, "_state"))
    run(place)
    assert place.contents(*ROWS) == before
    ids = [(row["post_id"], row["batch_id"], row["position"]) for row in place.rows("raw_posts")]
    assert len(ids) == len(set(ids))
    assert State(place.lake).begun
    assert State(place.lake).pending() == {}
