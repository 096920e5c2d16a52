"""Unusual days: which days of a daily series stand out from the weeks before them, in mood and in volume.

Every day is judged by the days before it alone, so a day once judged is judged the same when later days come in. Each
text counts once a day (the caller's duty): copies of a text, however many, are then no evidence, and a campaign that
posts one text a thousand times is left to the duplicates.

A day that could not be seen whole, or was never counted, is no move and no part of what is usual; the days before a
change of model or of feeds say nothing about those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, gammaln, ndtri, stdtr, xlog1py

from jobs.statistics.changes import POLARITY, POST_SPREAD, POST_WEIGHT, Daily

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BASE = 28
"""A day is compared with so many days before it."""

AT_LEAST = 7
"""A day is judged where at least so many of them are known."""

ALARM = 3.0
"""A day stands out where it, or the moving average of the days up to it, lies so many deviations off."""

KEPT = 0.6
"""What an exponentially weighted moving average keeps of the day before (Roberts 1959; lambda = .4)."""

HUBER = 1.345
"""Deviations up to which a day before counts in full (Huber 1964)."""

SWING, SWING_DAYS = 0.07, 28.0
"""Swing of days that real feeds have, in parts of the reach, and the number of days this counts as."""

BURST = 0.3
"""The same of volume: standard deviation of a day's rate in parts of the usual rate."""

WEEKS, WEEKS_KNOWN = 16, 6
"""A weekday's pattern is taken from so many weeks before, and is known where so many of each weekday were seen."""

PATTERN = 12.59
"""The pattern of a week is taken out where it exceeds its own chance by this: 95 % quantile, chi-squared of 6."""

NULL_DAYS = 28.0
"""A series whose deviations are wider than 1 is judged for the list by their width; 1 counts as so many days."""

FEWEST_SAME, RARE = 4, 0.001
"""A count is suspiciously low by the same weekdays before where so many are known, and so seldom a day has so few."""

FALSE_SHARE = 0.1
"""Of the days that a report lists, so many may be false (Benjamini & Hochberg 1995)."""


@dataclass(frozen=True)
class Unusual:
    """How far each day lies from the usual: float64 of the series' shape (..., D), NaN where a day is not judged.

    `expected` is the usual figure on such a weekday and `spread` one deviation from it, both in the figure's unit;
    `z` the day's distance in deviations, `average` the moving average of z in its own; `p` how often an ordinary day
    would lie so far, as wide as this series' deviations were before. `alarm` marks the days that stand out
    in their own series; a report that looks at many series tells of those that `listed` leaves.
    """

    expected: Floats
    spread: Floats
    z: Floats
    average: Floats
    p: Floats

    @property
    def alarm(self) -> Flags:
        """Days that stand out."""
        return np.asarray((np.abs(self.z) >= ALARM) | (np.abs(self.average) >= ALARM))


def unusual_mood(daily: Daily, known: ArrayLike = True, era: ArrayLike = 0, reach: ArrayLike = POLARITY) -> Unusual:
    """Days whose mean figure stands out, of calendar days in order, shape (..., D); `reach` as in `changes`.

    z = (m - b) / sqrt(s^2/n + tau^2 + 1/sum w), with b the Huber-weighted mean of the `BASE` days before, w = 1 /
    (s^2/n + tau^2), s the deviation between posts, and tau the swing of days: the median of their squared distances
    from b is .455 (s^2/n + tau^2), shrunk towards `SWING`. The pattern of the week is taken out of all of it where
    the days given reach back far enough to know it (`WEEKS_KNOWN` weeks). `known` is false of days that were not seen
    whole; `era` is a number that changes whenever the model or the feeds counted do.
    """
    n, s, q = daily.arrays()
    known = np.broadcast_to(np.asarray(known, dtype=bool), n.shape) & (n > 0)
    reach = np.broadcast_to(np.asarray(reach, dtype=np.float64), n.shape[:-1])
    posts = np.maximum(n, 1)
    within = np.where(known, np.maximum(q - s**2 / posts, 0), 0)
    degrees = np.where(known, n - 1, 0)
    steady = POST_WEIGHT * (POST_SPREAD * reach[..., None]) ** 2
    variance = (_around(within) + steady) / (_around(degrees) + POST_WEIGHT)
    means = np.where(known, s / posts, np.nan)
    era = np.broadcast_to(np.asarray(era), n.shape)
    pattern = _weekdays(means)
    usual = _usual(
        _before(means, np.nan) - _of_days_before(pattern),
        variance[..., None] / _before(posts, 1),
        _counts(known, era),
        SWING * reach[..., None],
    )
    expected = usual.mean + _of_own_day(pattern)
    spread = np.sqrt(variance / posts + usual.swing**2 + usual.doubt)
    z = (means - expected) / spread
    return _judged(expected, spread, z, era)


