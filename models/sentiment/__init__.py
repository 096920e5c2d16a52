"""Packaged sentiment models: ``load("bag").predict(texts)`` gives the probabilities of negative, neutral and positive."""

from models.sentiment.predict import (
    LABELS,
    ArtifactError,
    SentimentModel,
    UnknownModelError,
    available,
    load,
)

__all__ = ["LABELS", "ArtifactError", "SentimentModel", "UnknownModelError", "available", "load"]
