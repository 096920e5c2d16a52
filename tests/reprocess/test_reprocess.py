"""Stored days are carried through the steps again: what comes out, what commits say, and going on after a kill."""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.enrich.reading import read_posts
from jobs.lake.query import View
from jobs.rebuild import rebuild
from jobs.report.steps import steps
from jobs.reprocess.carry import reprocess
from jobs.reprocess.request import Request
from jobs.revisions import read_revisions
from jobs.settings import Window
from tests import stored
from tests.place import PT, Place, item
from tests.reprocess.conftest import DAYS, forbid, read_by

MADE = ("posts", "quarantine", "scored_posts", "twins", "topics")


def asked(place: Place, first: str = DAYS[0], last: str = DAYS[-1], **more: Any) -> Request:
    return Request.of(place.settings, date.fromisoformat(first), date.fromisoformat(last), chunk_days=6, **more)


def run(place: Place, request: Request) -> list[str]:
    """Reprocess; the failures."""
    return [line for chunk in reprocess(place.settings, request) for line in chunk.failures]


def models(place: Place) -> dict[str, set[str]]:
    """The models that read each day."""
    found: dict[str, set[str]] = {}
    for row in place.rows("scored_posts"):
        found.setdefault(row["published_date"].isoformat(), set()).add(row["model_version"])
    return found


def said(place: Place, table: str) -> list[dict[str, Any]]:
    """What the commits to `table` say, the newest first."""
    handle = place.lake.table(table).handle
    assert handle is not None
    return list(handle.history())


def test_a_new_model_reads_the_range_as_if_it_had_always_been_there(place: Place, tmp_path: Path) -> None:
    never = place.copy(tmp_path / "never")
    read_by(place, "2")
    assert run(place, asked(place)) == []
    assert models(place) == {day: {"words-2"} for day in DAYS}
    for table in ("scored_posts", "daily_polarity"):
        shutil.rmtree(Path(never.lake.base, table))
    read_by(never, "2")
    rebuild(never.settings)
    assert place.contents(*MADE) == never.contents(*MADE)


def test_revisions_name_the_model_and_commits_the_reason(place: Place) -> None:
    before = {row["recorded_at"] for row in place.rows("daily_polarity")}
    read_by(place, "2")
    run(place, asked(place, reason="knows cold coffee").approved("ana", "half of it is better"))
    fresh = [row for row in place.rows("daily_polarity") if row["recorded_at"] not in before]
    assert {row["published_date"].isoformat() for row in fresh} == set(DAYS)
    assert {row["cause"] for row in fresh} == {"model"}
    for table in ("scored_posts", "daily_polarity"):
        newest = said(place, table)[0]
        assert newest["cause"] == "reprocess"
        assert newest["reason"] == "knows cold coffee"
        assert (newest["approved_by"], newest["approved_because"]) == ("ana", "half of it is better")


def test_a_report_tells_the_step_of_a_range_that_a_new_model_read(place: Place) -> None:
    read_by(place, "2")
    run(place, asked(place, DAYS[3]))
    window = Window(start=date.fromisoformat(DAYS[0]), end=date.fromisoformat(DAYS[-1]))
    with View(place.lake).query() as query:
        read_posts(query, place.settings, window.days)
        read_revisions(query, window.days)
        (step,) = steps(query, window, "all")
    assert (step.day, step.before, step.after) == (date.fromisoformat(DAYS[3]), ("words-1",), ("words-2",))
    assert step.days == len(DAYS) - 3
    assert step.change < 0


def test_what_is_up_to_date_is_left_alone(place: Place) -> None:
    before = stored.versions(place.lake)
    assert run(place, asked(place)) == []
    assert stored.versions(place.lake) == before


def test_only_the_days_steps_and_feeds_that_were_asked_for_are_made(place: Place) -> None:
    read_by(place, "2")
    before = stored.versions(place.lake)
    run(place, asked(place, DAYS[1], DAYS[4], steps=["score"], feeds=["shop"]))
    read = {
        (row["published_date"].isoformat(), row["feed"]): row["model_version"] for row in place.rows("scored_posts")
    }
    assert {key for key, version in read.items() if version == "words-2"} == {(day, "shop") for day in DAYS[1:5]}
    after = stored.versions(place.lake)
    assert {name for name in after if after[name] != before[name]} == {"scored_posts"}


def test_a_reprocess_that_ended_in_the_middle_goes_on_where_it_was(place: Place) -> None:
    read_by(place, "2")
    for _ in itertools.islice(reprocess(place.settings, asked(place)), 1):
        pass  # what comes after the first chunk is never asked for
    assert [day for day, read in models(place).items() if read == {"words-2"}] == DAYS[:6]
    first = place.files("scored_posts")
    run(place, asked(place))
    assert models(place) == {day: {"words-2"} for day in DAYS}
    kept = {name for name, file in place.files("scored_posts").items() if first.get(name) == file}
    assert {name.split()[0] for name in kept} == set(DAYS[:6])


def test_what_is_up_to_date_is_made_once_more_where_it_was_made_before_a_moment(place: Place) -> None:
    request = asked(place, made_before=datetime.now(UTC))
    before, files = place.contents(*MADE, "daily_polarity"), place.files("scored_posts")
    for _ in itertools.islice(reprocess(place.settings, request), 1):
        pass
    half = place.files("scored_posts")
    assert {name.split()[0] for name in files if half[name] != files[name]} == set(DAYS[:6])
    run(place, request)
    done, versions = place.files("scored_posts"), stored.versions(place.lake)
    assert not set(done.values()) & set(files.values())
    assert {name.split()[0] for name in done if half[name] == done[name]} == set(DAYS[:6])
    run(place, request)
    assert stored.versions(place.lake) == versions, "the moment has passed: nothing is left to make"
    assert place.contents(*MADE, "daily_polarity") == before, "the same rows, and no revision"


@pytest.mark.slow
def test_other_rules_move_posts_and_revisions_name_the_contract(place: Place, contracts: Any, rule: Any) -> None:
    forbid(contracts, rule, "frio")
    assert run(place, asked(place, DAYS[0], DAYS[5])) == []
    assert {row["published_date"].isoformat() for row in place.rows("quarantine")} == set(DAYS[:6])
    revisions = [row for row in place.rows("daily_polarity") if row["cause"] != "first"]
    assert {row["cause"] for row in revisions} == {"contract"}
    assert max(row["quarantined"] for row in revisions) == 1


def test_a_day_that_is_newly_held_back_is_a_failure_and_the_others_are_made(place: Place) -> None:
    read_by(place, "2")
    place.add([item(f"flood-{n}", DAYS[1], f"{PT} {n}", stars=500) for n in range(20)], file="2")
    (failure,) = run(place, asked(place))
    assert failure.startswith(f"{DAYS[1]} held back: ")
    assert [day for day, read in models(place).items() if read == {"words-2"}] == [DAYS[0], *DAYS[2:]]
    assert run(place, asked(place)) == [], "it is held back since then, which is a warning"
