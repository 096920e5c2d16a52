"""How often a training row is taken, and how much it counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.training.config import Config


def rates_of(frame: pd.DataFrame, config: Config) -> np.ndarray:
    """How often an epoch takes each row, float64 [n]: what the configuration says of its data set, or its weight."""
    return frame["dataset"].map(config.data.rates).fillna(frame["weight"]).to_numpy(np.float64)


def row_weights(frame: pd.DataFrame, rates: np.ndarray, balance: float) -> np.ndarray:
    """How much each row counts whenever it is taken: float64 [n]; the mean over all that is taken is 1.

    ``(rows / (labels * rows of its label)) ** balance`` within its data set, so that a rare label counts more.

    Args:
        frame: ``dataset`` and ``label`` of each row.
        rates: float [n], how often a row is taken; where rows are taken once, its product with the result weighs them.
        balance: 0, all rows count alike, to 1, each label of a data set counts alike.
    """
    of_set = frame.groupby("dataset")["label"]
    same = frame.groupby(["dataset", "label"])["label"].transform("size")
    rarity = (of_set.transform("size") / (of_set.transform("nunique") * same)).to_numpy(np.float64)
    weights = rarity**balance
    return np.asarray(weights / np.average(weights, weights=rates))
