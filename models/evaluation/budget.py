"""What time buys in a cascade: a fast model scores every text, an accurate one again those it is least sure of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.metrics import by_group


def curve(
    rows: pd.DataFrame, fast: np.ndarray, accurate: np.ndarray, seconds: tuple[np.ndarray, np.ndarray], steps: int = 20
) -> pd.DataFrame:
    """Rescore ever larger shares of the rows, those with the lowest winning probability of ``fast`` first.

    Args:
        rows: ``dataset``, ``language``, ``kind`` and ``label`` of n texts.
        fast: probabilities of the fast model [n, 3].
        accurate: those of the accurate one.
        seconds: what each text costs, float64 [n], with the fast and with the accurate model.
        steps: into how many the way from none to all is cut.

    Returns:
        ``share`` rescored (0..1), ``macro_f1`` (mean over data sets, percent), ``docs_per_second``.
    """
    order = np.argsort(fast.max(axis=1), kind="stable")
    spent = np.concatenate([[0.0], np.cumsum(seconds[1][order])]) + seconds[0].sum()
    lines = []
    for share in np.linspace(0, 1, steps + 1):
        count = round(share * len(rows))
        mixed = fast.copy()
        mixed[order[:count]] = accurate[order[:count]]
        score = by_group(rows, mixed, resamples=1)["macro_f1"].iat[-1]
        lines.append({"share": share, "macro_f1": score, "docs_per_second": len(rows) / spent[count]})
    return pd.DataFrame(lines)


def seconds_of(chars: np.ndarray, docs_per_second: Mapping[int, float]) -> np.ndarray:
    """What texts of so many characters cost, float64 [n], from the rates measured at two lengths.

    In straight lines from nothing at no characters through both points and on.
    """
    (near, far), (cheap, dear) = docs_per_second.keys(), (1 / rate for rate in docs_per_second.values())
    beyond = dear + (dear - cheap) / (far - near) * (chars - far)
    return np.asarray(np.where(chars <= far, np.interp(chars, [0, near, far], [0, cheap, dear]), beyond), np.float64)
