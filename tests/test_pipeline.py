"""The whole line by hand: a held day makes red the run that it belongs to and the one that first holds it back."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.ingest import ingest
from jobs.lake.query import View
from jobs.pipeline import restate
from jobs.quarantine import replay
from jobs.revisions import view_current
from jobs.settings import Window
from jobs.unfinished import unfinished
from tests.place import FETCHED, PT, Place, item

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03"]
FLOODED = DAYS[0]


def flood(wrong: bool = True) -> list[dict[str, object]]:
    """Twenty items of one day; with stars out of scale it is held back."""
    return [item(f"flood-{n}", FLOODED, f"{PT} {n}", stars=500 if wrong else 5) for n in range(20)]


def run(place: Place, day: str) -> list[str]:
    """Failures of the run of `day`."""
    return restate(place.settings, Window(start=date.fromisoformat(day), end=date.fromisoformat(day)))[1]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two feeds, one of which floods the first day."""
    place = Place(tmp_path, ("posts", "shop"))
    place.write([item(f"ok-{day}", day) for day in DAYS])
    place.write(flood(), "shop")
    return place


def held_back(failures: list[str]) -> bool:
    """Whether `failures` are the flooded day's alone."""
    return [failure.startswith(f"{FLOODED} held back: ") for failure in failures] == [True]


def test_the_run_of_a_held_day_is_red_each_time(place: Place) -> None:
    assert held_back(run(place, FLOODED))
    assert held_back(run(place, FLOODED))


def test_a_run_of_another_day_is_red_for_what_it_newly_holds_back_and_only_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    assert held_back(run(place, DAYS[1]))
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="jobs"):
        assert run(place, DAYS[2]) == []
    assert f"sentinela quarantine list --held --date {FLOODED}" in caplog.text
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


def test_a_held_day_is_no_unfinished_work(place: Place) -> None:
    run(place, DAYS[1])
    assert unfinished(place.settings) == {}


def test_a_held_day_whose_feed_left_is_a_warning_and_no_work(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    run(place, DAYS[1])
    place.configure(["posts"])
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="jobs"):
        assert run(place, DAYS[2]) == []
    assert f"{FLOODED} is held back since an earlier run" in caplog.text
    assert f"sentinela quarantine list --held --date {FLOODED}" in caplog.text


def test_a_held_day_without_its_mark_is_brought_up_by_a_replay_and_by_new_items(place: Place) -> None:
    run(place, DAYS[1])
    assert list(replay(place.settings, [FLOODED]).held) == [FLOODED]
    place.write(flood(wrong=False), "shop", "2")
    assert run(place, DAYS[2]) == []
    assert View(place.lake).held() == []
    assert len(place.rows("posts", [FLOODED])) == 21


def test_days_that_a_dead_run_looked_at_first_are_counted_by_the_next(place: Place) -> None:
    """The feed had no post of the day between two others: that is known once they were fetched."""
    place.write([item("early", FLOODED), item("late", DAYS[2])], "shop")
    place.write([item("ok", DAYS[1])])
    run(place, DAYS[0])
    for day in ("2026-05-01", "2026-05-03"):
        place.write([item(f"old-{day}", day)], "posts", day)
    run(place, DAYS[1])
    place.write([item("shop-first", "2026-05-01"), item("shop-last", "2026-05-03")], "shop", "2")
    ingest(place.settings, "shop", Window(start=date(2026, 6, 3), end=date(2026, 6, 3)))
    assert run(place, DAYS[2]) == []
    with View(place.lake).query() as query:
        view_current(query, query.at, ["2026-05-02"])
        rows = query.rows("SELECT DISTINCT feed, posts, counted FROM daily_polarity ORDER BY feed")
    assert rows == [{"feed": name, "posts": 0, "counted": True} for name in ("posts", "shop")]


def test_a_feed_without_history_never_empties_or_shrinks_an_old_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rss = {"name": "news", "kind": "news", "reader": "rss", "path": str(tmp_path / "news.xml")}
    place = Place(tmp_path, [rss])

    def shows(*days: int) -> None:
        items = "".join(
            f"<item><guid>{day}-{n}</guid><title>{PT} {day} {n}</title>"
            f"<pubDate>{datetime(2026, 6, day, 9, tzinfo=UTC):%a, %d %b %Y %H:%M:%S} +0000</pubDate></item>"
            for day in days
            for n in range(3)
        )
        (tmp_path / "news.xml").write_text(f'<rss version="2.0"><channel><title>n</title>{items}</channel></rss>')

    def backfilled(*days: int) -> dict[str, int]:
        for day in days:
            monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((FETCHED + timedelta(days=day)).timestamp())))
            when = date(2026, 6, day)
            assert restate(place.settings, Window(start=when, end=when))[1] == []
        with View(place.lake).query() as query:
            view_current(query, query.at, None)
            rows = query.rows(
                "SELECT published_date AS day, posts FROM daily_polarity WHERE brand = 'all' AND posts > 0"
            )
        return {str(row["day"]): row["posts"] for row in rows}

    shows(26, 27, 28)
    before = backfilled(26, 27, 28)
    assert before == {"2026-06-26": 3, "2026-06-27": 3, "2026-06-28": 3}
    shows(28)
    assert backfilled(26, 27) == before
    shows()
    assert backfilled(28, 27, 26) == before
