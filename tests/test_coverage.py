"""The coverage ledger: what was asked for and seen, added line by line and never taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.coverage import looked_for, record, unlooked
from jobs.lake.query import View
from jobs.lake.table import Lake
from tests import stored

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04"]
FIRST = datetime(2026, 6, 5, 8, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def line(feed: str = "posts", first: str = DAYS[0], last: str | None = None, hours: int = 0, **said: Any) -> Any:
    """A line for the window from `first` to `last`, fetched `hours` after the first one."""
    fetched = FIRST + timedelta(hours=hours)
    return {
        "feed": feed, "window_start": date.fromisoformat(first), "window_end": date.fromisoformat(last or first),
        "fetched_date": fetched.date(), "fetched_at": fetched, "source": "feeds/*.jsonl", "status": "complete",
        "items_seen": 3, "batches": 1, "first_day": None, "last_day": None, "message": None,
        "pages": None, "seen_from": None, "seen_until": None, "detail": None, **said,
    }  # fmt: skip


def told(lake: Lake) -> list[tuple[str, int]]:
    """Status of each line, and the hours after the first fetch."""
    rows = sorted(stored.rows(lake, "coverage"), key=lambda row: row["fetched_at"])
    return [(row["status"], (row["fetched_at"] - FIRST) // timedelta(hours=1)) for row in rows]


def test_a_line_is_kept_as_it_was_given(lake: Lake) -> None:
    given = line(first_day=date(2026, 5, 1), last_day=date(2026, 6, 1), message="well", status="capped")
    record(lake, given)
    assert stored.rows(lake, "coverage") == [given]


def test_what_the_newest_line_says_already_is_not_said_again(lake: Lake) -> None:
    record(lake, line())
    version = stored.versions(lake)
    for again in (line(), line(hours=1), line(hours=2, status="unchanged", items_seen=0)):
        record(lake, again)
    assert stored.versions(lake) == version


def test_every_other_outcome_is_added_and_the_former_lines_stay(lake: Lake) -> None:
    record(lake, line())
    record(lake, line(hours=1, status="failed", message="no answer"))
    record(lake, line(hours=2))
    record(lake, line(hours=3, items_seen=4))
    record(lake, line(hours=4, status="empty", items_seen=0))
    record(lake, line(hours=5, status="unchanged", items_seen=0))
    assert told(lake) == [("complete", 0), ("failed", 1), ("complete", 2), ("complete", 3), ("empty", 4)]


def test_the_newest_line_of_a_feed_tells_how_it_fares_whichever_window_it_is_of(lake: Lake) -> None:
    record(lake, line(status="failed", message="no answer"))
    record(lake, line(first=DAYS[1], hours=1))
    record(lake, line(status="failed", message="no answer", hours=2))
    record(lake, line(first=DAYS[1], status="unchanged", hours=3))
    assert told(lake) == [("failed", 0), ("complete", 1), ("failed", 2), ("unchanged", 3)]


def test_polls_of_several_windows_that_find_nothing_new_add_no_line(lake: Lake) -> None:
    for hours, day in enumerate([*DAYS, *DAYS]):
        record(lake, line(first=day, hours=hours, status="complete" if hours < len(DAYS) else "unchanged"))
    assert len(told(lake)) == len(DAYS)


def test_unchanged_after_a_failure_says_that_the_feed_was_seen(lake: Lake) -> None:
    record(lake, line(status="failed"))
    record(lake, line(hours=1, status="unchanged"))
    assert told(lake) == [("failed", 0), ("unchanged", 1)]


def test_a_feed_a_window_and_a_day_of_fetching_have_lines_of_their_own(lake: Lake) -> None:
    for given in (line(), line("shop"), line(first=DAYS[1]), line(last=DAYS[1]), line(hours=24)):
        record(lake, given)
    assert len(stored.rows(lake, "coverage")) == 5
    assert [file.day for file in View(lake).files("coverage")] == ["2026-06-05", "2026-06-06"]


def test_lines_that_are_written_at_once_are_all_kept(lake: Lake) -> None:
    names = [f"feed-{n}" for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: record(lake, line(name)), names))
    assert sorted(row["feed"] for row in stored.rows(lake, "coverage")) == names


# Which feed was looked at for which day


def test_a_feed_was_looked_at_for_the_days_of_its_windows_whatever_came_of_it(lake: Lake) -> None:
    record(lake, line(first=DAYS[0], last=DAYS[1]))
    record(lake, line("shop", first=DAYS[1], status="failed"))
    assert looked_for(View(lake), [*DAYS, "undated"]) == {
        DAYS[0]: {"posts"}, DAYS[1]: {"posts", "shop"}, DAYS[2]: set(), DAYS[3]: set(),
    }  # fmt: skip


def test_a_feed_was_looked_at_for_the_days_between_the_items_that_it_brought(lake: Lake) -> None:
    record(lake, line(first=DAYS[3], first_day=date(2026, 5, 1), last_day=date(2026, 6, 2)))
    assert looked_for(View(lake), DAYS) == {DAYS[0]: {"posts"}, DAYS[1]: {"posts"}, DAYS[2]: set(), DAYS[3]: {"posts"}}
    assert looked_for(View(lake), ["2026-04-30", "2026-05-01"]) == {"2026-04-30": set(), "2026-05-01": {"posts"}}


def test_only_the_days_asked_for_are_told(lake: Lake) -> None:
    record(lake, line(first=DAYS[0], last=DAYS[3]))
    assert looked_for(View(lake), [DAYS[0], DAYS[2]]) == {DAYS[0]: {"posts"}, DAYS[2]: {"posts"}}
    assert looked_for(View(lake), []) == looked_for(View(lake), ["undated"]) == {}


def test_a_lake_without_a_ledger_was_never_looked_at(lake: Lake) -> None:
    assert looked_for(View(lake), DAYS[:1]) == {DAYS[0]: set()}
    assert unlooked(View(lake), "posts", date(2026, 6, 1), date(2026, 6, 2)) == DAYS[:2]


def test_days_that_a_feed_was_never_looked_at_for_are_its_own(lake: Lake) -> None:
    record(lake, line(first=DAYS[1], last=DAYS[2]))
    record(lake, line("shop", first=DAYS[0]))
    assert unlooked(View(lake), "posts", date(2026, 6, 1), date(2026, 6, 4)) == [DAYS[0], DAYS[3]]
    assert unlooked(View(lake), "shop", date(2026, 6, 1), date(2026, 6, 1)) == []
