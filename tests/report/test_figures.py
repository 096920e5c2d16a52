"""The figures: pooled from the stored sums, compared with the period before, and honest about what was not seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from types import ModuleType

import numpy as np
import pytest

from jobs.brands import ALL
from jobs.enrich.reading import read_posts
from jobs.interval import mean_interval
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.report.compared import preceding
from jobs.report.figures import FEW, Figures, gather
from jobs.report.posts import Behind, behind
from jobs.report.quality import Quality, quality_of
from jobs.settings import Settings, Window


@pytest.fixture(scope="module")
def parts(settings: Settings, small_lake: ModuleType) -> Iterator[tuple[Figures, Behind, Quality]]:
    window = Window(start=small_lake.END - timedelta(days=29), end=small_lake.END)
    with View(Lake(settings.lake)).query() as query:
        read_posts(query, settings, window.days)
        figures = gather(query, settings, window)
        yield figures, behind(query, settings, figures), quality_of(query, settings, window)


@pytest.fixture(scope="module")
def figures(parts: tuple[Figures, Behind, Quality]) -> Figures:
    return parts[0]


def test_the_period_before_has_equal_length_and_ends_the_day_before() -> None:
    before = preceding(Window(start=date(2026, 9, 1), end=date(2026, 9, 30)))
    assert (before.start, before.end) == (date(2026, 8, 2), date(2026, 8, 31))


def test_a_period_is_judged_by_the_formula_of_a_day(figures: Figures, settings: Settings) -> None:
    rows = figures.daily[figures.daily["brand"] == "Aurora"]
    sums = rows[["distinct_polarity_sum", "distinct_polarity_sum_squares", "distinct_texts"]].sum()
    total = figures.total("Aurora")
    np.testing.assert_allclose(total[["mean", "mean_model_low", "mean_model_high"]].astype(float), mean_interval(*sums))


def test_days_feeds_and_languages_add_up_to_the_whole(figures: Figures) -> None:
    for brand in figures.names:
        posts = figures.total(brand)["posts"]
        for frame in (figures.daily, figures.feeds, figures.languages):
            assert frame[frame["brand"] == brand]["posts"].sum() == posts > 0


def test_zero_posts_few_posts_and_could_not_see_are_three_things(figures: Figures, small_lake: ModuleType) -> None:
    status = figures.daily.set_index(["brand", "day"])["status"]
    assert status[ALL, small_lake.SILENT] == "zero"
    assert status[ALL, small_lake.UNSEEN] == "unseen"
    assert status[ALL, small_lake.ABSENT] == "absent"
    few = figures.daily[figures.daily["status"] == "few"]
    assert len(few)
    assert (few["distinct_texts"] < FEW).all()
    assert (few["posts"] > 0).all()


def test_a_day_with_posts_of_which_a_feed_failed_is_partial(figures: Figures, small_lake: ModuleType) -> None:
    partial = figures.daily[figures.daily["partial"]]
    assert set(partial["day"]) == {small_lake.PARTIAL, date(2026, 9, 28)}


def test_gaps_name_feed_days_outcome_and_reason(figures: Figures, small_lake: ModuleType) -> None:
    (refused,) = [gap for gap in figures.gaps if gap.status == "refused"]
    assert (refused.feed, refused.start, refused.end) == ("avaliacoes", small_lake.PARTIAL, small_lake.PARTIAL)
    assert "429" in (refused.message or "")
    assert sum(gap.status == "failed" for gap in figures.gaps) == 3


def test_the_outage_and_the_launch_are_the_moves_of_the_brand_they_befell(
    figures: Figures, small_lake: ModuleType
) -> None:
    moves = {move.day: move for move in figures.moves if move.brand == "Aurora"}
    assert moves[small_lake.OUTAGE].change < -0.5
    assert moves[small_lake.LAUNCH].change > 0.5
    assert small_lake.OUTAGE not in {move.day for move in figures.moves if move.brand == "Casa Brisa"}
    assert [move.number for move in moves.values()] == list(range(1, len(moves) + 1))


def test_what_people_would_say_is_wider_than_the_model_and_says_what_it_rests_on(figures: Figures) -> None:
    for frame in (figures.brands, figures.feeds, figures.languages):
        told = frame[frame["distinct_texts"] > 0]
        for name in ("mean", "negative_share", "neutral_share", "positive_share"):
            assert (told[f"{name}_people_low"] <= told[f"{name}_model_low"]).all()
            assert (told[f"{name}_people_high"] >= told[f"{name}_model_high"]).all()
            np.testing.assert_allclose(told[f"{name}_people"], told[name])
        assert set(told["basis"]) == {"unlabelled"}


def test_the_change_is_what_the_mix_did_and_what_is_like_for_like(figures: Figures) -> None:
    told = figures.brands
    np.testing.assert_allclose(told["change"], told["mean"] - told["mean_before"], atol=1e-12)
    np.testing.assert_allclose(told["change"], told["change_mix"] + told["change_within"], atol=1e-12)
    assert ((told["change_low"] <= told["change_within"]) & (told["change_within"] <= told["change_high"])).all()


def test_the_steps_of_a_bridge_lead_from_the_period_before_to_this_one(figures: Figures) -> None:
    assert {bridge.brand for bridge in figures.bridges} == set(figures.names)
    for bridge in figures.bridges:
        total = figures.total(bridge.brand)
        assert (bridge.before, bridge.after) == pytest.approx((total["mean_before"], total["mean"]))
        moved = sum(step.mix + step.within for step in bridge.steps)
        assert moved == pytest.approx(bridge.after - bridge.before, abs=1e-12)
        assert sum(step.mix for step in bridge.steps) == pytest.approx(total["change_mix"], abs=1e-12)


def test_a_move_lies_far_from_what_is_usual(figures: Figures) -> None:
    days = figures.daily.set_index(["brand", "day"])
    for move in figures.moves:
        day = days.loc[(move.brand, move.day)]
        assert day["base"] == move.base
        assert move.base < day["mean_model_low"] or move.base > day["mean_model_high"]


def test_the_words_of_a_move_say_why(parts: tuple[Figures, Behind, Quality], small_lake: ModuleType) -> None:
    words = {move.day: " ".join(parts[1].words[move]) for move in parts[0].moves if move.brand == "Aurora"}
    assert "cobrança" in words[small_lake.OUTAGE]
    assert "app" in words[small_lake.OUTAGE]
    assert "jabuticaba" in words[small_lake.LAUNCH]
    assert "aurora" not in " ".join(words.values())


def test_examples_are_the_extremes_and_the_middle_and_none_twice(
    parts: tuple[Figures, Behind, Quality], figures: Figures
) -> None:
    for name in figures.names:
        examples = parts[1].period[name]
        mean = figures.total(name)["mean"]
        assert all(post.polarity < -0.8 for post in examples.negative)
        assert all(post.polarity > 0.8 for post in examples.positive)
        assert all(abs(post.polarity - mean) < 0.1 for post in examples.typical)
        texts = [post.text.lower() for post in examples.all]
        assert len(texts) == len(set(texts)) >= 7


def test_examples_of_a_brand_name_it(parts: tuple[Figures, Behind, Quality]) -> None:
    assert all("brisa" in post.text.lower() for post in parts[1].period["Casa Brisa"].all)


def test_items_are_posts_and_quarantined(parts: tuple[Figures, Behind, Quality], figures: Figures) -> None:
    totals = parts[2].totals
    assert totals["items"] == totals["posts"] + totals["quarantined"]
    assert totals["posts"] == figures.total(ALL)["posts"]
    assert totals["undated"] == 4
    assert totals["unscored"] == figures.total(ALL)["unscored"]


def test_the_unsure_are_counted_and_their_share_is_of_what_was_scored(
    parts: tuple[Figures, Behind, Quality], figures: Figures
) -> None:
    whole = figures.total(ALL)
    assert 0 < whole["unsure"] == parts[2].totals["unsure"] < whole["scored"]
    assert whole["unsure_share"] == whole["unsure"] / whole["scored"]


def test_broken_rules_carry_the_words_of_the_contract(parts: tuple[Figures, Behind, Quality]) -> None:
    rules = {rule.name: rule for rule in parts[2].rules}
    assert set(rules) == {"text_present", "date_plausible", "text_decoded", "rating_in_scale"}
    assert rules["text_present"].description == "An item without words cannot be read for mood."
    assert all(rule.items > 0 for rule in rules.values())
