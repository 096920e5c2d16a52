"""Aggregate: scored_posts -> daily_polarity, a full grid of rows for every day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import contract
from jobs.aggregate import aggregate
from jobs.brands import mentions
from jobs.interval import mean_interval
from jobs.settings import Brand
from jobs.storage import HELD
from tests.place import Place

FEEDS = ("posts", "shop")
LANGUAGES = ("en", "es", "other", "pt")
BRANDS = [{"name": "Aurora", "terms": ["aurora"]}, {"name": "Brisa", "terms": ["brisa", "casa brisa"]}]
COUNTS = ["posts", "distinct_texts", "scored", "unscored", "quarantined", "negative", "neutral", "positive", "unsure"]
KEY = ["published_date", "brand", "feed", "language"]


def scored(
    name: str, day: str | None, text: str = "um texto", polarity: float | None = 0.25, **more: Any
) -> dict[str, Any]:
    """A row of scored_posts; half of what is not polarity is neutral."""
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
        "label": label,
        "unsure": None if polarity is None else abs(polarity) < 0.2,
        **more,
    }


def refused(name: str, day: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    """A row of quarantine."""
    row = {**scored(name, day, text or ""), "text": text, "language": "other", "rules": ["text_present"], **more}
    return {key: value for key, value in row.items() if key not in ("polarity", "label", "unsure")}


def frame(place: Place, days: Sequence[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame(place.rows("daily_polarity", days))


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
    assert (empty[[*COUNTS, "polarity_sum", "polarity_sum_squares"]] == 0).all(axis=None)


def test_undated_posts_belong_to_no_day(place: Place) -> None:
    assert place.lake.days("daily_polarity") == DAYS
    assert frame(place).query("brand == 'all'")["posts"].sum() == len(POSTS) - 1


def test_columns_are_those_of_the_contract(place: Place) -> None:
    for schema, _ in place.contents("daily_polarity").values():
        assert schema == contract("daily_polarity").stored_schema


def test_sums_agree_with_a_plain_recount(place: Place) -> None:
    words = {"all": [""], "Aurora": ["aurora"], "Brisa": ["brisa"]}
    dated = [row for row in POSTS if row["published_date"]]
    for row in frame(place).to_dict("records"):

        def counts_here(item: dict[str, Any], row: dict[str, Any] = row) -> bool:
            same = all(item[key] == row[key] for key in ("published_date", "feed", "language"))
            return same and any(word in (item["text"] or "").lower() for word in words[row["brand"]])

        posts = [item for item in dated if counts_here(item)]
        judged = [item for item in posts if item["polarity"] is not None]
        values = [item["polarity"] for item in judged]
        texts = {" ".join(item["text"].lower().split()) for item in judged}
        assert row["posts"] == len(posts)
        assert row["scored"] == len(judged)
        assert row["unscored"] == len(posts) - len(judged)
        assert row["quarantined"] == sum(map(counts_here, REFUSED))
        assert row["distinct_texts"] == len(texts)
        for label in ("negative", "neutral", "positive"):
            assert row[label] == sum(item["label"] == label for item in judged)
        assert row["unsure"] == sum(item["unsure"] for item in judged)
        assert row["polarity_sum"] == pytest.approx(sum(values), abs=1e-6)
        assert row["polarity_sum_squares"] == pytest.approx(sum(v * v for v in values), abs=1e-6)
        if values:
            _, low, high = mean_interval(sum(values), sum(v * v for v in values), len(values), len(texts))
            assert row["mean_polarity"] == pytest.approx(sum(values) / len(values), abs=1e-6)
            assert row["polarity_low"] == pytest.approx(float(low), abs=1e-6)
            assert row["polarity_high"] == pytest.approx(float(high), abs=1e-6)
            assert row["polarity_low"] <= row["mean_polarity"] <= row["polarity_high"]


def test_what_was_not_scored_has_no_mean_and_no_interval(place: Place) -> None:
    rows = place.rows("daily_polarity")
    silent = [row for row in rows if not row["scored"]]
    assert len(silent) > len(rows) / 2
    for row in silent:
        assert (row["mean_polarity"], row["polarity_low"], row["polarity_high"]) == (None, None, None)
    assert all(row["mean_polarity"] is not None for row in rows if row["scored"])


def test_the_interval_narrows_with_distinct_texts_and_not_with_repetition(tmp_path: Path) -> None:
    place = Place(tmp_path)
    days = ["2026-05-01", "2026-05-02"]
    place.put("scored_posts", [scored(f"r{n}", days[0], "igual") for n in range(40)] + [
        scored(f"d{n}", days[1], f"texto {n}") for n in range(40)
    ])  # fmt: skip
    aggregate(place.settings, days)
    rows = [row for row in place.rows("daily_polarity") if row["scored"]]
    repeated, different = (row["polarity_high"] - row["polarity_low"] for row in rows)
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
    assert other.contents("daily_polarity") == place.contents("daily_polarity")


def test_a_feed_taken_out_of_the_settings_keeps_its_rows_on_its_own_days_whatever_the_grouping(tmp_path: Path) -> None:
    written = []
    for name, groups in (("together", [DAYS]), ("apart", [[day] for day in reversed(DAYS)])):
        place = make(tmp_path / name)
        configure(place, feeds=("posts",))
        for group in groups:
            aggregate(place.settings, group)
        written.append(place.contents("daily_polarity"))
    assert written[0] == written[1]
    assert set(frame(place, [DAYS[0]])["feed"]) == {"posts", "shop"}
    assert set(frame(place, [DAYS[1]])["feed"]) == {"posts"}


def test_a_changed_brand_restates_the_days_asked_for(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    configure(place, brands=[{"name": "Aurora", "terms": ["abriu"]}])
    assert aggregate(place.settings, DAYS).rows == 4 * 2 * 2 * 4
    rows = frame(place)
    assert set(rows["brand"]) == {"all", "Aurora"}
    assert rows.query("brand == 'Aurora'")["posts"].sum() == 2


def test_changed_posts_restate_their_own_day_alone(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    before = place.mtimes("lake/daily_polarity")
    place.put("scored_posts", [scored("late", "2026-05-04", "atrasado", 0.5)], snapshot="2")
    aggregate(place.settings, DAYS)
    after = place.mtimes("lake/daily_polarity")
    assert [path for path in after if after[path] != before[path]] == [
        "lake/daily_polarity/published_date=2026-05-04/data.parquet"
    ]


def test_changed_quarantine_restates_its_day(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    place.put("quarantine", [refused("a", "2026-05-04"), refused("b", "2026-05-04")], snapshot="2")
    aggregate(place.settings, DAYS)
    assert frame(place, ["2026-05-04"]).query("brand == 'all'")["quarantined"].sum() == 3


# Days that validation holds back


def hold(place: Place, day: str) -> None:
    held = Place(place.root, lake=f"lake/{HELD}")
    held.put("posts", [{**scored("h", day), "date_source": "feed"}])
    configure(place)


@pytest.mark.parametrize("asked", [["2026-05-01", "2026-05-04"], DAYS], ids=["by neighbours", "by name"])
def test_a_held_day_of_which_nothing_was_published_is_no_row_of_zeros(tmp_path: Path, asked: list[str]) -> None:
    place = make(tmp_path)
    hold(place, "2026-05-02")
    made = aggregate(place.settings, asked)
    assert place.lake.days("daily_polarity") == ["2026-05-01", "2026-05-03", "2026-05-04"]
    assert "2026-05-02" not in made.days


def test_a_held_day_keeps_what_was_published_before(tmp_path: Path) -> None:
    place = make(tmp_path)
    aggregate(place.settings, DAYS)
    before = place.mtimes("lake/daily_polarity")
    hold(place, "2026-05-01")
    aggregate(place.settings, DAYS)
    assert place.mtimes("lake/daily_polarity") == before


def test_an_empty_lake_gives_zeros_for_the_days_asked_for(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert aggregate(place.settings, ["2026-05-01"]).rows == 4
    assert frame(place)["posts"].sum() == 0


def test_seven_hundred_days_in_one_call(tmp_path: Path) -> None:
    place = Place(tmp_path)
    days = [day.date().isoformat() for day in pd.date_range("2024-01-01", periods=700)]
    place.put("scored_posts", [scored(days[0], days[0]), scored(days[-1], days[-1])])
    assert aggregate(place.settings, [days[0], days[-1]]).rows == 700 * 4
    assert place.lake.days("daily_polarity") == days


# Which texts name a brand


def matches(terms: Sequence[str], text: str) -> bool:
    named = mentions(Brand(name="Marca", terms=tuple(terms)), "text")
    found = duckdb.execute(f"SELECT {named} FROM (SELECT ? AS text)", [text]).fetchall()
    return bool(found[0][0])


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("aurora", "Amo a AURORA!"),
        ("aurora", "aurora"),
        ("aurora", "#Aurora"),
        ("aurora", "@aurora, oi"),
        ("aurora", "https://aurora.example"),
        ("aurora", "vi a\naurora\nontem"),
        ("café aurora", "no Cafe  Aurora"),
        ("café aurora", "no CAFÉ\naurora"),
        ("cafe aurora", "o cafe\u0301 aurora"),
        ("#auroracafe", "adorei #AuroraCafé"),
        ("@cafeaurora", "oi @CafeAurora!"),
        ("c++", "escrito em C++."),
        ("a.b", "o A.B de novo"),
        ("50% off", "com 50% OFF!"),
        ("(x)", "marca (X) nova"),
        ("são joão", "SAO JOÃO"),
        ("ÁGUA", "água"),
        ("हिन्दी", "यह हिन्दी है"),
        ("ΟΔΟΣ", "η ΟΔΟΣ μας"),
        ("日本", "「日本」"),
        ("a|b", "um a|b aqui"),
    ],
)
def test_a_term_is_found_whatever_its_case_and_accents(term: str, text: str) -> None:
    assert matches([term], text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("aurora", "auroras"),
        ("aurora", "laurora"),
        ("aurora", "aurora_boreal"),
        ("aurora", "aurora2"),
        ("aurora", "#auroracafe"),
        ("aurora", "auroraé"),
        ("#auroracafe", "auroracafe"),
        ("a.b", "axb"),
        ("c++", "c"),
        ("a|b", "só a"),
        ("a.*", "abacate"),
        ("café aurora", "aurora café"),
        ("café aurora", "cafeaurora"),
    ],
)
def test_a_term_is_matched_whole_and_literally(term: str, text: str) -> None:
    assert not matches([term], text)


def has_a_letter_or_digit(term: str) -> bool:
    return any(character.isalnum() for character in term)


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=2, max_size=8).filter(
        has_a_letter_or_digit
    )
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_term_is_found_in_itself(term: str) -> None:
    assert matches([term], f"eu vi {term}, sim")


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
