"""Packaged sentiment models: ``load().predict(texts)`` gives each text's three probabilities."""

from models.sentiment.artifact import available, version
from models.sentiment.contract import LABELS, ArtifactError, SentimentModel, UnknownModelError
from models.sentiment.loading import load
from models.sentiment.reasons import Mattered, words_that_mattered

__all__ = [
    "LABELS",
    "ArtifactError",
    "Mattered",
    "SentimentModel",
    "UnknownModelError",
    "available",
    "load",
    "version",
    "words_that_mattered",
]
