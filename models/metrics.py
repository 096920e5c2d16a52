"""Measures of probabilities against labels, with bootstrap intervals; numpy alone, nothing of models or files.

Every measure of labels is computed from a confusion matrix, counts [..., is, called] over the three labels; leading
axes are for many matrices at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from models.sentiment.contract import LABELS

RESAMPLES = 2_000
BINS = 15

_LEVEL = (2.5, 97.5)
_SEED = 20260101


def confusion(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count label (rows) against prediction (columns): both int64 [n], indices into LABELS; gives int64 [3, 3]."""
    count = len(LABELS)
    return np.bincount(labels * count + predicted, minlength=count**2).reshape(count, count)


def f1_of(matrix: np.ndarray) -> np.ndarray:
    """Macro-F1 in percent of confusion matrices [..., 3, 3]: float64 [...].

    The mean over the labels that occur in the matrix, so a set without neutral texts is measured on the other two;
    calling one of its texts neutral still costs recall. NaN for a matrix without rows.
    """
    hits, is_label, called = _counts(matrix)
    return _mean_of_occurring(2 * hits, is_label + called, is_label)


def recall_of(matrix: np.ndarray) -> np.ndarray:
    """Macro-recall in percent of confusion matrices [..., 3, 3] over the labels that occur: float64 [...].

    The official measure of SemEval 2017 task 4A (Rosenthal et al., 2017, https://aclanthology.org/S17-2088).
    """
    hits, is_label, _ = _counts(matrix)
    return _mean_of_occurring(hits, is_label, is_label)


def accuracy_of(matrix: np.ndarray) -> np.ndarray:
    """Share of rows called what they are, in percent, of confusion matrices [..., 3, 3]: float64 [...]."""
    hits, is_label, _ = _counts(matrix)
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * hits.sum(axis=-1) / is_label.sum(axis=-1))


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """``f1_of`` labels against predictions, both int64 [n]."""
    return float(f1_of(confusion(labels, predicted)))


