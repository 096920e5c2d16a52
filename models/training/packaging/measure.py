"""Measure a packaged model on the held-out rows: the figures that its manifest and its card carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from models.metrics import by_dataset, by_group, calibration_error, certainty, confusion, reliability
from models.training.packaging.package import UNSURE_BELOW

_SCORES = ["macro_f1", "low", "high", "macro_recall", "calibration_error"]


def measure(rows: pd.DataFrame, probabilities: np.ndarray) -> dict[str, Any]:
    """What a model that answered ``probabilities`` [n, 3] is worth on held-out rows.

    Returns:
        ``held_out_rows``; ``mean`` (``macro_f1`` over the data sets with its 95 % interval ``low`` to ``high``, and
        ``macro_recall``, in percent); ``groups`` and ``datasets``, the same for each, groups with a ``confusion``
        matrix (rows are what a text is, columns what it is called); ``calibration_error``, the ``reliability`` curve
        and what ``unsure`` does, 0 to 1.
    """
    labels = rows["label"].to_numpy(np.int64)
    groups = by_group(rows, probabilities).set_index("group")
    names = rows["language"] + " " + rows["kind"]
    called = probabilities.argmax(axis=1)
    matrices = {name: confusion(labels[names == name], called[names == name]).tolist() for name in sorted(set(names))}
    return {
        "held_out_rows": len(rows),
        "mean": _rounded(groups.loc["mean"], _SCORES),
        "calibration_error": round(calibration_error(labels, probabilities), 4),
        "groups": [
            {"group": name, "rows": int(groups.loc[name, "rows"])}
            | _rounded(groups.loc[name], _SCORES)
            | {"confusion": matrix}
            for name, matrix in matrices.items()
        ],
        "datasets": [
            {"dataset": one["dataset"], "group": one["group"], "rows": one["rows"]} | _rounded(one, _SCORES)
            for one in by_dataset(rows, probabilities).to_dict("records")
        ],
        "reliability": reliability(labels, probabilities).round(4).to_dict("records"),
        "unsure": {name: round(value, 4) for name, value in certainty(labels, probabilities, UNSURE_BELOW).items()},
    }


def _rounded(scores: Any, names: list[str]) -> dict[str, float]:
    return {name: round(float(scores[name]), 4 if name == "calibration_error" else 2) for name in names}
