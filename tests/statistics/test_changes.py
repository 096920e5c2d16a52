"""Two periods are called different when they are, seldom when they are not, and never for want of days or posts."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.statistics.bridge import split
from jobs.statistics.changes import LEVEL, POLARITY, SHARE, SLOPE, Change, Daily, compare, compare_within

POSTS, SPREAD = 150, 0.55


def days(rng: np.random.Generator, shape: tuple[int, ...], tau: float, rho: float, mean: float = 0.0) -> np.ndarray:
    """Means of days that swing by `tau`, of which `rho` is left the day after."""
    swing = rng.normal(size=shape)
    for day in range(1, shape[-1]):
        swing[..., day] = rho * swing[..., day - 1] + np.sqrt(1 - rho**2) * swing[..., day]
    return mean + tau * swing + rng.normal(size=shape) * SPREAD / np.sqrt(POSTS)


def daily(means: np.ndarray, posts: int = POSTS) -> Daily:
    """Days of so many posts with these means and the usual spread between posts."""
    return Daily(np.full(means.shape, posts), means * posts, posts * means**2 + (posts - 1) * SPREAD**2)


def between(means: np.ndarray, length: int, shift: float = 0.0) -> Change:
    """The last `length` days against as many before them, those before being the history."""
    history, before, now = np.split(means, [means.shape[-1] - 2 * length, means.shape[-1] - length], axis=-1)
    return compare(daily(before), daily(now + shift), daily(history) if history.shape[-1] else None)


@pytest.mark.parametrize(("length", "history"), [(7, 0), (7, 56), (30, 0)])
@pytest.mark.parametrize(("tau", "rho"), [(0.0, 0.0), (0.06, 0.3), (0.13, 0.0), (0.13, 0.3)])
def test_equal_periods_are_seldom_called_different(length: int, history: int, tau: float, rho: float) -> None:
    means = days(np.random.default_rng(14), (400, history + 2 * length), tau, rho)
    assert between(means, length).different.mean() <= 0.08


@pytest.mark.parametrize(
    ("length", "tau", "shift", "found"), [(7, 0.0, 0.1, 0.9), (7, 0.07, 0.2, 0.9), (30, 0.1, 0.2, 0.95)]
)
def test_a_true_change_is_found(length: int, tau: float, shift: float, found: float) -> None:
    means = days(np.random.default_rng(15), (300, 56 + 2 * length), tau, 0.0)
    result = between(means, length, shift)
    assert result.different.mean() >= found
    assert ((result.low <= shift) & (shift <= result.high)).mean() >= 0.93


def test_calm_history_makes_a_short_period_surer_and_a_restless_one_less_sure() -> None:
    rng = np.random.default_rng(16)
    week = days(rng, (14,), 0.06, 0.0)
    alone = compare(daily(week[:7]), daily(week[7:]))
    calm = compare(daily(week[:7]), daily(week[7:]), daily(days(rng, (56,), 0.0, 0.0)))
    restless = compare(daily(week[:7]), daily(week[7:]), daily(days(rng, (56,), 0.3, 0.0)))
    assert calm.high - calm.low < alone.high - alone.low < restless.high - restless.low
    assert calm.change == alone.change == restless.change


def test_where_the_history_lies_says_nothing_of_the_change() -> None:
    means = days(np.random.default_rng(17), (70,), 0.05, 0.0)
    near = compare(daily(means[56:63]), daily(means[63:]), daily(means[:56]))
    far = compare(daily(means[56:63]), daily(means[63:]), daily(means[:56] - 0.5))
    np.testing.assert_allclose([near.low, near.high, near.p], [far.low, far.high, far.p])


def test_the_verdict_is_that_of_the_interval_and_of_the_chance() -> None:
    result = between(days(np.random.default_rng(18), (500, 14), 0.05, 0.0), 7, 0.1)
    np.testing.assert_array_equal(result.different, (result.low > 0) | (result.high < 0))
    np.testing.assert_array_equal(result.different, result.p <= LEVEL)
    assert ((result.low <= result.change) & (result.change <= result.high)).all()


def test_one_day_against_another_is_judged_by_how_feeds_swing() -> None:
    posts = 100_000
    moved = compare(daily(np.array([0.0]), posts), daily(np.array([0.15]), posts))
    assert not moved.different
    assert moved.high - moved.low > 0.3
    assert compare(daily(np.array([0.0]), posts), daily(np.array([0.9]), posts)).different


def test_a_handful_of_posts_says_little() -> None:
    few = Daily([1, 0, 2], [0.9, 0, 1.8], [0.81, 0, 1.62])
    other = Daily([2, 1, 0], [0.2, 0.1, 0], [0.02, 0.01, 0])
    assert not compare(few, other).different


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_days_without_posts_count_for_nothing_and_a_period_of_them_is_unknown(empty: float) -> None:
    means = days(np.random.default_rng(19), (14,), 0.05, 0.0)
    before, now = daily(means[:7]), daily(means[7:])
    n, s, q = (np.append(array, empty) for array in now.arrays())
    padded, plain = compare(before, Daily(n, s, q)), compare(before, now)
    np.testing.assert_allclose([padded.change, padded.low, padded.p], [plain.change, plain.low, plain.p])
    nothing = compare(before, Daily(*[np.full(7, empty)] * 3))
    assert np.isnan([nothing.change, nothing.low, nothing.high, nothing.p]).all()
    assert not nothing.different


def test_a_day_of_many_posts_weighs_as_much_as_it_printed() -> None:
    result = compare(Daily([100, 100], [10, 10], [30, 30]), Daily([900, 100], [90, -30], [270, 30]))
    assert result.change == pytest.approx(60 / 1000 - 20 / 200)


def test_figures_and_groups_are_compared_side_by_side() -> None:
    means = days(np.random.default_rng(20), (3, 14), 0.05, 0.0)
    together = compare(daily(means[:, :7]), daily(means[:, 7:]), reach=[POLARITY, SHARE, POLARITY])
    for place, reach in enumerate([POLARITY, SHARE, POLARITY]):
        alone = compare(daily(means[place, :7]), daily(means[place, 7:]), reach=reach)
        assert together.low[place] == pytest.approx(alone.low)


def test_a_share_is_judged_as_the_polarity_it_is_half_of() -> None:
    means = days(np.random.default_rng(21), (14,), 0.05, 0.0)
    whole = daily(means)
    half = Daily(whole.texts, whole.arrays()[1] / 2, whole.arrays()[2] / 4)
    cut = [Daily(*(a[part] for a in d.arrays())) for d in (whole, half) for part in (slice(7), slice(7, 14))]
    polarity, share = compare(cut[0], cut[1]), compare(cut[2], cut[3], reach=SHARE)
    assert share.p == pytest.approx(polarity.p)
    assert share.high == pytest.approx(polarity.high / 2)


def segments(texts: np.ndarray, means: np.ndarray) -> Daily:
    return Daily(texts, texts * means, texts * means**2 + np.maximum(texts - 1, 0) * SPREAD**2)


def test_a_change_of_mix_alone_is_no_change() -> None:
    rng = np.random.default_rng(22)
    means = days(rng, (2, 60), 0.02, 0.0) + np.array([[0.4], [-0.4]])
    texts = np.array([[120.0] * 30 + [40.0] * 30, [40.0] * 30 + [120.0] * 30])
    before, now = segments(texts[:, :30], means[:, :30]), segments(texts[:, 30:], means[:, 30:])
    whole = compare(*(Daily(*(a.sum(axis=0) for a in d.arrays())) for d in (before, now)))
    within = compare_within(before, now)
    assert whole.different
    assert not within.different
    parts = split(*(a.sum(axis=1) for d in (before, now) for a in d.arrays()[:2]))
    assert within.change == pytest.approx(parts.within.sum(), abs=1e-12)


def test_the_within_part_is_called_different_as_seldom_as_the_whole() -> None:
    rng = np.random.default_rng(23)
    swing = days(rng, (400, 1, 14), 0.07, 0.0)
    means = swing + rng.normal(size=(400, 3, 14)) * 0.05 + np.array([0.3, 0.0, -0.3])[:, None]
    texts = rng.poisson(np.array([50.0, 80.0, 20.0])[:, None], size=(400, 3, 14)).astype(float)
    result = compare_within(segments(texts[..., :7], means[..., :7]), segments(texts[..., 7:], means[..., 7:]))
    assert result.different.mean() <= 0.08


def test_a_segment_of_one_period_alone_takes_no_part_and_none_in_common_is_unknown() -> None:
    texts = np.array([[100.0] * 7, [0.0] * 7])
    before = segments(texts, np.zeros((2, 7)))
    now = segments(texts + np.array([[0.0], [50.0]]), np.array([[0.1] * 7, [-0.9] * 7]))
    assert compare_within(before, now).change == pytest.approx(0.1 * (1 + 2 / 3) / 2)
    turned = segments(texts[::-1], np.zeros((2, 7)))
    assert np.isnan(compare_within(before, turned).change)


def test_about_half_of_a_true_change_is_printed() -> None:
    assert SLOPE.low < SLOPE.printed < SLOPE.high < 1
