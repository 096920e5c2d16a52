"""Days with suspiciously few items: against the feed's own weekdays, told on the ledger, in status and report."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.ingest import Ingested, ingest
from jobs.lake.query import View
from jobs.report.gaps import Few, read_coverage, scarce
from jobs.settings import Window
from jobs.status import status
from tests.place import FETCHED, Place, item

TUESDAY = date(2026, 9, 29)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Eight weeks of a feed with 12 items every Tuesday and one every Wednesday."""
    place = Place(tmp_path_factory.mktemp("watch"))
    days = [TUESDAY - timedelta(weeks=n) for n in range(1, 9)]
    items = [item(f"{day} {n}", day.isoformat()) for day in days for n in range(12)]
    items += [item(f"{day} w", (day + timedelta(days=1)).isoformat()) for day in days]
    place.add(items, at=datetime(2026, 9, 28, 12, tzinfo=UTC))
    return place


def fetch(place: Place, day: date, hour: int = 30) -> Ingested:
    """Ask for `day`, so many hours after it began."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))
        return ingest(place.settings, "posts", Window(start=day, end=day))


def few(place: Place) -> tuple[Few, ...]:
    with View(place.lake).query() as query:
        read_coverage(query)
        return scarce(query, Window(start=TUESDAY, end=TUESDAY + timedelta(days=1)))


def lines(place: Place) -> list[dict[str, Any]]:
    return [line for line in place.rows("coverage") if line["window_start"] >= TUESDAY]


def test_an_empty_day_is_told_when_such_weekdays_had_items_and_no_longer_once_they_come(place: Place) -> None:
    running = fetch(place, TUESDAY, hour=12)
    assert (running.message, few(place)) == (None, ())
    done = fetch(place, TUESDAY)
    assert (done.status, done.failed) == ("unchanged", False)
    assert done.message is not None
    assert done.message.startswith("suspiciously few items: 2026-09-29 has 0 where 12 are usual; ")
    assert json.loads(lines(place)[-1]["detail"]) == {"scarce": {"2026-09-29": [0, 12.0]}}
    assert few(place) == (Few("posts", TUESDAY, 0, 12.0),)
    (told,) = status(place.settings)
    assert told.last_fetch == (date(2026, 9, 30), "unchanged", done.message)
    assert fetch(place, TUESDAY + timedelta(days=1)).message is None
    place.write([item(f"late {n}", TUESDAY.isoformat()) for n in range(9)], file="2")
    assert fetch(place, TUESDAY, hour=40).message is None
    assert few(place) == ()


def test_a_feed_without_a_past_is_not_told(tmp_path: Path) -> None:
    young = Place(tmp_path)
    young.add([item("a", "2026-06-29")], at=FETCHED)
    assert fetch(young, TUESDAY).message is None
