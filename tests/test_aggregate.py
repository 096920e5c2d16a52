"""Aggregate: scored_posts -> daily_polarity, a full grid of points for every day, every revision of them kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import data_contracts
import jobs.aggregate as aggregate_module
from data_contracts import contract
from jobs.aggregate import FIGURES, MEASURES, Aggregate, aggregate
from jobs.coverage import record
from jobs.interval import mean_interval
from jobs.lake.query import View
from jobs.revisions import view_current
from jobs.step import Order
from tests import stored
from tests.overtaken import overtake
from tests.place import Place

FEEDS = ("posts", "shop")
LANGUAGES = ("en", "es", "other", "pt")
BRANDS = [{"name": "Aurora", "terms": ["aurora"]}, {"name": "Brisa", "terms": ["brisa", "casa brisa"]}]
KEY = ["published_date", "brand", "feed", "language"]


def scored(
    name: str, day: str | None, text: str = "um texto", polarity: float | None = 0.25, **more: Any
) -> dict[str, Any]:
    """A row of scored_posts."""
    label = (
        None if polarity is None else ("negative" if polarity < -0.3 else "positive" if polarity > 0.3 else "neutral")
    )
    return {
        "post_id": name,
        "published_date": date.fromisoformat(day) if day else None,
        "feed": "posts",
        "kind": "post",
        "text": text,
        "language": "pt" if polarity is not None else "other",
        "polarity": polarity,
        **probabilities(polarity),
        "label": label,
        "unsure": None if polarity is None else abs(polarity) < 0.2,
        **more,
    }


def probabilities(polarity: float | None) -> dict[str, float | None]:
    """Probabilities of a text of `polarity`; half of what is not polarity is neutral."""
    if polarity is None:
        return dict.fromkeys(MEASURES[1:])
    rest = 1 - abs(polarity)
    return {
        "negative": max(-polarity, 0) + rest / 4,
        "neutral": rest / 2,
        "positive": max(polarity, 0) + rest / 4,
    }


def refused(name: str, day: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    """A row of quarantine."""
    row = {**scored(name, day, text or ""), "text": text, "language": "other", "rules": ["text_present"], **more}
    return {key: value for key, value in row.items() if key not in (*MEASURES, "label", "unsure")}


def look(place: Place, feed: str, first: str, last: str, status: str = "complete") -> None:
    """A fetch of `feed` that asked for the days from `first` to `last`."""
    fetched = datetime(2026, 5, 5, 12, tzinfo=UTC)
    line = {
        "feed": feed, "window_start": date.fromisoformat(first), "window_end": date.fromisoformat(last),
        "fetched_date": fetched.date(), "fetched_at": fetched, "source": "x", "status": status, "items_seen": 0,
        "batches": 1, "first_day": None, "last_day": None, "message": None,
    }  # fmt: skip
    record(place.lake, line)


def current(place: Place, days: Sequence[str] | None = None, as_of: datetime | None = None) -> list[dict[str, Any]]:
    """The newest revision of every point, without when it was recorded."""
    with View(place.lake).query() as query:
        view_current(query, query.at, days, as_of)
        rows = query.rows("FROM daily_polarity ORDER BY published_date, brand, feed, language")
    return [{key: value for key, value in row.items() if key != "recorded_at"} for row in rows]


def frame(place: Place, days: Sequence[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame(current(place, days))


POSTS = [
    scored("1", "2026-05-01", "A Aurora abriu", 0.8),
    scored("2", "2026-05-01", "a  aurora ABRIU ", 0.6),
    scored("3", "2026-05-01", "Brisa e Aurora", -0.9),
    scored("4", "2026-05-01", "Casa Brisa", -0.1, language="en"),
    scored("5", "2026-05-01", "Аврора", None),
    scored("6", "2026-05-01", "brisa", 0.5, feed="shop", kind="review", language="es"),
    scored("7", "2026-05-04", "nada de marcas", 0.0, feed="shop", kind="review"),
    scored("8", None, "aurora sem data", 1.0),
]
REFUSED = [
    refused("9", "2026-05-01", "aurora", language="pt"),
    refused("10", "2026-05-01"),
    refused("11", "2026-05-04", feed="shop", kind="review"),
]
DAYS = ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"]


def make(root: Path) -> Place:
    place = Place(root)
    configure(place)
    place.put("scored_posts", POSTS)
    place.put("quarantine", REFUSED)
    for feed in FEEDS:
        look(place, feed, DAYS[0], DAYS[-1])
    return place


def configure(place: Place, brands: list[dict[str, Any]] = BRANDS, feeds: Sequence[str] = FEEDS) -> None:
    kinds = {"posts": "post", "shop": "review"}
    place.configure(
        brands=brands,
        feeds=[{"name": n, "kind": kinds[n], "reader": "rss", "path": f"feeds/{n}/*.xml"} for n in feeds],
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = make(tmp_path_factory.mktemp("aggregate"))
    aggregate(made.settings, ["2026-05-01", "2026-05-04", "undated"])
    return made


def test_every_date_brand_feed_and_language_is_a_row(place: Place) -> None:
    keys = [tuple(row) for row in frame(place)[KEY].itertuples(index=False)]
    expected = product(map(date.fromisoformat, DAYS), ["all", "Aurora", "Brisa"], FEEDS, LANGUAGES)
    assert sorted(keys) == sorted(expected)


def test_the_kind_is_that_of_the_feed(place: Place) -> None:
    assert set(frame(place).groupby(["feed", "kind"]).groups) == {("posts", "post"), ("shop", "review")}


def test_days_between_the_first_and_the_last_are_rows_of_zeros(place: Place) -> None:
    empty = frame(place, ["2026-05-02", "2026-05-03"])
    assert len(empty) == 2 * 3 * 2 * 4
    assert (empty[list(FIGURES)] == 0).all(axis=None)


def test_undated_posts_belong_to_no_day(place: Place) -> None:
    assert View(place.lake).days("daily_polarity") == DAYS
    assert frame(place).query("brand == 'all'")["posts"].sum() == len(POSTS) - 1


def test_columns_are_those_of_the_contract(place: Place) -> None:
    files = View(place.lake).files("daily_polarity")
    assert [file.day for file in files] == DAYS
    for file in files:
        written = pq.ParquetFile(f"{place.lake.base}/{file.path}").schema_arrow
        assert written.remove_metadata() == contract("daily_polarity").stored_schema


def test_sums_agree_with_a_plain_recount(place: Place) -> None:
    words = {"all": [""], "Aurora": ["aurora"], "Brisa": ["brisa"]}
    dated = [row for row in POSTS if row["published_date"]]
    for row in frame(place).to_dict("records"):

        def counts_here(item: dict[str, Any], row: dict[str, Any] = row) -> bool:
            same = all(item[key] == row[key] for key in ("published_date", "feed", "language"))
            return same and any(word in (item["text"] or "").lower() for word in words[row["brand"]])

        posts = [item for item in dated if counts_here(item)]
        judged = [item for item in posts if item["polarity"] is not None]
        first = {" ".join(item["text"].lower().split()): item for item in reversed(judged)}
        assert row["posts"] == len(posts)
        assert row["scored"] == len(judged)
        assert row["unscored"] == len(posts) - len(judged)
        assert row["quarantined"] == sum(map(counts_here, REFUSED))
        assert row["distinct_texts"] == len(first)
        for label in ("negative", "neutral", "positive"):
            assert row[label] == sum(item["label"] == label for item in judged)
        assert row["unsure"] == sum(item["unsure"] for item in judged)
        for name in MEASURES:
            for once, counted in (("", judged), ("distinct_", list(first.values()))):
                values = [item[name] for item in counted]
                assert row[f"{once}{name}_sum"] == pytest.approx(sum(values), abs=1e-6)
                assert row[f"{once}{name}_sum_squares"] == pytest.approx(sum(v * v for v in values), abs=1e-6)
        if first:
            values = [item["polarity"] for item in first.values()]
            _, low, high = mean_interval(sum(values), sum(v * v for v in values), len(values))
            assert row["mean_polarity"] == pytest.approx(sum(values) / len(values), abs=1e-6)
            assert row["model_low"] == pytest.approx(float(low), abs=1e-6)
            assert row["model_high"] == pytest.approx(float(high), abs=1e-6)
            assert row["model_low"] <= row["mean_polarity"] <= row["model_high"]


def test_what_was_not_scored_has_no_mean_and_no_interval(place: Place) -> None:
    rows = place.rows("daily_polarity")
    silent = [row for row in rows if not row["scored"]]
    assert len(silent) > len(rows) / 2
    for row in silent:
        assert (row["mean_polarity"], row["model_low"], row["model_high"]) == (None, None, None)
    assert all(row["mean_polarity"] is not None for row in rows if row["scored"])


def test_the_interval_narrows_with_distinct_texts_and_not_with_repetition(tmp_path: Path) -> None:
    place = Place(tmp_path)
    days = ["2026-05-01", "2026-05-02"]
    place.put("scored_posts", [scored(f"r{n}", days[0], "igual") for n in range(40)] + [
        scored(f"d{n}", days[1], f"texto {n}") for n in range(40)
    ])  # fmt: skip
    aggregate(place.settings, days)
    rows = [row for row in place.rows("daily_polarity") if row["scored"]]
    repeated, different = (row["model_high"] - row["model_low"] for row in rows)
    assert repeated > 3 * different


# What is written again, and what is not


def test_running_again_writes_nothing(place: Place) -> None:
    before = place.mtimes()
    again = aggregate(place.settings, DAYS)
    assert (again.days, again.rows) == (DAYS, 0)
    assert place.mtimes() == before


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_days_may_come_in_any_order_and_grouping(place: Place, tmp_path: Path, order: list[int]) -> None:
    other = make(tmp_path)
    for number in order:
        aggregate(other.settings, [DAYS[number]])
    assert current(other) == current(place)
    assert {row["cause"] for row in place.rows("daily_polarity")} == {"first"}


def test_a_feed_taken_out_of_the_settings_keeps_its_rows_on_its_own_days_whatever_the_grouping(tmp_path: Path) -> None:
    written = []
    for name, groups in (("together", [DAYS]), ("apart", [[day] for day in reversed(DAYS)])):
        place = make(tmp_path / name)
        configure(place, feeds=("posts",))
        for group in groups:
            aggregate(place.settings, group)
        written.append(current(place))
    assert written[0] == written[1]
    assert set(frame(place, [DAYS[0]])["feed"]) == {"posts", "shop"}
    assert set(frame(place, [DAYS[1]])["feed"]) == {"posts"}


def test_changed_posts_restate_their_own_day_alone(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    before = place.files("daily_polarity")
    place.put("scored_posts", [scored("late", "2026-05-04", "atrasado", 0.5)], made_from="2")
    aggregate(place.settings, DAYS)
    after = place.files("daily_polarity")
    assert [key for key in after if after[key] != before[key]] == ["2026-05-04 None"]


def test_changed_quarantine_restates_its_day(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    place.put("quarantine", [refused("a", "2026-05-04"), refused("b", "2026-05-04")], made_from="2")
    aggregate(place.settings, DAYS)
    assert frame(place, ["2026-05-04"]).query("brand == 'all'")["quarantined"].sum() == 3


# Days that validation holds back


def hold(place: Place, day: str) -> None:
    place.put("posts", [{**scored("h", day), "date_source": "feed"}], held=True)
    assert day in View(place.lake).held()


@pytest.mark.parametrize("asked", [["2026-05-01", "2026-05-04"], DAYS], ids=["by neighbours", "by name"])
def test_a_held_day_of_which_nothing_was_published_is_no_row_of_zeros(tmp_path: Path, asked: list[str]) -> None:
    place = make(tmp_path)
    hold(place, "2026-05-02")
    made = aggregate(place.settings, asked)
    assert View(place.lake).days("daily_polarity") == ["2026-05-01", "2026-05-03", "2026-05-04"]
    assert "2026-05-02" not in made.days


def test_posts_that_another_run_has_published_and_not_scored_yet_are_counted_once_they_are(tmp_path: Path) -> None:
    place, day = Place(tmp_path), DAYS[0]
    configure(place)
    place.put("posts", [scored("1", day)], made_from="items.rules")
    place.put("quarantine", [refused("2", day)], made_from="items.rules")
    place.put("scored_posts", [scored("3", day, feed="shop", kind="review")], made_from="others.rules.model")
    aggregate(place.settings, [day])
    place.put("scored_posts", [scored("1", day)], made_from="items.rules.model")
    aggregate(place.settings, [day])
    counted = frame(place, [day]).query("brand == 'all'").groupby("feed")["posts"].sum()
    assert counted.to_dict() == {"posts": 1, "shop": 1}


def test_a_held_day_keeps_what_was_published_before(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    before = place.mtimes("lake/daily_polarity")
    hold(place, "2026-05-01")
    aggregate(place.settings, DAYS)
    assert place.mtimes("lake/daily_polarity") == before


def test_seven_hundred_days_in_one_call(tmp_path: Path) -> None:
    place = Place(tmp_path)
    days = [day.date().isoformat() for day in pd.date_range("2024-01-01", periods=700)]
    place.put("scored_posts", [scored(days[0], days[0]), scored(days[-1], days[-1])])
    assert aggregate(place.settings, [days[0], days[-1]]).rows == 700 * 4
    assert View(place.lake).days("daily_polarity") == days


# Zero posts and not looked for


def test_a_day_that_a_feed_was_never_looked_at_for_is_not_counted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    configure(place)
    look(place, "posts", DAYS[0], DAYS[0])
    look(place, "shop", DAYS[1], DAYS[1], status="failed")
    assert aggregate(place.settings, DAYS[:2]).rows == 2 * 3 * 2 * 4
    counted = frame(place).groupby(["published_date", "feed"])["counted"].unique().map(list).to_dict()
    first, second = map(date.fromisoformat, DAYS[:2])
    assert counted == {
        (first, "posts"): [True], (first, "shop"): [False], (second, "posts"): [False], (second, "shop"): [True],
    }  # fmt: skip
    for row in current(place):
        figures = [row[name] for name in FIGURES]
        assert figures == [0 if row["counted"] else None] * len(figures)
        assert (row["mean_polarity"], row["model_low"], row["model_high"]) == (None, None, None)


def test_a_feed_that_has_items_of_a_day_was_looked_at(tmp_path: Path) -> None:
    place = Place(tmp_path)
    configure(place)
    place.put("scored_posts", [scored("1", DAYS[0])])
    place.put("quarantine", [refused("2", DAYS[1], feed="shop", kind="review")])
    aggregate(place.settings, DAYS[:2])
    counted = {(str(row["published_date"]), row["feed"]) for row in current(place) if row["counted"]}
    assert counted == {(DAYS[0], "posts"), (DAYS[1], "shop")}


# Revisions


def revisions(place: Place) -> list[tuple[str, str, str, str, int | None]]:
    """What was recorded after the first revisions: cause, day, brand, feed and posts, in the order of time."""
    rows = sorted(place.rows("daily_polarity"), key=lambda row: row["recorded_at"])
    later = [row for row in rows if row["cause"] != "first"]
    return [(row["cause"], str(row["published_date"]), row["brand"], row["feed"], row["posts"]) for row in later]


def simple(root: Path, made_from: str = "i.r.m", **settings: Any) -> Place:
    """One feed with one post on one day, added up."""
    place = Place(root, **settings)
    place.put("scored_posts", [scored("1", DAYS[0], "Aurora", 0.5)], made_from)
    aggregate(place.settings, DAYS[:1])
    assert revisions(place) == []
    return place


def restated(place: Place, made_from: str, *rows: dict[str, Any], cause: str | None = None) -> list[tuple[Any, ...]]:
    """The revisions after `rows` took the place of the post."""
    place.put("scored_posts", rows, made_from)
    aggregate(place.settings, DAYS[:1], Order(cause))
    return revisions(place)


ONE, OTHER, LATE = (
    scored("1", DAYS[0], "Aurora", 0.5), scored("1", DAYS[0], "Aurora", -0.5), scored("2", DAYS[0], "mais um", 0.5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("made_from", "rows", "given", "cause"),
    [
        ("i2.r.m", [ONE, LATE], None, "late items"),
        ("i2.r.m", [OTHER], None, "edits"),
        ("i2.r.m", [OTHER], "replay", "replay"),
        ("i2.r.m2", [ONE, LATE], None, "late items"),
        ("i.r.m2", [OTHER], None, "model"),
        ("i.r.m2", [OTHER], "replay", "model"),
        ("i.r2.m", [ONE, LATE], None, "contract"),
    ],
)
def test_a_revision_says_what_caused_it(
    tmp_path: Path, made_from: str, rows: list[dict[str, Any]], given: str | None, cause: str
) -> None:
    place = simple(tmp_path)
    assert restated(place, made_from, *rows, cause=given) == [(cause, DAYS[0], "all", "posts", len(rows))]


def test_a_post_that_was_deleted_at_its_source_is_a_cause(tmp_path: Path) -> None:
    place = simple(tmp_path)
    restated(place, "i2.r.m", ONE, LATE)
    gone = {name: LATE[name] for name in ("post_id", "published_date", "feed", "kind", "language")}
    place.put("deletions", [{**gone, "read_error": "deleted at its source"}])
    assert restated(place, "i3.r.m", ONE)[-1] == ("deletions", DAYS[0], "all", "posts", 1)


def test_a_changed_contract_of_the_points_is_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = simple(tmp_path)
    agreed = contract("daily_polarity")
    place.put("scored_posts", [OTHER], "i.r.m")
    before = place.files("daily_polarity")
    other = replace(agreed, digest="0123456789")
    monkeypatch.setattr(
        aggregate_module, "contract", lambda name: other if name == "daily_polarity" else data_contracts.contract(name)
    )
    aggregate(place.settings, DAYS[:1])
    assert revisions(place) == [("contract", DAYS[0], "all", "posts", 1)]
    assert place.files("daily_polarity") != before


def test_a_brand_is_added_to_every_stored_day_and_nothing_else_has_a_new_revision(tmp_path: Path) -> None:
    place = simple(tmp_path)
    place.configure(brands=[{"name": "Aurora", "terms": ["aurora"]}])
    assert aggregate(place.settings, []).days == DAYS[:1]
    assert {row[:4] for row in revisions(place)} == {("brand added", DAYS[0], "Aurora", "posts")}
    assert len(revisions(place)) == 4
    assert sum(row[4] for row in revisions(place) if row[4]) == 1


def test_a_brand_that_is_asked_for_no_longer_is_counted_no_longer_and_what_was_counted_is_kept(tmp_path: Path) -> None:
    place = simple(tmp_path, brands=[{"name": "Aurora", "terms": ["aurora"]}])
    asked = datetime.now(UTC)
    place.configure(brands=[])
    aggregate(place.settings, [])
    assert {row[:4] for row in revisions(place)} == {("settings", DAYS[0], "Aurora", "posts")}
    ended = [row for row in current(place) if row["brand"] == "Aurora"]
    assert {(row["counted"], row["posts"], row["mean_polarity"]) for row in ended} == {(False, None, None)}
    assert sum(row["posts"] for row in current(place, as_of=asked) if row["brand"] == "Aurora") == 1
    assert aggregate(place.settings, []).rows == 0

    place.configure(brands=[{"name": "Aurora", "terms": ["aurora"]}])
    aggregate(place.settings, [])
    assert sum(row["posts"] for row in current(place) if row["brand"] == "Aurora") == 1


def test_a_feed_that_is_gone_from_settings_and_lake_is_counted_no_longer(tmp_path: Path) -> None:
    place = simple(tmp_path)
    place.configure(feeds=["others"])
    place.put("scored_posts", [scored("2", DAYS[0], "nada", 0.5, feed="others")])
    view = View(place.lake)
    gone = [file for file in view.files("scored_posts") if file.feed == "posts"]
    place.lake.commit(view.table("scored_posts"), [], gone, step="test", days=[], cause="test")
    aggregate(place.settings, [DAYS[0]])
    counted = {(row["feed"], row["counted"]) for row in current(place)}
    assert counted == {("posts", False), ("others", True)}


def test_changed_terms_of_a_brand_restate_the_points_that_they_change(tmp_path: Path) -> None:
    place = simple(tmp_path, brands=[{"name": "Aurora", "terms": ["aurora"]}])
    place.configure(brands=[{"name": "Aurora", "terms": ["alvorada"]}])
    assert aggregate(place.settings, []).rows == 1
    assert revisions(place) == [("settings", DAYS[0], "Aurora", "posts", 0)]


def test_a_feed_that_is_added_has_points_that_are_not_counted(tmp_path: Path) -> None:
    place = simple(tmp_path)
    place.configure(("posts", "shop"))
    assert aggregate(place.settings, []).rows == 4
    assert revisions(place) == [("settings", DAYS[0], "all", "shop", None)] * 4


def test_a_day_that_is_looked_at_later_is_a_revision_of_its_coverage(tmp_path: Path) -> None:
    place = simple(tmp_path)
    place.configure(("posts", "shop"))
    aggregate(place.settings, [])
    look(place, "shop", DAYS[0], DAYS[0])
    aggregate(place.settings, DAYS[:1])
    assert revisions(place)[4:] == [("coverage", DAYS[0], "all", "shop", 0)] * 4


def test_points_whose_figures_stay_have_no_new_revision(tmp_path: Path) -> None:
    place = simple(tmp_path)
    before = place.files("daily_polarity")
    assert restated(place, "i.r.m2", ONE) == []
    after = place.files("daily_polarity")
    assert before != after
    assert aggregate(place.settings, DAYS[:1]).rows == 0
    assert place.files("daily_polarity") == after


def test_a_rerun_adds_no_revision(tmp_path: Path) -> None:
    place = simple(tmp_path)
    restated(place, "i2.r.m", ONE, LATE)
    before = stored.versions(place.lake), place.rows("daily_polarity")
    assert aggregate(place.settings, DAYS[:1]).rows == 0
    assert (stored.versions(place.lake), place.rows("daily_polarity")) == before


def test_revisions_under_a_clock_that_stands_are_in_order(tmp_path: Path, present: datetime) -> None:
    place = simple(tmp_path)
    restated(place, "i2.r.m", ONE, LATE)
    restated(place, "i3.r.m", ONE)
    assert [row[0] for row in revisions(place)] == ["late items", "edits"]
    moments = sorted({row["recorded_at"] for row in place.rows("daily_polarity")})
    assert moments[0] == present
    assert len(moments) == 3
    assert frame(place)["posts"].sum() == 1


def test_points_can_be_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(day: int) -> datetime:
        moment = datetime(2026, 6, day, 12, tzinfo=UTC)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))
        return moment

    first = at(1)
    place = simple(tmp_path)
    second = at(2)
    restated(place, "i2.r.m", ONE, LATE)
    for moment, posts in (
        (first - timedelta(seconds=1), 0), (first, 1), (second - timedelta(seconds=1), 1), (second, 2),
    ):  # fmt: skip
        assert sum(row["posts"] or 0 for row in current(place, as_of=moment)) == posts
    assert current(place, as_of=second) == current(place)


# Two writers


@pytest.mark.parametrize("whole", [True, False], ids=["added up by the other", "scores replaced only"])
def test_posts_that_another_run_scores_meanwhile_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    place = Place(tmp_path)
    place.put("scored_posts", [scored(f"{n}", DAYS[0]) for n in range(10)], "i1")

    def other() -> None:
        place.put("scored_posts", [scored(f"{n}", DAYS[0]) for n in range(25)], "i2")
        if whole:
            aggregate(place.settings, DAYS[:1])

    overtake(monkeypatch, Aggregate, other)
    made = aggregate(place.settings, DAYS[:1])
    assert made.rows == (0 if whole else 4)
    assert frame(place)["posts"].sum() == 25
    assert len(place.rows("daily_polarity")) == 4


def test_a_revision_of_another_run_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = simple(tmp_path, brands=[{"name": "Aurora", "terms": ["aurora"]}])
    place.put("scored_posts", [ONE, LATE], "i2.r.m")

    def other() -> None:
        aggregate(place.settings, DAYS[:1])
        place.put("scored_posts", [ONE], "i3.r.m")

    overtake(monkeypatch, Aggregate, other)
    assert aggregate(place.settings, DAYS[:1]).rows == 1
    assert [row[0] for row in revisions(place)] == ["late items", "edits"]


# Brands


def test_any_of_the_terms_names_the_brand_and_a_post_counts_once(tmp_path: Path) -> None:
    place = Place(tmp_path, brands=[{"name": "Brisa", "terms": ["brisa", "casa brisa", "#brisa"]}])
    place.put(
        "scored_posts", [scored("1", "2026-05-01", "Casa Brisa, a #brisa, brisa"), scored("2", "2026-05-01", "nada")]
    )
    aggregate(place.settings, ["2026-05-01"])
    rows = frame(place)
    assert rows.query("brand == 'Brisa'")["posts"].sum() == 1
    assert rows.query("brand == 'all'")["posts"].sum() == 2
    assert math.isclose(rows.query("brand == 'Brisa'")["polarity_sum"].sum(), 0.25)
