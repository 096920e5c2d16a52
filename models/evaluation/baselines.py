"""What a model has to beat: two English lexicons, and TF-IDF with logistic regression on the same training rows.

The libraries of this module are needed to evaluate, not to predict, and are imported only when they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.sentiment.calibration import softmax
from models.sentiment.contract import LABELS

THRESHOLD = 0.05
"""From this polarity on a text is positive, and negative from the opposite.

VADER's own (Hutto & Gilbert, 2014, https://doi.org/10.1609/icwsm.v8i1.14550); TextBlob names none and gets the same.
"""

_SOFTNESS = 4.0
_TIE = 1e-4
_LONGEST = 2_000
_MAX_FEATURES = 200_000


class Vader:
    """The published program, with its English lexicon."""

    name = version = "VADER"
    labels = LABELS

    def predict(
        self,
        texts: Sequence[str],
        languages: Sequence[str] | None = None,  # noqa: ARG002
        kinds: Sequence[str] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Label each text by its compound score, as ``from_polarity`` does: float32 [n, 3]."""
        return from_polarity([self._analyser.polarity_scores(text)["compound"] for text in texts])

    @cached_property
    def _analyser(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()


class TextBlob:
    """TextBlob's default analyser: the English lexicon of the Pattern library, averaged over a text."""

    name = version = "TextBlob"
    labels = LABELS

    def predict(
        self,
        texts: Sequence[str],
        languages: Sequence[str] | None = None,  # noqa: ARG002
        kinds: Sequence[str] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Label each text by its polarity, as ``from_polarity`` does: float32 [n, 3]."""
        from textblob import TextBlob as Blob

        return from_polarity([Blob(text).sentiment.polarity for text in texts])


class TfIdf:
    """Words 1-2 and characters 3-5, weighted by TF-IDF, in a logistic regression."""

    name = version = "TF-IDF + logistic regression"
    labels = LABELS

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    @classmethod
    def train(cls, rows: pd.DataFrame) -> TfIdf:
        """Learn from the first 2,000 characters of ``text`` and from ``label`` (int64) of the rows."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        shared: dict[str, Any] = {"sublinear_tf": True, "strip_accents": "unicode", "max_features": _MAX_FEATURES}
        features = make_union(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", dtype=np.float32, **shared),
            TfidfVectorizer(ngram_range=(3, 5), analyzer="char_wb", dtype=np.float32, **shared),
        )
        pipeline = make_pipeline(features, LogisticRegression(C=2.0, max_iter=1000, class_weight="balanced"))
        return cls(pipeline.fit(rows["text"].str.slice(0, _LONGEST), rows["label"]))

    @classmethod
    def read(cls, path: Path) -> TfIdf:
        """Read what ``write`` wrote on this machine; never call it on a file from elsewhere, it may run any code."""
        import joblib

        return cls(joblib.load(path))

    def write(self, path: Path) -> None:
        """Keep the trained pipeline in a file."""
        import joblib

        joblib.dump(self._pipeline, path)

    def predict(
        self,
        texts: Sequence[str],
        languages: Sequence[str] | None = None,  # noqa: ARG002
        kinds: Sequence[str] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Return probabilities float32 [n, 3]; a label that no training row has gets none."""
        scored = np.zeros((len(texts), len(LABELS)), np.float32)
        scored[:, self._pipeline.classes_] = self._pipeline.predict_proba([text[:_LONGEST] for text in texts])
        return scored


def from_polarity(polarities: Sequence[float]) -> np.ndarray:
    """Turn polarities in -1..1 into float32 [n, 3] whose largest is the label that ``THRESHOLD`` gives.

    They grow with polarity and so order texts, but they are no probabilities.
    """
    polarity = np.array(polarities, np.float64)
    between = np.full(len(polarity), THRESHOLD - _TIE)
    return softmax(_SOFTNESS * np.stack([-polarity, between, polarity], axis=1))
