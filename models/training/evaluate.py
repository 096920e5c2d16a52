"""Measures of probabilities against labels, and the baseline that a model has to beat."""

from __future__ import annotations

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
    """Expected calibration error of the winning class over equally wide bins: labels [n], probabilities [n, 3]."""
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


def by_group(table: pd.DataFrame) -> dict[str, float]:
    """Mean macro-F1 of the data sets of each group, and ``mean`` over all data sets."""
    groups = {str(name): float(part.mean()) for name, part in table.groupby("group")["macro_f1"]}
    return {**groups, "mean": float(table["macro_f1"].mean())}


def baseline_probabilities(train: pd.DataFrame, texts: pd.Series[str], max_features: int = 200_000) -> np.ndarray:
    """Train the baseline on ``train`` (text, label) and return its probabilities for ``texts``: float64 [n, 3]."""
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
