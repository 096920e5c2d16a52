"""The parts of a bridge add up to the difference, and each says what it claims to say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jobs.statistics.bridge import PARTS, Items, Moved, mean_of_texts, restated, split, split_within

EXACT = 1e-12


@st.composite
def tables(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Counts, many of them zero, and sums of a figure in [-1, 1] over them."""
    texts = draw(hnp.arrays(np.int64, shape, elements=st.one_of(st.just(0), st.integers(0, 10**6)))).astype(float)
    means = draw(hnp.arrays(np.float64, shape, elements=st.floats(-1, 1)))
    texts.flat[0] = max(texts.flat[0], 1)
    return texts, texts * means


@given(st.data(), st.integers(1, 6))
def test_mix_and_within_add_up_to_the_change(data: st.DataObject, segments: int) -> None:
    before, now = data.draw(tables((segments,))), data.draw(tables((segments,)))
    parts = split(*before, *now)
    change = now[1].sum() / now[0].sum() - before[1].sum() / before[0].sum()
    assert abs(parts.change - change) < EXACT
    assert abs(parts.mix.sum() + parts.within.sum() - change) < EXACT


@given(st.data(), st.integers(1, 5), st.integers(1, 5))
def test_within_split_by_topic_adds_up_to_within(data: st.DataObject, segments: int, topics: int) -> None:
    before, now = data.draw(tables((segments, topics))), data.draw(tables((segments, topics)))
    outer = split(*(table.sum(axis=1) for table in (*before, *now)))
    mix, within = split_within(outer, *before, *now)
    np.testing.assert_allclose((mix + within).sum(axis=1), outer.within, rtol=0, atol=EXACT)


@given(st.data(), st.integers(1, 6))
def test_what_some_texts_did_adds_up_and_is_the_mix_and_within_of_a_segment(data: st.DataObject, segments: int) -> None:
    before, now = data.draw(tables((segments,))), data.draw(tables((segments,)))
    moved = Moved(*(float(table.sum()) for table in (*before, *now)))
    effects, parts = moved.effect(*before, *now), split(*before, *now)
    assert abs(effects.sum() - parts.change) < EXACT
    np.testing.assert_allclose(effects, parts.mix + parts.within, rtol=0, atol=EXACT)


def test_a_text_better_than_the_mean_lifts_it_by_coming_and_lowers_it_by_going() -> None:
    moved = Moved(10, 0.0, 10, 0.0)
    assert moved.effect([0, 1], [0, 0.5], [1, 0], [0.5, 0]) == pytest.approx([0.05, -0.05])


def test_a_grown_segment_is_mix_and_a_moved_one_is_within() -> None:
    grown = split([100, 100], [50, -50], [100, 300], [50, -150])
    np.testing.assert_allclose(grown.within, 0)
    assert grown.mix.sum() == pytest.approx(grown.change) == pytest.approx(-0.25)
    moved = split([100, 100], [50, -50], [200, 200], [100, 0])
    np.testing.assert_allclose(moved.mix, 0)
    np.testing.assert_allclose(moved.within, [0, 0.25])


def test_a_segment_that_is_absent_on_one_side_is_all_mix() -> None:
    parts = split([100, 0], [20, 0], [100, 50], [30, -25])
    assert parts.within[1] == 0
    assert parts.mix[1] < 0
    gone = split([100, 50], [20, -25], [100, 0], [20, 0])
    np.testing.assert_allclose(gone.within, 0)


def test_which_segment_comes_first_does_not_matter() -> None:
    there = split([90, 10], [30, 4], [50, 70], [10, 50])
    turned = split([10, 90], [4, 30], [70, 50], [50, 10])
    np.testing.assert_allclose(there.mix, turned.mix[::-1])
    back = split([50, 70], [10, 50], [90, 10], [30, 4])
    np.testing.assert_allclose(there.within, -back.within)
    np.testing.assert_allclose(there.mix, -back.mix)


def test_a_period_without_texts_has_no_bridge() -> None:
    with pytest.raises(ValueError, match="a period without texts has no mean"):
        split([0, 0], [0, 0], [1, 2], [1, 1])


def items(*rows: tuple[tuple[int, int, float] | None, tuple[int, int, float] | None]) -> Items:
    """Rows of (text, content, value) before and after, None where the item was not there."""
    arrays: dict[str, list[object]] = {}
    for row in rows:
        for when, state in zip(("before", "after"), row, strict=True):
            arrays.setdefault(f"present_{when}", []).append(state is not None)
            for name, value in zip(("text", "content", "value"), state or (0, 0, np.nan), strict=True):
                arrays.setdefault(f"{name}_{when}", []).append(value)
    return Items(**{name: np.array(values) for name, values in arrays.items()})


STATE = st.none() | st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(-1, 1))
SCORED = st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(-1, 1))


@given(st.lists(st.tuples(STATE, STATE), max_size=12), SCORED, SCORED)
def test_the_parts_of_a_restated_figure_add_up(rows: list, first: tuple, last: tuple) -> None:
    table = items((first, None), (None, last), *rows)
    before = mean_of_texts(table.present_before, table.text_before, table.value_before)
    after = mean_of_texts(table.present_after, table.text_after, table.value_after)
    parts = restated(table)
    assert tuple(parts) == PARTS
    assert abs(sum(parts.values()) - (after - before)) < EXACT


@pytest.mark.parametrize(
    ("part", "row"),
    [
        ("model", ((2, 2, 0.5), (2, 2, -0.5))),
        ("edited", ((2, 2, 0.5), (3, 3, -0.5))),
        ("removed", ((2, 2, -0.5), None)),
        ("late", (None, (2, 2, -0.5))),
        ("duplicates", ((2, 2, -0.5), (1, 2, -0.5))),
    ],
)
def test_what_was_done_to_an_item_is_told_by_its_own_part(part: str, row: tuple) -> None:
    parts = restated(items(((1, 1, 0.2), (1, 1, 0.2)), ((0, 0, 0.2), (0, 0, 0.2)), row))
    assert parts[part] != 0
    assert all(parts[other] == 0 for other in PARTS if other != part)


def test_a_late_copy_moves_nothing() -> None:
    parts = restated(items(((1, 1, -0.2), (1, 1, -0.2)), ((0, 0, 0.4), (0, 0, 0.4)), *[(None, (1, 1, -0.2))] * 50))
    np.testing.assert_allclose(list(parts.values()), 0, atol=EXACT)


def test_several_figures_are_explained_at_once() -> None:
    one = items(((1, 1, 0.2), (1, 1, 0.1)), ((2, 2, 0.5), None), (None, (3, 3, -0.8)))
    values = {name: np.column_stack([getattr(one, name), -getattr(one, name)]) for name in
              ("value_before", "value_after")}  # fmt: skip
    both = restated(Items(**{**vars(one), **values}))
    for part, moved in restated(one).items():
        np.testing.assert_allclose(both[part], [moved, -moved])


def test_where_all_items_are_gone_and_others_came_the_late_ones_carry_the_difference() -> None:
    parts = restated(items(((1, 1, 0.2), None), (None, (2, 2, -0.3))))
    assert parts["removed"] == 0
    assert parts["late"] == pytest.approx(-0.5)


def test_nothing_scored_on_one_side_is_said() -> None:
    with pytest.raises(ValueError, match="nothing was scored before or after"):
        restated(items((None, (2, 2, -0.3))))