def unusual_volume(counts: ArrayLike, known: ArrayLike = True, era: ArrayLike = 0) -> Unusual:
    """Days with unusually many or few texts, of calendar days in order, shape (..., D); arguments as in `unusual_mood`.

    A day that was seen whole and had none is 0 in `counts` and known. Counts are negative binomial about the rate of
    the `BASE` days before (Huber-weighted) times the factor of the weekday, with a variance of mu + (tau^2 + doubt of
    the rate) mu^2, tau shrunk towards `BURST`; z is the normal deviate of the tail that begins in the middle of the
    count's own probability.
    """
    n = np.nan_to_num(np.asarray(counts, dtype=np.float64))
    known = np.broadcast_to(np.asarray(known, dtype=bool), n.shape)
    era = np.broadcast_to(np.asarray(era), n.shape)
    pattern = _weekdays(np.where(known, np.log(n + 0.5), np.nan))
    factor = np.exp(_of_days_before(pattern))
    counted, rates = _counts(known, era), _before(n, 0) / factor
    typical = np.maximum(_median(rates, counted), 0.5)
    usual = _usual(rates, typical[..., None] / factor, counted, BURST * typical)
    rate = np.maximum(usual.mean, 0.25)
    expected = rate * np.exp(_of_own_day(pattern))
    wider = (usual.swing**2 + usual.doubt) / rate**2
    judged = known & np.isfinite(expected)
    z = np.full(n.shape, np.nan)
    z[judged] = _deviate(n[judged], expected[judged], wider[judged])
    return _judged(expected, np.sqrt(expected + wider * expected**2), z, era)


def suspiciously_few(count: int, before: Sequence[int]) -> bool:
    """Whether a feed that had the counts `before` on the last same weekdays ought to have had more than `count`.

    A count of which the negative binomial about their median, as wide as real feeds swing (`BURST`), has so few once in
    a thousand days (`RARE`), and that lies below three in four of them: a feed of few items, or one that is often
    empty, is never suspicious. So is none with fewer than `FEWEST_SAME` such days.
    """
    if len(before) < FEWEST_SAME or count >= np.quantile(before, 0.25):
        return False
    size = BURST**-2
    return bool(betainc(size, count + 1, size / (size + np.median(before))) < RARE)


def listed(found: Sequence[Unusual], share: float = FALSE_SHARE) -> list[Flags]:
    """Of each series of a report, the days to tell of: alarms, of which at most `share` are false over all of them.

    `found` are the days that the report is about; days before them that were given for comparison are cut off first
    (`last`), since every day looked at makes the others harder to believe.
    """
    ps = np.concatenate([one.p.ravel() for one in found]) if found else np.zeros(0)
    judged = np.isfinite(ps)
    kept = np.zeros(ps.shape, dtype=bool)
    if judged.any():
        kept[judged] = _discovered(ps[judged], share)
    flags, start = [], 0
    for one in found:
        flags.append(kept[start : start + one.p.size].reshape(one.p.shape) & one.alarm)
        start += one.p.size
    return flags


def _discovered(ps: Floats, share: float) -> Flags:
    """Those of `ps` that are told where at most `share` of what is told may be false (Benjamini & Hochberg 1995)."""
    ordered = np.sort(ps)
    found = np.flatnonzero(ordered * len(ps) / np.arange(1, len(ps) + 1) <= share)
    return np.asarray(ps <= (ordered[found[-1]] if len(found) else -1.0))


