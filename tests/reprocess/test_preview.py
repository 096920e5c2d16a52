"""A preview tells what reprocessing would do, and that is what it does; the lake stays as it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.query import View
from jobs.report.restated import restated
from jobs.reprocess.carry import reprocess
from jobs.reprocess.effect import Move
from jobs.reprocess.page import lines, publish
from jobs.reprocess.preview import Preview, preview
from jobs.reprocess.request import Request
from jobs.reprocess.trying import chosen
from jobs.revisions import read_revisions
from jobs.settings import Limits, Window
from tests.place import PT, Place, item
from tests.reprocess.conftest import DAYS, forbid, read_by

FIRST, LAST = date.fromisoformat(DAYS[0]), date.fromisoformat(DAYS[-1])
WINDOW = Window(start=FIRST, end=LAST)


def look(place: Place, first: date = FIRST, last: date = LAST, **more: Any) -> Preview:
    return preview(place.settings, Request.of(place.settings, first, last, **more))


@pytest.fixture(scope="module")
def newer(made: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Preview]:
    """The lake whose settings name the newer model, and the preview of reading all of it with that."""
    place = made.copy(tmp_path_factory.mktemp("newer") / "place")
    read_by(place, "2")
    before = place.mtimes("lake")
    seen = look(place, reason="<b>colder</b>")
    assert place.mtimes("lake") == before, "a preview writes nothing to the lake"
    return place, seen


def test_it_tells_what_would_be_made(newer: tuple[Place, Preview]) -> None:
    _, seen = newer
    assert seen.days == seen.tried == tuple(DAYS)
    assert not seen.is_sample
    assert (seen.posts, seen.tried_posts) == (72, 72)
    assert seen.partitions == {"validate": 0, "score": 24, "enrich": 0, "aggregate": 12}
    assert 0 < seen.minutes < 10


def test_it_tells_which_labels_and_days_would_move(newer: tuple[Place, Preview]) -> None:
    _, seen = newer
    assert set(seen.labels) == {
        Move("negative", "negative", 24), Move("positive", "positive", 24), Move("neutral", "negative", 24)
    }  # fmt: skip
    assert seen.labels_moved == pytest.approx(1 / 3)
    assert {(str(move.day), move.brand) for move in seen.moved} == set(product(DAYS, ("all", "Aurora")))
    assert all(move.change < 0 for move in seen.moved)
    assert (seen.came("posts", "quarantine"), seen.held) == (0, {})


def test_what_it_tells_is_what_happens(newer: tuple[Place, Preview], tmp_path: Path) -> None:
    place, seen = newer[0].copy(tmp_path / "place"), newer[1]
    former = {row["post_id"]: row["label"] for row in place.rows("scored_posts")}
    for _ in reprocess(place.settings, seen.request):
        pass
    labels = Counter((former[row["post_id"]], row["label"]) for row in place.rows("scored_posts"))
    assert labels == {(move.before, move.after): move.items for move in seen.labels}
    with View(place.lake).query() as query:
        read_revisions(query, WINDOW.days)
        for brand in ("all", "Aurora"):
            came = {(day.day, round(day.before, 9), round(day.mean, 9)) for day in restated(query, WINDOW, brand, None)}
            told = {(m.day, round(m.before, 9), round(m.after, 9)) for m in seen.moved if m.brand == brand}
            assert came == told
    again = look(place)
    assert (again.days, again.posts, again.labels, again.moved, again.flips) == ((), 0, (), (), ())


def test_a_long_range_is_tried_on_a_sample_that_says_so(newer: tuple[Place, Preview], tmp_path: Path) -> None:
    place = newer[0].copy(tmp_path / "place")
    read_by(place, "2", reprocess={"sample_posts": 24})
    seen = look(place)
    assert (len(seen.days), len(seen.tried), seen.posts, seen.tried_posts) == (12, 4, 72, 24)
    assert seen.is_sample
    assert seen.labels_moved == pytest.approx(1 / 3)
    assert {move.day.isoformat() for move in seen.moved} == set(seen.tried)
    assert "24 items of 4 days" in dict(lines(seen))["days that would be made"]
    assert "A sample: 4 whole days" in publish(place.settings, seen).read_text(encoding="utf-8")


def test_posts_that_other_rules_refuse_are_told_and_so_are_those_that_come_out_again(
    place: Place, contracts: Any, rule: Any
) -> None:
    forbid(contracts, rule, "frio")
    seen = look(place, last=date.fromisoformat(DAYS[2]))
    assert (seen.came("posts", "quarantine"), seen.came("quarantine", "posts")) == (6, 0)
    assert seen.partitions == {"validate": 6, "score": 6, "enrich": 9, "aggregate": 3}, "six more days look back"
    assert seen.days == seen.tried == tuple(DAYS[:3])
    for _ in reprocess(place.settings, seen.request):
        pass
    contracts.restore("posts")
    seen = look(place, last=date.fromisoformat(DAYS[2]))
    assert (seen.came("posts", "quarantine"), seen.came("quarantine", "posts")) == (0, 6)


@pytest.mark.slow
def test_days_that_would_be_held_back_are_told_and_stay_as_they_are(place: Place) -> None:
    place.add([item(f"flood-{n}", DAYS[1], f"{PT} {n}", stars=500) for n in range(20)], file="2")
    seen = look(place)
    assert list(seen.held) == [DAYS[1]]
    assert seen.days == (DAYS[1],)
    assert View(place.lake).held() == []


def test_verdicts_that_would_flip_are_told_with_their_period(newer: tuple[Place, Preview], tmp_path: Path) -> None:
    place = newer[0].copy(tmp_path / "place")
    of_day = {day: "morno" if day < DAYS[8] else "frio" for day in DAYS}
    many = [(day, f"{day}-{n}") for day in DAYS for n in range(40)]
    place.write([item(f"m-{name}", day, f"O café está {of_day[day]} hoje, {name}") for day, name in many], file="2")
    read_by(place, "1")
    place.ingest()
    for _ in reprocess(place.settings, Request.of(place.settings, FIRST, LAST)):
        pass
    read_by(place, "2")
    (flip,) = look(place).flips
    assert (flip.brand, str(flip.start), str(flip.end)) == ("all", DAYS[7], DAYS[10])
    assert (flip.before, flip.after) == ("unclear", "worse")


@pytest.mark.slow
def test_what_is_up_to_date_is_tried_too_where_it_was_made_before_a_moment(place: Place) -> None:
    assert look(place).days == ()
    seen = look(place, steps=["score", "aggregate"], made_before=datetime.now(UTC))
    assert seen.days == tuple(DAYS)
    assert (seen.labels_moved, seen.moved) == (0, ())


def test_each_limit_that_it_goes_beyond_is_a_sentence(newer: tuple[Place, Preview]) -> None:
    _, seen = newer
    assert seen.above(Limits(days=12, posts=72, moved=0.34, minutes=10)) == []
    assert seen.above(Limits(days=11, posts=71, moved=0.3, minutes=0))[:3] == [
        "12 days would be made, above days: 11",
        "72 items would be read, above posts: 71",
        "33.3% of the labels would move, above moved: 0.3",
    ]


def test_the_page_loads_nothing_and_the_numbers_lie_beside_it(newer: tuple[Place, Preview]) -> None:
    place, seen = newer
    page = publish(place.settings, seen)
    assert page == Path(place.settings.reports) / "reprocess" / f"{FIRST}_{LAST}.html"
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=", text)
    assert "&lt;b&gt;colder&lt;/b&gt;" in text
    assert "33.3% of the labels would move, above moved: 0.05" in text
    told = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["days"] == DAYS
    assert told["request"] == {
        "from": DAYS[0], "to": DAYS[-1], "steps": ["validate", "score", "enrich", "aggregate"], "feeds": [],
        "reason": "<b>colder</b>", "made_before": None,
    }  # fmt: skip
    assert told["labels_moved"] == pytest.approx(1 / 3)
    assert len(told["moved"]) == len(seen.moved)


def test_the_days_of_a_sample_are_spread_over_all_and_always_the_same() -> None:
    days = {f"2026-01-{day:02}": 100 for day in range(1, 29)}
    found = chosen(days, 700)
    assert found == chosen(days, 700) == sorted(found)
    assert [int(day[-2:]) - 1 for day in found] == sorted({int(day[-2:]) - 1 for day in found})
    assert [(int(day[-2:]) - 1) // 4 for day in found] == list(range(7))
    assert len(chosen(days, 1)) == 3
    assert chosen(days, 10**6) == sorted(days)
