"""Rows of `daily_polarity` as arrays by group, segment (feed and language) and day, as statistics take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.settings import Window
from jobs.statistics.changes import Daily

SEGMENT = ["feed", "language"]


@dataclass(frozen=True)
class Cube:
    """Polarity of each text once: `texts`, `total` and `squares` are float64 [K groups, G segments, D days].

    `groups` and `segments` name the first two axes by their keys. A day without texts is 0 in all three.
    """

    groups: pd.Index
    segments: pd.MultiIndex
    days: tuple[date, ...]
    texts: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, rows: pd.DataFrame, groups: pd.Index, window: Window) -> Cube:
        """The cube of `rows` over the days of `window`, of the `groups` whose keys are the index's names."""
        days = tuple(map(date.fromisoformat, window.days))
        rows = rows[rows["day"].isin(days)]
        segments = pd.MultiIndex.from_frame(rows[SEGMENT].drop_duplicates().sort_values(SEGMENT))
        keys = [str(name) for name in groups.names]
        group = groups.get_indexer(_index(rows, keys))
        segment = segments.get_indexer(_index(rows, SEGMENT))
        day = pd.Index(days).get_indexer(pd.Index(rows["day"]))
        known = group >= 0
        place = (group[known], segment[known], day[known])
        arrays = []
        for column in ("distinct_texts", "distinct_polarity_sum", "distinct_polarity_sum_squares"):
            array = np.zeros((len(groups), len(segments), len(days)))
            np.add.at(array, place, rows[column].to_numpy(np.float64)[known])
            arrays.append(array)
        return cls(groups, segments, days, *arrays)

    def within(self, window: Window) -> Daily:
        """Its days in `window`, shape [K, G, D]."""
        chosen = [place for place, day in enumerate(self.days) if window.start <= day <= window.end]
        return Daily(*(array[..., chosen] for array in (self.texts, self.total, self.squares)))

    def summed(self) -> Daily:
        """All segments together, shape [K, D]."""
        return Daily(*(array.sum(axis=1) for array in (self.texts, self.total, self.squares)))


def _index(rows: pd.DataFrame, keys: Sequence[str]) -> pd.Index:
    return pd.Index(rows[keys[0]]) if len(keys) == 1 else pd.MultiIndex.from_frame(rows[list(keys)])
