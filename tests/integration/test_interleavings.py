"""What chance would need many episodes for: another writer, or a death, at the very moment that hurts most."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs import tidy
from jobs.aggregate import Aggregate, aggregate
from jobs.ingest import feed, ingest, store
from jobs.lake.state import State
from jobs.pipeline import restate
from jobs.score import score
from jobs.settings import Window
from jobs.validate import validate
from jobs.validate.publish import Validate
from tests.overtaken import overtake
from tests.place import FETCHED, Place, item

FIRST, DAY, NEXT, LATER = "2026-05-29", "2026-06-01", "2026-06-02", "2026-06-05"
WINDOW = Window(start=FETCHED.date(), end=FETCHED.date())
GOOD, BAD = "Gostei do café", "Não gostei do café"


class Killed(BaseException):
    """The process is no more."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
    return Place(tmp_path)


def once(patch: pytest.MonkeyPatch, where: Any, name: str, by: Callable[[], object], after: bool = False) -> None:
    """Let `by` happen once, before (or after) the next call of the function `name` of `where`."""
    function, waiting = getattr(where, name), [by]

    def calling(*given: Any, **named: Any) -> Any:
        happening = waiting.pop() if waiting else None
        if happening and not after:
            happening()
        result = function(*given, **named)
        if happening and after:
            happening()
        return result

    patch.setattr(where, name, calling)


def run(place: Place) -> None:
    assert restate(place.settings, WINDOW)[1] == []


def fetch(place: Place) -> list[str]:
    return ingest(place.settings, "posts", WINDOW).days


def die_of(place: Place, where: Any, name: str, after: bool) -> None:
    """Fetch, and die before (or after) the function `name` of `where` is called."""

    def die() -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        once(patch, where, name, die, after)
        with pytest.raises(Killed):
            fetch(place)


def judged(place: Place) -> list[tuple[str, str, str]]:
    """Id, text and day of every item that is published, sound or not."""
    rows = [*place.rows("posts"), *place.rows("quarantine")]
    return sorted((row["post_id"], row["text"], row["published_date"].isoformat()) for row in rows)


def scored(place: Place) -> list[tuple[str, str, str]]:
    return sorted((r["post_id"], r["text"], r["published_date"].isoformat()) for r in place.rows("scored_posts"))


def counts(place: Place) -> dict[date, int | None]:
    """Posts of each day, None where nobody looked."""
    found: dict[date, int | None] = {}
    for row in sorted(place.rows("daily_polarity"), key=lambda row: row["recorded_at"]):
        if (row["feed"], row["language"]) == ("posts", "pt"):
            found[row["published_date"].isoformat()] = row["posts"]
    return found


def edited(post_id: str, day: str, text: str, hour: int) -> dict[str, Any]:
    return item(post_id, day, text, edited=f"2026-06-10T{hour:02}:00:00Z")


@pytest.fixture
def two_versions(place: Place) -> None:
    """A feed of two files, the second of which says something else of an item of the first."""
    place.write([item("a", DAY, GOOD), item("b", DAY, GOOD)], file="1")
    place.write([item("a", NEXT, BAD)], file="2")


@pytest.mark.usefixtures("two_versions")
def test_two_fetches_of_one_feed_at_once_store_it_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    once(monkeypatch, store, "_commit", lambda: fetch(place))
    fetch(place)
    assert len(place.rows("raw_posts")) == len(place.rows("item_versions")) == 3
    assert [*State(place.lake).pending().values()] == [[DAY, NEXT]]


@pytest.mark.usefixtures("two_versions")
def test_a_fetch_that_is_read_again_with_one_more_file_stores_that_alone(
    place: Place,
) -> None:
    die_of(place, State, "keep_cursor", after=False)
    place.write([item("a", LATER, GOOD)], file="3")
    assert {DAY, NEXT, LATER} <= {*fetch(place)}
    assert len(place.rows("raw_posts")) == len(place.rows("item_versions")) == 4


@pytest.mark.parametrize(("where", "name", "after"), [
    (store, "catch_up", False), (store, "_commit", False), (store, "_commit", True), (State, "keep_cursor", False),
    (State, "keep_cursor", True), (feed, "record", False), (feed, "record", True),
])  # fmt: skip
def test_a_fetch_that_dies_anywhere_is_made_good_by_the_next_run(
    place: Place, where: Any, name: str, after: bool
) -> None:
    """So are the days between its items, which it looked at and nothing lies on."""
    place.configure(("posts", "others"))
    place.write([item("a", FIRST, GOOD)])
    place.write([item("c", FIRST, GOOD), item("d", LATER, GOOD)], feed="others")
    run(place)
    assert counts(place)[NEXT] is None
    place.write([edited("a", DAY, BAD, 1)], file="2")
    place.write([edited("a", LATER, GOOD, 2)], file="3")
    die_of(place, where, name, after)
    run(place)
    assert State(place.lake).pending() == {}
    assert len(place.rows("raw_posts")) == len(place.rows("item_versions")) == 5
    assert judged(place) == scored(place) == [("a", GOOD, LATER), ("c", GOOD, FIRST), ("d", GOOD, LATER)]
    assert counts(place)[NEXT] == 0
    assert counts(place)[LATER] == 1


