"""The one interval of the project: it covers, it never leaves the scale, it takes repeats for no evidence."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.interval import Z, mean_interval

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

POPULATIONS: dict[str, Draw] = {
    "spread": lambda rng, shape: rng.uniform(-1, 1, shape),
    "torn": lambda rng, shape: 2 * rng.beta(0.3, 0.6, shape) - 1,
    "content": lambda rng, shape: 2 * rng.beta(5, 1, shape) - 1,
    "mostly_bad": lambda rng, shape: rng.choice([-1.0, 1.0], shape, p=[0.8, 0.2]),
    "rare_outrage": lambda rng, shape: np.where(rng.random(shape) < 0.1, -0.9, 0.8),
    "unanimous": lambda rng, shape: rng.normal(0.3, 0.05, shape).clip(-1, 1),
}


@pytest.mark.parametrize("texts", [5, 15, 60, 400])
@pytest.mark.parametrize("population", POPULATIONS)
def test_the_interval_holds_the_true_mean_in_at_least_93_of_100_days(population: str, texts: int) -> None:
    rng = np.random.default_rng(2026)
    true = POPULATIONS[population](rng, (1_000_000,)).mean()
    days = POPULATIONS[population](rng, (8_000, texts))
    _, low, high = mean_interval(days.sum(axis=1), (days**2).sum(axis=1), texts)
    assert ((low <= true) & (true <= high)).mean() >= 0.93


@pytest.mark.parametrize("texts", [5, 15, 60, 400])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_so_does_that_of_a_share(share: float, texts: int) -> None:
    rng = np.random.default_rng(2026)
    sure = rng.random((8_000, texts)) < share
    days = np.where(sure, rng.beta(8, 2, sure.shape), rng.beta(2, 8, sure.shape))
    true = share * 0.8 + (1 - share) * 0.2
    _, low, high = mean_interval(days.sum(axis=1), (days**2).sum(axis=1), texts, lowest=0)
    assert ((low <= true) & (true <= high)).mean() >= 0.93


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.sampled_from([-1.0, 0.0]))
def test_the_mean_lies_in_the_interval_and_both_in_the_scale(shares: list[float], lowest: float) -> None:
    values = [lowest + (1 - lowest) * share for share in shares]
    mean, low, high = mean_interval(sum(values), sum(v * v for v in values), len(values), lowest)
    assert lowest <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


def test_the_formula_by_hand() -> None:
    mean, low, high = mean_interval(4.0, 6.0, 10)
    weight = 10 + Z**2
    centre = 4 / weight
    half = Z * math.sqrt(((6 + Z**2) / weight - centre**2) / weight)
    assert (mean, low, high) == pytest.approx((0.4, centre - half, centre + half))


def test_nothing_scored_is_unknown_and_does_not_disturb_its_neighbours() -> None:
    mean, low, high = mean_interval([0.0, 2.0], [0.0, 1.5], [0, 5])
    assert np.isnan([mean[0], low[0], high[0]]).all()
    assert np.isfinite([mean[1], low[1], high[1]]).all()


@pytest.mark.parametrize("texts", [5, 10])
def test_its_weakest_place_is_a_handful_of_texts_of_which_nine_in_ten_are_wholly_bad(texts: int) -> None:
    rng = np.random.default_rng(2026)
    days = rng.choice([-1.0, 1.0], (20_000, texts), p=[0.9, 0.1])
    _, low, high = mean_interval(days.sum(axis=1), (days**2).sum(axis=1), texts)
    assert 0.915 <= ((low <= -0.8) & (high >= -0.8)).mean() < 0.94
