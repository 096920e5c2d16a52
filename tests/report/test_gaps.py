"""Days that were not seen whole, by what the ledger says of every fetch."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.lake.query import View
from jobs.report.gaps import coverage_gaps, read_coverage
from jobs.settings import Window
from tests.place import Place

DAY = date(2026, 9, 29)


@pytest.mark.parametrize(
    ("fetches", "status"),
    [
        ([(30, "partial")], "partial"),
        ([(30, "capped")], "capped"),
        ([(30, "refused"), (34, "complete")], None),
        ([(30, "complete"), (34, "partial")], None),
        ([(12, "complete"), (30, "partial")], "partial"),
        ([(9, "failed"), (12, "complete")], None),
        ([(9, "complete"), (12, "failed")], "failed"),
        ([(30, "empty")], None),
    ],
)
def test_a_day_is_a_gap_until_a_fetch_after_its_end_was_answered_whole(
    tmp_path: Path, fetches: list[tuple[int, str]], status: str | None
) -> None:
    place = Place(tmp_path)
    moments = [datetime(2026, 9, 29, tzinfo=UTC) + timedelta(hours=hour) for hour, _ in fetches]
    asked = {"feed": "posts", "window_start": DAY, "window_end": DAY}
    place.put(
        "coverage",
        [
            {**asked, "fetched_at": moment, "fetched_date": moment.date(), "status": status}
            for moment, (_, status) in zip(moments, fetches, strict=True)
        ],
    )
    with View(place.lake).query() as query:
        read_coverage(query)
        gaps = coverage_gaps(query, Window(start=DAY, end=DAY))
    assert [gap.status for gap in gaps] == ([status] if status else [])