def last(found: Unusual, days: int) -> Unusual:
    """The last `days` of it."""
    return Unusual(*(getattr(found, name)[..., -days:] for name in ("expected", "spread", "z", "average", "p")))


@dataclass(frozen=True)
class _Usual:
    """What the days before say, shape (...): their mean, how days swing about it, the variance of the mean."""

    mean: Floats
    swing: Floats
    doubt: Floats


def _usual(values: Floats, noise: Floats, counted: Flags, swing: Floats) -> _Usual:
    """From the counted days of the last axis, whose values have this variance by chance; `swing` is the prior."""
    days = counted.sum(axis=-1)
    enough = days >= AT_LEAST
    values, noise = np.where(counted, values, 0), np.where(counted, noise, 1)
    mean, tau = _median(values, counted), swing**2
    weight = counted / (noise + tau[..., None])
    for _ in range(3):
        weight = counted / (noise + tau[..., None])
        off = np.abs(values - mean[..., None]) * np.sqrt(weight)
        weight = weight * np.minimum(1, HUBER / np.maximum(off, HUBER))
        mean = (weight * values).sum(axis=-1) / np.where(enough, weight.sum(axis=-1), 1)
        seen = _median((values - mean[..., None]) ** 2, counted) / 0.455 - _median(noise, counted)
        tau = (days * np.maximum(seen, 0) + SWING_DAYS * swing**2) / (days + SWING_DAYS)
    total = np.where(enough, weight.sum(axis=-1), np.nan)
    return _Usual(np.where(enough, mean, np.nan), np.sqrt(tau), 1 / total)


