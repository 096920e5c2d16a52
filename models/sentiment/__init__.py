"""Packaged sentiment models: ``load().predict(texts)`` gives each text's three probabilities."""

from models.sentiment.artifact import available, version
from models.sentiment.contract import LABELS, ArtifactError, SentimentModel, UnknownModelError
from models.sentiment.loading import load

__all__ = ["LABELS", "ArtifactError", "SentimentModel", "UnknownModelError", "available", "load", "version"]
