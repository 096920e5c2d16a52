"""How far chance could have moved a mean polarity: one interval for a day, a feed, a brand or a whole period.

It is an interval of the model's mean: the texts that were seen are a sample, and that is all it knows. Errors of the
model, which no number of texts averages out, are no part of it.

Days are pooled by adding up the columns that `daily_polarity` keeps for this, so a period is judged by the same
formula as a day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z = 1.959964
"""Standard normal quantile of 97.5 %: the intervals cover 95 %."""

Floats = NDArray[np.float64]


def mean_interval(
    total: ArrayLike, total_squares: ArrayLike, texts: ArrayLike, lowest: float = -1.0
) -> tuple[Floats, Floats, Floats]:
    """The mean of a figure and the ends of its 95 % interval, each float64 in [lowest, 1], of the broadcast shape.

    The arguments are the columns `distinct_*_sum`, `distinct_*_sum_squares` and `distinct_texts` of `daily_polarity`,
    or sums of them; `lowest` is -1 for polarity, 0 for a share. A repeated text is no new evidence, and counts once.
    z^2 pseudo-observations, half at `lowest` and half at 1, are added before the usual interval is taken (Agresti &
    Coull 1998, "Approximate is better than 'exact' for interval estimation of binomial proportions", The American
    Statistician 52(2), carried over from a proportion to a bounded mean)::

        N = n + z^2    centre = (sum + z^2 (lowest + 1) / 2) / N
        variance = (squares + z^2 (lowest^2 + 1) / 2) / N - centre^2
        interval = centre -+ z sqrt(variance / N), clipped to [lowest, 1]

    The mean lies always inside the interval. All three are NaN where nothing was scored.
    """
    sums, squares, count = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (total, total_squares, texts))
    )
    known = count > 0
    n = np.where(known, count, 1.0)
    mean = np.clip(sums / n, lowest, 1)
    weight = n + Z**2
    centre = (n * mean + Z**2 * (lowest + 1) / 2) / weight
    mean_square = (np.clip(squares, 0, n) + Z**2 * (lowest**2 + 1) / 2) / weight
    half = Z * np.sqrt(np.maximum(mean_square - centre**2, 0) / weight)
    bounds = mean, np.clip(centre - half, lowest, 1), np.clip(centre + half, lowest, 1)
    mean, low, high = (np.where(known, values, np.nan) for values in bounds)
    return mean, low, high
