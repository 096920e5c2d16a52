"""Measures of probabilities against labels, and the baseline that a model has to beat."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

BASELINE = "TF-IDF (words 1-2, characters 3-5) + logistic regression"
_BASELINE_CHARS = 2_000


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the classes that occur in ``labels``, in percent; both arrays int64 [n]."""
    scores = []
    for label in np.unique(labels):
        hits = np.sum((predicted == label) & (labels == label))
        scores.append(2 * hits / (np.sum(predicted == label) + np.sum(labels == label)))
    return 100 * float(np.mean(scores))


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the winning class: labels int64 [n], probabilities [n, 3]."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(np.sum(correct[bin_of == one]) - np.sum(confidence[bin_of == one])) for one in range(bins)]
    return float(np.sum(gaps) / len(labels))


def by_dataset(rows: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """One line a data set: ``dataset``, ``group`` (language and kind), ``rows``, ``macro_f1``."""
    predicted = probabilities.argmax(axis=1)
    lines = []
    for name, part in rows.reset_index(drop=True).groupby("dataset", sort=True):
        score = macro_f1(part["label"].to_numpy(), predicted[part.index])
        group = f"{part['language'].iat[0]} {part['kind'].iat[0]}"
        lines.append({"dataset": name, "group": group, "rows": len(part), "macro_f1": score})
    return pd.DataFrame(lines)


def by_group(table: pd.DataFrame, column: str = "macro_f1") -> dict[str, float]:
    """Mean of a score column over the data sets of each group, and ``mean`` over all, to two decimals."""
    groups = {str(name): round(float(part.mean()), 2) for name, part in table.groupby("group")[column]}
    return {**groups, "mean": round(float(table[column].mean()), 2)}


def baseline_scores(frame: pd.DataFrame, cache: Path) -> dict[str, float]:
    """Macro-F1 of the baseline by data set, trained on the rows of part ``train``, measured on held-out ones.

    It takes longer than the model, so its scores are kept in ``cache`` and used again for the same rows.
    """
    rows = rows_digest(frame)
    if cache.exists():
        kept: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8"))
        if kept["rows"] == rows:
            return {str(name): float(score) for name, score in kept["macro_f1"].items()}
    held_out = frame[(frame["part"] == "held_out") & frame["evaluate"]]
    probabilities = baseline_probabilities(frame[frame["part"] == "train"], held_out["text"])
    table = by_dataset(held_out, probabilities)
    scores = dict(zip(table["dataset"], table["macro_f1"].astype(float), strict=True))
    cache.write_text(json.dumps({"rows": rows, "macro_f1": scores}, indent=1), encoding="utf-8")
    return scores


def rows_digest(frame: pd.DataFrame) -> str:
    """Fingerprint of rows, their labels and parts; it changes when any of them does."""
    hashes = pd.util.hash_pandas_object(frame[["dataset", "text", "label", "part"]], index=False)
    return hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest()


def baseline_probabilities(train: pd.DataFrame, texts: pd.Series[str], max_features: int = 200_000) -> np.ndarray:
    """Train the baseline on ``train`` (text, label) and score ``texts``: float64 [n, 3]."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    shared: dict[str, Any] = {"sublinear_tf": True, "strip_accents": "unicode", "max_features": max_features}
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", dtype=np.float32, **shared),
        TfidfVectorizer(ngram_range=(3, 5), analyzer="char_wb", dtype=np.float32, **shared),
    )
    model = make_pipeline(features, LogisticRegression(C=2.0, max_iter=150, class_weight="balanced"))
    model.fit(train["text"].str.slice(0, _BASELINE_CHARS), train["label"])
    probabilities = model.predict_proba(texts.str.slice(0, _BASELINE_CHARS))
    return np.asarray(probabilities, dtype=np.float64)
