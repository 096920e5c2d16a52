"""How far chance could have moved a mean polarity: one interval for a day, a feed, a brand or a whole period.

It is an interval of the model's mean: the texts that were seen are a sample, and that is all it knows. Errors of the
model, which no number of texts averages out, are no part of it.

Days are pooled by adding up the four columns that `daily_polarity` keeps for this, so a period is judged by the
same formula as a day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z = 1.959964
"""Standard normal quantile of 97.5 %: the intervals cover 95 %."""

Floats = NDArray[np.float64]


def mean_interval(
    polarity_sum: ArrayLike, polarity_sum_squares: ArrayLike, scored: ArrayLike, distinct_texts: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Mean polarity and the ends of its 95 % interval, each float64 in [-1, 1], of the broadcast shape.

    The arguments are the columns of `daily_polarity` of that name, or sums of them. A repeated text is no new
    evidence, so the weight is n = `distinct_texts`, while mean m and mean square q are over all `scored` posts.
    z^2 pseudo-observations, half at -1 and half at +1, are added before the usual interval is taken (Agresti & Coull
    1998, "Approximate is better than 'exact' for interval estimation of binomial proportions", The American
    Statistician 52(2), carried over from a proportion to a mean bounded in [-1, 1])::

        N = n + z^2    centre = n m / N    variance = (n q + z^2) / N - centre^2
        interval = centre -+ z sqrt(variance / N), clipped to [-1, 1]

    The mean lies always inside the interval. All three are NaN where nothing was scored.
    """
    total, squares, count, texts = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (polarity_sum, polarity_sum_squares, scored, distinct_texts))
    )
    known = (count > 0) & (texts > 0)
    divisor = np.where(known, count, 1.0)
    mean, mean_square = np.clip(total / divisor, -1, 1), np.clip(squares / divisor, 0, 1)
    n = np.where(known, texts, 0.0)
    weight = n + Z**2
    centre = n * mean / weight
    variance = (n * mean_square + Z**2) / weight - centre**2
    half = Z * np.sqrt(np.maximum(variance, 0) / weight)
    low, high = np.clip(centre - half, -1, 1), np.clip(centre + half, -1, 1)
    return np.where(known, mean, np.nan), np.where(known, low, np.nan), np.where(known, high, np.nan)


def difference_interval(
    mean: ArrayLike, low: ArrayLike, high: ArrayLike, mean_0: ArrayLike, low_0: ArrayLike, high_0: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """`mean - mean_0` and the ends of its 95 % interval, float64 in [-2, 2]; NaN where either mean is unknown.

    The two means come from different posts, so their intervals are combined by square-and-add (Newcombe 1998,
    "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, method 10;
    Zou & Donner 2008 give the same for means).
    """
    m, a, b, m_0, a_0, b_0 = np.broadcast_arrays(
        *(np.asarray(v, dtype=np.float64) for v in (mean, low, high, mean_0, low_0, high_0))
    )
    change = m - m_0
    return change, change - np.hypot(m - a, b_0 - m_0), change + np.hypot(b - m, m_0 - a_0)