def _median(values: Floats, counted: Flags) -> Floats:
    """The median of the counted along the last axis, 0 where none is."""
    days = counted.sum(axis=-1, keepdims=True)
    ordered = np.sort(np.where(counted, values, np.inf), axis=-1)
    lower, upper = (np.take_along_axis(ordered, place, axis=-1) for place in ((days - 1) // 2, days // 2))
    return np.asarray(np.where(days > 0, (lower + upper) / 2, 0)[..., 0])


def _before(values: NDArray[Any], nothing: float) -> NDArray[Any]:
    """The values (..., D) of the `BASE` days before each, shape (..., D, BASE); `nothing` before the first of all."""
    begun = np.pad(values[..., :-1], [(0, 0)] * (values.ndim - 1) + [(BASE, 0)], constant_values=nothing)
    return sliding_window_view(begun, BASE, axis=-1)


def _around(values: Floats) -> Floats:
    """The sums (..., D) of each day and the `BASE` days before it."""
    return np.asarray(_before(values, 0).sum(axis=-1) + values)


def _counts(known: Flags, era: NDArray[np.int64]) -> Flags:
    """Which of the days before each were seen whole and are of its era."""
    return np.asarray(_before(known, False) & (_before(era, 0) == era[..., None]))


def _weekdays(values: Floats) -> Floats:
    """By how much each weekday differs, as known on each day: shape (..., D, 7), weekday k being days k, k + 7, ...

    A weekday's effect is the median over `WEEKS` weeks of its distance from the mean of the seven days around it;
    zeros where fewer than `WEEKS_KNOWN` weeks are known or chance alone makes as much of a pattern. What is taken
    out is shrunk by what chance adds to it (James & Stein 1961).
    """
    days = values.shape[-1]
    effects = np.zeros((*values.shape, 7))
    if days <= 7 * WEEKS_KNOWN:
        return effects
    off = np.full(values.shape, np.nan)
    off[..., 3:-3] = values[..., 3:-3] - sliding_window_view(values, 7, axis=-1).mean(axis=-1)
    for series in np.ndindex(values.shape[:-1]):
        effects[series] = _effects(off[series])
    return effects


def _effects(off: Floats) -> Floats:
    """The effects (D, 7) of one series (D) of distances from the mean around each day."""
    days, reach = len(off), 7 * WEEKS
    start = np.arange(days) - 3 - reach
    weeks = sliding_window_view(np.pad(off, (reach + 3, 0), constant_values=np.nan), reach)[:days]
    whole = np.arange(reach) >= -7 * (start[:, None] // 7)
    by_weekday = np.where(whole, weeks, np.nan).reshape(days, WEEKS, 7).swapaxes(-1, -2)
    place = (np.arange(7) - start[:, None]) % 7
    return np.asarray(np.take_along_axis(_pattern(by_weekday), place, axis=-1))


def _pattern(off: Floats) -> Floats:
    """The effects (..., 7) that distances of weekdays and weeks (..., 7, W) show, zeros where they show none."""
    seen = np.isfinite(off)
    effect = _median(off, seen)
    effect = effect - effect.mean(axis=-1, keepdims=True)
    every = (*effect.shape[:-1], -1)
    scatter = 1.4826 * _median(np.abs(off - effect[..., None]).reshape(every), seen.reshape(every))
    weeks = seen.sum(axis=-1).min(axis=-1)
    chance = np.pi / 2 * scatter**2 / np.maximum(weeks, 1)
    strength = (effect**2).sum(axis=-1) / np.maximum(chance, 1e-12)
    kept = np.where((weeks >= WEEKS_KNOWN) & (strength > PATTERN), 1 - 4 / np.maximum(strength, PATTERN), 0)
    return np.asarray(kept[..., None] * effect)


def _of_days_before(pattern: Floats) -> Floats:
    """The pattern (..., D, 7) of each day laid out over the days before it, shape (..., D, BASE)."""
    days = np.arange(pattern.shape[-2])[:, None] - BASE + np.arange(BASE)
    return np.asarray(np.take_along_axis(pattern, np.broadcast_to(days % 7, (*pattern.shape[:-1], BASE)), axis=-1))


def _of_own_day(pattern: Floats) -> Floats:
    """The pattern (..., D, 7) of each day on itself, shape (..., D)."""
    days = np.arange(pattern.shape[-2])
    return np.asarray(pattern[..., days, days % 7])


def _deviate(count: Floats, mean: Floats, wider: Floats) -> Floats:
    size = 1 / wider
    chance = size / (size + mean)
    combinations = gammaln(size + count) - gammaln(count + 1) - gammaln(size)
    half = np.exp(combinations - size * np.log1p(mean / size) + xlog1py(count, -chance)) / 2
    upper, lower = betaincc(size, count + 1, chance) + half, betainc(size, count, chance) + half
    smallest = np.finfo(np.float64).tiny
    rare = -ndtri(np.maximum(np.minimum(upper, lower), smallest))
    return np.asarray(np.where(upper < lower, rare, -rare))


def _judged(expected: Floats, spread: Floats, z: Floats, era: NDArray[np.int64]) -> Unusual:
    average = _moving_average(z, era)
    far = np.fmax(np.abs(z) / _width_before(z), np.abs(average) / _width_before(average))
    return Unusual(expected, spread, z, average, np.minimum(4 * stdtr(BASE + SWING_DAYS, -far), 1))


def _moving_average(z: Floats, era: NDArray[np.int64]) -> Floats:
    """In its own deviations; a day adds at most `ALARM`, so that one wild day does not mark the calm ones after it."""
    result = np.full(z.shape, np.nan)
    average, variance = np.zeros(z.shape[:-1]), np.zeros(z.shape[:-1])
    for day in range(z.shape[-1]):
        known = np.isfinite(z[..., day])
        same = era[..., day] == era[..., max(day - 1, 0)]
        today = np.where(known, np.clip(z[..., day], -ALARM, ALARM), 0)
        average = KEPT * average * same + (1 - KEPT) * today
        variance = KEPT**2 * variance * same + (1 - KEPT) ** 2 * known
        result[..., day] = np.where(known, average / np.sqrt(np.where(known, variance, 1)), np.nan)
    return result


def _width_before(deviations: Floats) -> Floats:
    """Standard deviation of the days before each, at least 1 (an empirical null, Efron 2004, JASA 99(465))."""
    known = np.isfinite(deviations)
    squares = np.where(known, np.minimum(np.nan_to_num(deviations) ** 2, ALARM**2), 0)
    before, days = squares.cumsum(axis=-1) - squares, known.cumsum(axis=-1) - known
    return np.asarray(np.sqrt(np.maximum((before + NULL_DAYS) / (days + NULL_DAYS), 1)))
