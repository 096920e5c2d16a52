"""Whether two periods differ: the change of a figure, its interval, and the verdict.

Posts of one day are not so many independent witnesses of a period: a match, a strike or an outage moves a whole day,
and something of it is left the day after. So the mean of a day is taken to be

    mean of the period + swing of the day + chance of the posts

where the swing has a standard deviation tau and what is left of it the day after is rho of it. Neither is known. Every
pair of a grid is weighed by how well it explains the days of both periods, and of the history before them where it is
given, and by how common such feeds are; the verdict is the mean of all pairs' verdicts. With few days it is the feeds
seen so far that speak, with many the days themselves: one day against another, days without a post and two years need
no rule of their own.

What the model gets wrong about a single text is no part of it, nor is why a figure moved (`bridge`), nor which day
stands out (`unusual`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

POLARITY, SHARE = 1.0, 0.5
"""The reach of a figure: half of the width of its scale, [-1, 1] or [0, 1]."""

LEVEL = 0.05
"""Periods that are equal are called different this often, where the model of days holds."""

TAU = np.array([0, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.17, 0.22, 0.3, 0.4, 0.6])
"""Swings of days that are weighed, in parts of the reach."""

TAU_SCALE = 0.1
"""Scale of the half-t prior of tau with 3 degrees of freedom (Gelman 2006, "Prior distributions for variance
parameters in hierarchical models", Bayesian Analysis 1(3)): 11 of 13 real feeds lie between .02 and .15."""

RHO = np.array([0, 0.15, 0.3, 0.45, 0.6])
RHO_PRIOR = np.array([0.24, 0.23, 0.27, 0.17, 0.09])
"""What is left of a swing the day after, and how common it is taken to be before any day is seen."""

POST_SPREAD, POST_WEIGHT = 0.6, 4.0
"""Standard deviation of a figure between posts, in parts of the reach, and the number of posts it counts as."""


class Slope(NamedTuple):
    """How much of a true change is printed, between the two ends that were seen."""

    printed: float
    low: float
    high: float


SLOPE = Slope(0.49, 0.36, 0.70)
"""The model shows about half of a true change: the slope of printed on true differences of mean polarity between
samples of one source, the mean of the 37 labelled sets of three labels and where eight in ten of them lie, on rows that
`balanced` did not learn from (`tests/benchmarks/people.py`)."""


@dataclass(frozen=True)
class Daily:
    """A figure by calendar day, each text counted once a day: arrays of one shape (..., D), D days in order.

    `texts` is the number of different texts, `total` the sum of the figure over them and `squares` the sum of its
    squares. A day on which nothing was counted has 0 or NaN in all three.
    """

    texts: ArrayLike
    total: ArrayLike
    squares: ArrayLike

    def arrays(self) -> tuple[Floats, Floats, Floats]:
        """The three as float64 with NaN as 0."""
        n, s, q = (np.nan_to_num(np.asarray(a, dtype=np.float64)) for a in (self.texts, self.total, self.squares))
        return n, s, q


@dataclass(frozen=True)
class Change:
    """A change with its 95 % interval, float64 of shape (...): in the unit of the figure, NaN where it is unknown.

    `p` is how often chance alone would move equal periods so far.
    """

    change: Floats
    low: Floats
    high: Floats
    p: Floats

    @property
    def different(self) -> NDArray[np.bool_]:
        """Whether the periods are called different; never where the change is unknown."""
        return np.asarray(self.p <= LEVEL)


def compare(before: Daily, now: Daily, history: Daily | None = None, reach: ArrayLike = POLARITY) -> Change:
    """The change of the mean over texts from the days of `before` to those of `now`, shapes (..., D) to (...).

    The periods may differ in length. `history` are days before both, of any number: they tell how days swing, not
    where the figure lies, so they make the verdict surer, above all of short periods (56 days are plenty).
    `reach` is `POLARITY` or `SHARE`, or an array of them that broadcasts to (...).
    """
    lone = None if history is None else _one_segment(history)
    return compare_within(_one_segment(before), _one_segment(now), lone, reach)


def compare_within(before: Daily, now: Daily, history: Daily | None = None, reach: ArrayLike = POLARITY) -> Change:
    """The change that segments made by their own means moving, the mix of segments taken out.

    Arrays of shape (..., G, D) for G segments (say, feed x language), the change and its interval of shape (...).
    The change is the sum of `within` of `bridge.split`: every segment weighs the mean of its two shares, and one that
    has no text in one of the periods is all mix. NaN where no segment has texts in both. Swings that segments share
    are counted as such, since the days are summed over segments before they are compared.
    """
    scale = np.asarray(reach, dtype=np.float64)
    texts = [daily.arrays()[0].sum(axis=-1) for daily in (before, now)]
    common = (texts[0] > 0) & (texts[1] > 0)
    shares = [n / np.maximum(n.sum(axis=-1, keepdims=True), 1) for n in texts]
    weight = np.where(common, (shares[0] + shares[1]) / 2, 0)
    scale = np.broadcast_to(scale, weight.shape[:-1])
    value_0, days_0 = _period(before, weight, scale)
    value_1, days_1 = _period(now, weight, scale)
    tau = scale[..., None, None] * TAU[:, None]
    tau, rho = np.broadcast_arrays(tau, RHO)
    evidence = np.log(_tau_prior()[:, None] * RHO_PRIOR) + days_0.evidence(tau, rho) + days_1.evidence(tau, rho)
    if history is not None:
        evidence = evidence + _period(history, weight, scale)[1].evidence(tau, rho)
    belief = np.exp(evidence - evidence.max(axis=(-2, -1), keepdims=True))
    belief /= belief.sum(axis=(-2, -1), keepdims=True)
    deviation = np.sqrt(days_0.variance(tau, rho) + days_1.variance(tau, rho))
    known = common.any(axis=-1)
    change = value_1 - value_0
    half = _half_width(belief, np.where(known[..., None, None], deviation, 1))
    return Change(
        change=np.where(known, change, np.nan),
        low=np.where(known, np.maximum(change - half, -2 * scale), np.nan),
        high=np.where(known, np.minimum(change + half, 2 * scale), np.nan),
        p=np.where(known, _beyond(np.abs(change), belief, np.where(known[..., None, None], deviation, 1)), np.nan),
    )


@dataclass(frozen=True)
class _Days:
    """Days of one period, shape (..., D): how far each lies from its period's mean, its weight in it, its noise.

    `noise` is the variance of the day's mean by chance of its posts; days that were not seen have weight 0.
    """

    level: Floats
    weight: Floats
    noise: Floats

    def evidence(self, tau: Floats, rho: Floats) -> Floats:
        """The restricted log-likelihood of each tau and rho, shape (..., T, R), the mean of the period unknown.

        A Kalman filter over the days, run on the levels and on a column of ones, gives the generalised least squares
        of the mean (Harvey 1989, "Forecasting, structural time series models and the Kalman filter", 3.4).
        """
        seen = (self.weight > 0)[..., None, None]
        level, noise = self.level[..., None, None], self.noise[..., None, None]
        stationary = tau**2
        expected, unit, variance = np.zeros_like(tau), np.zeros_like(tau), stationary
        log_det, ones, cross, squares = (np.zeros_like(tau) for _ in range(4))
        for day in range(self.level.shape[-1]):
            here = seen[..., day, :, :]
            spread = variance + noise[..., day, :, :]
            sure = here / spread
            miss, miss_unit = level[..., day, :, :] - expected, 1 - unit
            log_det += np.where(here, np.log(spread), 0)
            ones += miss_unit**2 * sure
            cross += miss_unit * miss * sure
            squares += miss**2 * sure
            gain = variance * sure
            expected, unit = rho * (expected + gain * miss), rho * (unit + gain * miss_unit)
            variance = rho**2 * variance * (1 - gain) + (1 - rho**2) * stationary
        some = ones > 0
        ones = np.where(some, ones, 1)
        return np.asarray(np.where(some, -(log_det + np.log(ones) + squares - cross**2 / ones) / 2, 0))

    def variance(self, tau: Floats, rho: Floats) -> Floats:
        """The variance of the period's mean for each tau and rho, shape (..., T, R)."""
        weight = self.weight[..., None, None]
        swing, left = np.zeros_like(tau), np.zeros_like(tau)
        for day in range(self.weight.shape[-1]):
            here = weight[..., day, :, :]
            swing += here**2 + 2 * here * left
            left = rho * (left + here)
        return np.asarray(tau**2 * swing + (self.weight**2 * self.noise).sum(axis=-1)[..., None, None])


def _one_segment(daily: Daily) -> Daily:
    return Daily(*(array[..., None, :] for array in daily.arrays()))


def _period(daily: Daily, weight: Floats, reach: Floats) -> tuple[Floats, _Days]:
    """The mean over segments of given `weight` (..., G), and the days that it is made of."""
    n, s, q = daily.arrays()
    texts = n.sum(axis=-1, keepdims=True)
    mean = s.sum(axis=-1, keepdims=True) / np.maximum(texts, 1)
    factor = weight[..., None] / np.maximum(texts, 1)
    a = (factor * n).sum(axis=-2)
    seen = a > 0
    a_or_1 = np.where(seen, a, 1)
    level = (factor * (s - mean * n)).sum(axis=-2) / a_or_1
    noise = (factor**2 * n * _post_variance(n, s, q, reach)).sum(axis=-2) / a_or_1**2
    return (weight * mean[..., 0]).sum(axis=-1), _Days(level, a, np.where(seen, noise, 1))


def _post_variance(n: Floats, s: Floats, q: Floats, reach: Floats) -> Floats:
    """Variance between posts of a day and segment, (..., G, 1): pooled over days, steadied by `POST_WEIGHT` posts."""
    within = np.maximum(q - s**2 / np.maximum(n, 1), 0).sum(axis=-1, keepdims=True)
    degrees = np.maximum(n - 1, 0).sum(axis=-1, keepdims=True)
    steady = POST_WEIGHT * (POST_SPREAD * reach[..., None, None]) ** 2
    return np.asarray((within + steady) / (degrees + POST_WEIGHT))


def _tau_prior() -> Floats:
    density = (1 + (TAU / TAU_SCALE) ** 2 / 3) ** -2 * np.gradient(TAU)
    return np.asarray(density / density.sum())


def _beyond(size: Floats, belief: Floats, deviation: Floats) -> Floats:
    """Two-sided tail of the mixture of normal distributions that the beliefs make, shape (...)."""
    return np.asarray((belief * 2 * ndtr(-size[..., None, None] / deviation)).sum(axis=(-2, -1)))


def _half_width(belief: Floats, deviation: Floats) -> Floats:
    """Where that tail is `LEVEL`, found by halving."""
    low, high = np.zeros(belief.shape[:-2]), 2 * deviation.max(axis=(-2, -1))
    for _ in range(40):
        middle = (low + high) / 2
        wide = _beyond(middle, belief, deviation) < LEVEL
        low, high = np.where(wide, low, middle), np.where(wide, middle, high)
    return np.asarray(high)
