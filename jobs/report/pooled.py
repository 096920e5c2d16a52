"""Rows of `daily_polarity` added up to groups: counts, the mean of each figure, and the model's width of each.

The model's width is for comparing: where the mean of this model on more posts like these would lie. How far the model
lies from what people would say is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from jobs.interval import mean_interval

COUNTS = ["posts", "distinct_texts", "scored", "unscored", "negative", "neutral", "positive", "unsure"]
MEASURES = {"mean": "polarity", "negative_share": "negative", "neutral_share": "neutral", "positive_share": "positive"}
"""The four figures of a group, each the mean over texts (each once a day) of what the model says of one."""
LOWEST = {"mean": -1.0}
"""Where a figure begins, if not at 0."""
SUMS = [f"distinct_{measure}_{power}" for measure in MEASURES.values() for power in ("sum", "sum_squares")]
"""Sum and sum of squares of each figure, in the order of MEASURES."""
STORED = [*COUNTS, *SUMS, "polarity_sum"]
"""The columns of `daily_polarity` that are added up."""


def pool(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`rows` (with `keys` and STORED) added up by `keys`.

    Beside the sums there are the four figures, each as NAME, NAME_model_low and NAME_model_high, `mean_all`, the
    polarity of all posts with repeated ones counted as often as they came, and `unsure_share`. They are NaN where
    nothing was scored.
    """
    pooled = rows.groupby(list(keys), sort=True)[STORED].sum()
    for name, measure in MEASURES.items():
        total, squares = pooled[f"distinct_{measure}_sum"], pooled[f"distinct_{measure}_sum_squares"]
        bounds = mean_interval(total, squares, pooled["distinct_texts"], LOWEST.get(name, 0.0))
        for column, values in zip((name, f"{name}_model_low", f"{name}_model_high"), bounds, strict=True):
            pooled[column] = values
    scored = pooled["scored"].where(pooled["scored"] > 0)
    pooled["mean_all"] = pooled["polarity_sum"] / scored
    pooled["unsure_share"] = pooled["unsure"] / scored
    return pooled