def macro_recall(labels: np.ndarray, predicted: np.ndarray) -> float:
    """``recall_of`` labels against predictions, both int64 [n]."""
    return float(recall_of(confusion(labels, predicted)))


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Compare what the winning label's probability says with how often it is right.

    Bins of equal width over [0, 1] (Guo et al., 2017, https://arxiv.org/abs/1706.04599); empty ones are left out.

    Args:
        labels: int64 [n].
        probabilities: [n, 3].
        bins: how many.

    Returns:
        ``confidence`` (mean probability), ``accuracy`` (share that is right), both in 0..1, and ``rows``.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = np.bincount(bin_of, minlength=bins)
    filled = rows > 0
    sums = (np.bincount(bin_of, values, minlength=bins)[filled] for values in (confidence, right))
    means = (one / rows[filled] for one in sums)
    return pd.DataFrame(dict(zip(("confidence", "accuracy"), means, strict=True)) | {"rows": rows[filled]})


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of the winning label, 0..1: labels int64 [n], probabilities [n, 3].

    The mean gap between probability and accuracy over the bins of ``reliability``, weighted by their rows (Naeini et
    al., 2015, https://doi.org/10.1609/aaai.v29i1.9602).
    """
    curve = reliability(labels, probabilities, bins)
    return float(np.average((curve["confidence"] - curve["accuracy"]).abs(), weights=curve["rows"]))


def certainty(labels: np.ndarray, probabilities: np.ndarray, unsure_below: float) -> dict[str, float]:
    """What reporting the less certain texts as unsure does: labels int64 [n], probabilities [n, 3].

    Returns:
        ``share`` of texts that are unsure, ``accuracy`` on those and ``accuracy_of_sure`` on the others, each 0..1;
        NaN where there are none.
    """
    right = probabilities.argmax(axis=1) == labels
    unsure = probabilities.max(axis=1) < unsure_below
    return {
        "share": float(unsure.mean()),
        "accuracy": float(right[unsure].mean()) if unsure.any() else float("nan"),
        "accuracy_of_sure": float(right[~unsure].mean()) if not unsure.all() else float("nan"),
    }


def by_dataset(rows: pd.DataFrame, probabilities: np.ndarray, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One line a data set, with 95 % bootstrap intervals.

    Args:
        rows: ``dataset``, ``language``, ``kind`` and ``label`` (int64) of n texts.
        probabilities: [n, 3], in the order of the rows.
        resamples: how many bootstrap samples.

    Returns:
        ``dataset``, ``group`` (language and kind), ``rows``, ``labels`` (how many of the three occur), then the columns
        of ``_measures`` and ``calibration_error``.
    """
    lines = []
    for name, labels, scores, group in _parts(rows, probabilities):
        matrix = confusion(labels, scores.argmax(axis=1))
        known: dict[str, Any] = {"dataset": name, "group": group, "rows": len(labels), "labels": len(np.unique(labels))}
        measures = _measures([matrix], [resample(matrix, name, resamples)])
        lines.append(known | measures | {"calibration_error": calibration_error(labels, scores)})
    return pd.DataFrame(lines)


def by_group(rows: pd.DataFrame, probabilities: np.ndarray, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One line a language and kind, then the line ``mean`` over all data sets; arguments as of ``by_dataset``.

    Scores are means over the data sets of the group, each set counting the same. A bootstrap sample of a group is one
    sample of each of its sets. The calibration error is of the group's rows together.

    Returns:
        ``group``, ``datasets``, ``rows``, then the columns of ``_measures`` and ``calibration_error``.
    """
    parts = list(_parts(rows, probabilities))
    groups = sorted({group for *_, group in parts})
    matrices = {name: confusion(labels, scores.argmax(axis=1)) for name, labels, scores, _ in parts}
    samples = {name: resample(matrix, name, resamples) for name, matrix in matrices.items()}
    lines = []
    for group in [*groups, "mean"]:
        own = [part for part in parts if group in (part[3], "mean")]
        names = [name for name, *_ in own]
        labels = np.concatenate([labels for _, labels, *_ in own])
        error = calibration_error(labels, np.concatenate([scores for _, _, scores, _ in own]))
        known: dict[str, Any] = {"group": group, "datasets": len(own), "rows": len(labels)}
        measures = _measures([matrices[name] for name in names], [samples[name] for name in names])
        lines.append(known | measures | {"calibration_error": error})
    return pd.DataFrame(lines)


def resample(matrix: np.ndarray, name: str, resamples: int = RESAMPLES) -> np.ndarray:
    """Draw the confusion matrices of bootstrap samples of a data set: int64 [resamples, 3, 3].

    Drawing rows with replacement and counting them is drawing from a multinomial over the cells of the matrix, so no
    row has to be drawn (Efron, 1979, https://doi.org/10.1214/aos/1176344552). The name of the set seeds the draw:
    models are compared on the same seeds, and a set's interval does not depend on which other sets there are.
    """
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
    drawn = np.random.default_rng([_SEED, seed]).multinomial(matrix.sum(), matrix.ravel() / matrix.sum(), resamples)
    return drawn.reshape(resamples, *matrix.shape)


def _measures(matrices: Iterable[np.ndarray], samples: Iterable[np.ndarray]) -> dict[str, float]:
    """Means over data sets in percent, with percentile intervals (Efron & Tibshirani, 1993, chapter 13).

    ``macro_f1``, ``low``, ``high``; ``macro_recall``, ``recall_low``, ``recall_high``; ``accuracy``, ``accuracy_low``,
    ``accuracy_high``.
    """
    one, many = np.stack(list(matrices)), np.stack(list(samples))
    found: dict[str, float] = {}
    for name, prefix, measure in (
        ("macro_f1", "", f1_of),
        ("macro_recall", "recall_", recall_of),
        ("accuracy", "accuracy_", accuracy_of),
    ):
        low, high = np.percentile(measure(many).mean(axis=0), _LEVEL)
        found |= {name: float(measure(one).mean()), f"{prefix}low": float(low), f"{prefix}high": float(high)}
    return found


def _parts(rows: pd.DataFrame, probabilities: np.ndarray) -> Iterable[tuple[str, np.ndarray, np.ndarray, str]]:
    """Name, labels, probabilities and group of each data set."""
    for name, part in rows.reset_index(drop=True).groupby("dataset", sort=True):
        group = f"{part['language'].iat[0]} {part['kind'].iat[0]}"
        yield str(name), part["label"].to_numpy(np.int64), np.asarray(probabilities)[part.index], group


def _counts(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per label: right, is, called; float64 [..., 3]."""
    counts = np.asarray(matrix, np.float64)
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)


def _mean_of_occurring(above: np.ndarray, below: np.ndarray, occurrences: np.ndarray) -> np.ndarray:
    """100 x mean of above / below over the labels with occurrences; all [..., 3]."""
    occurs = occurrences > 0
    shares = np.divide(above, below, out=np.zeros_like(above), where=occurs)
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * shares.sum(axis=-1) / occurs.sum(axis=-1))