def test_days_carried_while_their_fetch_was_dying_are_looked_at_still(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run takes the mark away after the items are stored and before the ledger has its line."""
    place.configure(("posts", "others"))
    place.write([item("a", FIRST, GOOD)])
    place.write([item("c", FIRST, GOOD), item("d", LATER, GOOD)], feed="others")
    run(place)
    place.write([item("e", DAY, GOOD), item("f", LATER, GOOD)], file="2")

    def carry_and_die() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("jobs.pipeline.ingest_all", lambda *_: (set(), []))
            run(place)
        raise Killed

    once(monkeypatch, feed, "record", carry_and_die)
    with pytest.raises(Killed):
        fetch(place)
    assert State(place.lake).pending() == {}
    run(place)
    assert counts(place)[NEXT] == 0


def test_items_that_come_while_days_are_judged_are_judged_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write([item("a", DAY, GOOD), item("b", NEXT, GOOD)])

    def come() -> None:
        place.write([edited("a", LATER, BAD, 1), item("c", DAY, GOOD)], file="2")
        fetch(place)

    overtake(monkeypatch, Validate, come)
    run(place)
    assert judged(place) == scored(place) == [("a", BAD, LATER), ("b", GOOD, NEXT), ("c", GOOD, DAY)]
    assert [*State(place.lake).pending().values()] == [[DAY, "2026-06-03", "2026-06-04", LATER]]
    run(place)
    assert State(place.lake).pending() == {}


def test_what_comes_while_days_are_added_up_stays_marked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write([item("a", DAY, GOOD)])

    def come() -> None:
        place.write([edited("a", NEXT, BAD, 1)], file="2")
        fetch(place)

    overtake(monkeypatch, Aggregate, come)
    run(place)
    assert [*State(place.lake).pending().values()] == [[DAY, NEXT]]
    assert judged(place) == [("a", GOOD, DAY)]
    run(place)
    assert State(place.lake).pending() == {}
    assert judged(place) == scored(place) == [("a", BAD, NEXT)]
    assert counts(place)[DAY] == 0
    assert counts(place)[NEXT] == 1


def test_a_day_that_another_run_brings_in_survives_a_validation_of_thirty(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Window(start=date(2026, 5, 20), end=date(2026, 6, 18)).days
    place.write([item(f"old-{day}", day, GOOD) for day in days])
    fetch(place)

    def come() -> None:
        place.write([item(f"new-{number}", DAY, GOOD) for number in range(5)], file="2")
        run(place)

    overtake(monkeypatch, Validate, come)
    validate(place.settings, days)
    run(place)
    assert len(judged(place)) == 35
    assert judged(place) == scored(place)
    assert counts(place)[DAY] == 6


def test_two_that_add_up_the_same_days_write_each_point_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write([item("a", DAY, GOOD), item("b", NEXT, GOOD)])
    fetch(place)
    validate(place.settings, [DAY, NEXT])
    score(place.settings, [DAY, NEXT])
    overtake(monkeypatch, Aggregate, lambda: aggregate(place.settings, [DAY]))
    aggregate(place.settings, [DAY, NEXT])
    points = [(row["published_date"], row["feed"], row["language"]) for row in place.rows("daily_polarity")]
    assert len(points) == len(set(points)) == 8


def test_tidying_and_a_fetch_get_in_each_others_way_and_lose_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        place.write([item(f"{number}", DAY, GOOD)], file=f"{number}")
        run(place)
    place.write([item("3", DAY, GOOD)], file="3")
    once(monkeypatch, store, "_commit", lambda: tidy.compact(place.lake))
    fetch(place)
    assert len(place.files("raw_posts")) == 1, "two merged into one, and the new one beside it in the same partition"
    place.write([item("4", DAY, GOOD)], file="4")
    run(place)
    once(monkeypatch, tidy, "_replace", lambda: fetch(place))
    place.write([item("5", DAY, GOOD)], file="5")
    tidy.tidy(place.settings)
    assert sorted(row["post_id"] for row in place.rows("raw_posts")) == ["1", "2", "3", "4", "5"]
    assert sorted(row["post_id"] for row in place.rows("item_versions")) == ["1", "2", "3", "4", "5"]
    run(place)
    assert [post_id for post_id, _, _ in judged(place)] == ["1", "2", "3", "4", "5"]
    assert State(place.lake).pending() == {}
