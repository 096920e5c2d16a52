"""Packaged sentiment models: ``load().predict(texts)`` gives each text's three probabilities."""

from models.sentiment.predict import (
    LABELS,
    ArtifactError,
    SentimentModel,
    UnknownModelError,
    available,
    load,
    version,
)

__all__ = ["LABELS", "ArtifactError", "SentimentModel", "UnknownModelError", "available", "load", "version"]
