"""Classical machine learning: words, pairs and runs of characters, weighted by TF-IDF, read by a linear model.

Both models see the same features, those of Wang and Manning, 2012 (https://aclanthology.org/P12-2018/) and runs of
characters, which forgive typing errors. Nothing is drawn by lot: the seed changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from pydantic import BaseModel, ConfigDict, Field
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import Pipeline, make_union

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.estimator import PIPELINE, SETTINGS, chained, log_probabilities
from models.text.chain import Chain, Tokeniser
from models.training.config import network_of
from models.training.data.balance import rates_of, row_weights
from models.training.data.catalogue import DataError
from models.training.job import Job

_STEPS_OF_FIT = 300


class _Network(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    most_features: int = Field(default=200_000, ge=1)
    """Most words and pairs, and as many runs of characters; the commonest are kept."""
    tokeniser: Tokeniser = "tweet"
    stop_words: bool = False
    stem: bool = False


class Linear(_Network):
    """What a configuration of TF-IDF with logistic regression may set."""

    C: float = Field(default=2.0, gt=0)
    """The inverse of the strength of L2."""


class Bayes(_Network):
    """What a configuration of naive Bayes may set."""

    alpha: float = Field(default=0.1, gt=0)
    """What is added to the weight of each feature in each label, so that none is impossible."""


@dataclass(frozen=True)
class TrainedEstimator:
    """A fitted pipeline from tokens to labels, and how texts become tokens."""

    pipeline: Pipeline
    chain: Chain
    format: str = "estimator"

    def logits(self, texts: Sequence[str], languages: Sequence[str] | None) -> np.ndarray:
        """Logarithms of the probabilities, float32 [n, 3]."""
        return log_probabilities(self.pipeline, self.chain, texts, languages)

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the pipeline, the version of scikit-learn that can read it, and the calibration."""
        joblib.dump(self.pipeline, folder / PIPELINE, compress=3)
        settings = {"scikit_learn": sklearn.__version__, "chain": self.chain.model_dump()}
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        calibration.write(folder)


def train_tfidf(job: Job) -> TrainedEstimator:
    """Fit a logistic regression.

    Raises:
        ConfigError: a setting that the family does not know, or out of bounds.
        DataError: no training row has one of the labels.
    """
    network = network_of(job.config, Linear)
    return _trained(job, network, LogisticRegression(C=network.C, max_iter=_STEPS_OF_FIT))


def train_naive_bayes(job: Job) -> TrainedEstimator:
    """Fit a complement naive Bayes (Rennie et al., 2003); raises as ``train_tfidf`` does.

    It was chosen on 20,000 rows: multinomial naive Bayes scores the same with its best smoothing, and five points of
    macro-F1 less with that of 1.
    """
    network = network_of(job.config, Bayes)
    return _trained(job, network, ComplementNB(alpha=network.alpha))


def _trained(job: Job, network: _Network, classifier: Any) -> TrainedEstimator:
    config = job.config
    train = job.frame[job.frame["part"] == "train"]
    missing = [name for place, name in enumerate(LABELS) if place not in set(train["label"])]
    if missing:
        raise DataError(f"{config.name}: no training row is labelled {', '.join(missing)}; add rows that are")
    rates = rates_of(train, config)
    weights = rates * row_weights(train, rates, config.balance.labels)
    chain = Chain(
        clean=config.text.steps, tokeniser=network.tokeniser, stop_words=network.stop_words, stem=network.stem
    )
    tokens = chained(chain, train["text"].tolist(), train["language"].tolist())
    pipeline = Pipeline([("features", _features(network.most_features)), ("classifier", classifier)])
    pipeline.fit(tokens, train["label"], classifier__sample_weight=weights)
    return TrainedEstimator(pipeline, chain)


def _features(most: int) -> Any:
    shared: dict[str, Any] = {
        "sublinear_tf": True,
        "strip_accents": "unicode",
        "max_features": most,
        "dtype": np.float32,
    }
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", **shared),
        TfidfVectorizer(ngram_range=(3, 5), analyzer="char_wb", **shared),
    )
