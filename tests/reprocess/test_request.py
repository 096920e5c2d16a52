"""What is asked for is checked before anything is made, and what is wrong is one sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.query import View
from jobs.reprocess.request import ReprocessError, Request
from jobs.settings import STEPS, SettingsError, Window
from tests.place import Place, item

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)


def test_without_more_words_all_steps_take_all_feeds(tmp_path: Path) -> None:
    request = Request.of(Place(tmp_path).settings, FIRST, LAST)
    assert (request.steps, request.feeds, request.made_before) == (STEPS, (), None)
    assert request.order.feeds is None
    assert request.order.said == {}


def test_steps_are_taken_in_the_order_of_the_pipeline(tmp_path: Path) -> None:
    assert Request.of(Place(tmp_path).settings, FIRST, LAST, ("score", "validate")).steps == ("validate", "score")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": ["scores"]}, "no step 'scores'; there are: validate, score, enrich, aggregate"),
        ({"last": FIRST - timedelta(days=1)}, "the range begins on 2026-06-01, after its end 2026-05-31"),
        ({"chunk_days": 0}, "a chunk of 0 days; give 1 or more"),
        ({"made_before": datetime(2999, 1, 1)}, "2999-01-01T00:00:00\\+00:00 is yet to come"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ReprocessError, match=sentence):
        Request.of(Place(tmp_path).settings, **{"first": FIRST, "last": LAST, **given})


def test_a_feed_that_is_not_in_the_settings_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no feed 'shop' in the settings; there are: posts"):
        Request.of(Place(tmp_path).settings, FIRST, LAST, feeds=["shop"])


def test_only_days_that_the_lake_knows_are_taken(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add([item("a", "2026-06-05"), item("b", "2026-06-20"), item("c", None), item("d", "2026-07-01")])
    request = Request.of(place.settings, FIRST, LAST)
    assert request.days(View(place.lake)) == ["2026-06-05", "2026-06-20"]
    with pytest.raises(ReprocessError, match="of the days 2020-01-01 to 2020-01-02; it reaches from 2026-06-05 to"):
        Request.of(place.settings, date(2020, 1, 1), date(2020, 1, 2)).days(View(place.lake))


def test_a_lake_without_items_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with pytest.raises(ReprocessError, match="it holds no dated item yet"):
        Request.of(place.settings, FIRST, LAST).days(View(place.lake))


def test_chunks_are_of_so_many_days_the_last_of_what_is_left(tmp_path: Path) -> None:
    request = Request.of(Place(tmp_path).settings, FIRST, LAST, chunk_days=2)
    days = ["2026-06-01", "2026-06-02", "2026-06-09", "2026-06-10", "2026-06-30"]
    ends = [(1, 2), (9, 10), (30, 30)]
    assert list(request.chunks(days)) == [Window(start=date(2026, 6, a), end=date(2026, 6, b)) for a, b in ends]


def test_the_order_says_why_and_who_let_it_go_on(tmp_path: Path) -> None:
    moment = datetime(2026, 7, 1, 12)
    request = Request.of(Place(tmp_path).settings, FIRST, LAST, feeds=["posts"], reason="new", made_before=moment)
    order = request.approved("ana", "was looked at").order
    assert (order.cause, order.feeds, order.made_before) == ("reprocess", {"posts"}, moment.replace(tzinfo=UTC))
    assert order.said == {"reason": "new", "approved_by": "ana", "approved_because": "was looked at"}
