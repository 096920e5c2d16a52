"""The bars of a bridge lead from one mean to the other without a gap, the largest first, within the drawing."""

from __future__ import annotations

import pytest

from jobs.report.compared import Bridge, Step
from jobs.report.language import Voice
from jobs.report.waterfall import SHOWN, WIDE, Waterfall

STEPS = tuple(Step(f"feed-{n}", "pt", 0.01 * n, -0.02 * n) for n in range(1, 6))
BRIDGE = Bridge("all", 0.2, 0.2 + sum(step.mix + step.within for step in STEPS), STEPS)


def test_bars_begin_where_the_last_one_ended_and_end_at_the_new_mean() -> None:
    bars = Waterfall.of(BRIDGE).bars
    assert bars[0].start == BRIDGE.before
    assert [bar.start for bar in bars[1:]] == pytest.approx([bar.end for bar in bars[:-1]])
    assert bars[-1].end == pytest.approx(BRIDGE.after)


def test_the_largest_have_bars_of_their_own_and_the_others_one_together() -> None:
    bars = Waterfall.of(BRIDGE).bars
    assert len(bars) == SHOWN + 1
    sizes = [abs(bar.end - bar.start) for bar in bars[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert bars[0].label(Voice("en")) == "Own mood: feed-5, Portuguese"
    assert bars[-1].label(Voice("pt")) == "Os outros juntos"


def test_every_mean_lies_in_the_drawing() -> None:
    drawn = Waterfall.of(BRIDGE)
    assert all(0 <= drawn.place(value) <= WIDE for bar in drawn.bars for value in (bar.start, bar.end))


def test_a_mean_that_did_not_move_is_drawn_too() -> None:
    assert Waterfall.of(Bridge("all", 0.1, 0.1, ())).place(0.1) == pytest.approx(WIDE * 0.05)
