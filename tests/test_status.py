"""Status: what the lake holds, per feed and day, with gaps."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.ingest import FeedError
from jobs.settings import Settings
from jobs.status import FeedStatus, newest_commits, status
from jobs.validate import validate
from tests.place import FETCHED, PT, Place, item

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Posts on the first, third (held back) and fifth day, one undated; a shop whose file went away; a silent feed."""
    place = Place(tmp_path_factory.mktemp("status"), feeds=("posts", "shop"))
    place.write([item("s", DAYS[1])], "shop")
    flood = [item(f"f{n}", DAYS[2], f"{PT} {n}", stars=500) for n in range(20)]
    items = [item("a", DAYS[0]), item("b", DAYS[0], None), *flood, item("c", DAYS[4]), item("u", None)]
    validate(place.settings, place.add(items))
    (place.root / "feeds/shop/1.jsonl").unlink()
    with pytest.raises(FeedError):
        place.ingest(FETCHED + timedelta(days=1))
    place.configure(feeds=("posts", "shop", "silent"))
    return place


@pytest.fixture(scope="module")
def feeds(place: Place) -> dict[str, FeedStatus]:
    return {feed.feed: feed for feed in status(place.settings)}


def test_every_feed_of_the_settings_or_of_the_lake_is_there(place: Place, feeds: dict[str, FeedStatus]) -> None:
    assert list(feeds) == ["posts", "shop", "silent"]
    fewer: Settings = place.settings.model_copy(update={"feeds": place.settings.feeds[2:]})
    assert [feed.feed for feed in status(fewer)] == ["posts", "shop", "silent"]


def test_days_have_their_posts_and_quarantined_items(feeds: dict[str, FeedStatus]) -> None:
    assert feeds["posts"].days == {DAYS[0]: (1, 1), DAYS[4]: (1, 0)}
    assert feeds["shop"].days == {DAYS[1]: (1, 0)}


def test_undated_items_are_counted_apart_and_in_the_totals(feeds: dict[str, FeedStatus]) -> None:
    assert feeds["posts"].undated == (1, 0)
    assert (feeds["posts"].posts, feeds["posts"].quarantined) == (3, 1)


def test_days_without_any_item_are_gaps_and_held_days_are_not(feeds: dict[str, FeedStatus]) -> None:
    assert feeds["posts"].held == [DAYS[2]]
    assert feeds["posts"].gaps == [DAYS[1], DAYS[3]]
    assert feeds["shop"].gaps == []
    assert feeds["posts"].unlooked == feeds["shop"].unlooked == []


def test_days_that_a_feed_was_never_looked_at_for_are_no_gaps(tmp_path: Path) -> None:
    place = Place(tmp_path)
    validate(place.settings, place.add([item("a", DAYS[0]), item("b", DAYS[2])]))
    (tmp_path / "feeds/posts/1.jsonl").unlink()
    validate(place.settings, place.add([item("c", "2026-06-06")], file="2", at=FETCHED + timedelta(days=1)))
    (feed,) = status(place.settings)
    assert (feed.gaps, feed.unlooked) == ([DAYS[1]], [DAYS[3], DAYS[4]])


def test_the_newest_fetch_is_told_with_its_failure(feeds: dict[str, FeedStatus]) -> None:
    assert feeds["posts"].last_fetch is not None
    assert feeds["posts"].last_fetch[1:] == ("unchanged", None)
    day, outcome, message = feeds["shop"].last_fetch or (None, "", "")
    assert (day, outcome) == (date(2026, 7, 1), "failed")
    assert "no such file" in str(message)


def test_a_feed_never_fetched_says_so(feeds: dict[str, FeedStatus]) -> None:
    silent = feeds["silent"]
    assert (silent.days, silent.gaps, silent.undated, silent.last_fetch) == ({}, [], (0, 0), None)


def test_an_empty_lake_has_nothing_of_every_feed(tmp_path: Path) -> None:
    (only,) = status(Place(tmp_path).settings)
    assert (only.posts, only.quarantined, only.last_fetch) == (0, 0, None)


def test_the_newest_commits_tell_step_days_rows_seconds_versions_and_outcome(place: Place) -> None:
    found = newest_commits(place.settings, 50)
    validated = next(commit for commit in found if commit.step == "validate")
    assert (validated.table, validated.rows, validated.days) == ("judged_posts", 25, [*DAYS[:3], DAYS[4], "undated"])
    assert validated.made_from.keys() == {"item_versions", "raw_posts"}
    assert (validated.held, validated.outcome) == ([DAYS[2]], "1 held back")
    assert validated.seconds is not None
    assert validated.rate == validated.rows / validated.seconds
    ledger = [(commit.said["feed"], commit.rows, commit.outcome) for commit in found if commit.table == "coverage"]
    assert ledger[0] == ("shop", 0, "failed")
    assert ledger[-2:] == [("shop", 1, "complete"), ("posts", 24, "complete")]
    assert [commit.moment for commit in found] == sorted((commit.moment for commit in found), reverse=True)
    assert {commit.step for commit in found} == {"ingest", "validate"}


def test_no_more_commits_are_shown_than_were_asked_for(place: Place) -> None:
    assert len(newest_commits(place.settings, 2)) == 2
