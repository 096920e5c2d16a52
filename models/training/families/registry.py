"""Which function trains which family; each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from models.training.config import ConfigError, Family
from models.training.job import Job, Trained

_TRAINERS: dict[Family, str] = {
    "rules": "rules.train_rules",
    "tfidf": "classical.train_tfidf",
    "naive_bayes": "classical.train_naive_bayes",
    "bag": "bag.train_bag",
    "simple_rnn": "sequence.train_sequence",
    "lstm": "sequence.train_sequence",
    "gru": "sequence.train_sequence",
    "bilstm": "sequence.train_sequence",
    "cnn": "sequence.train_sequence",
    "transformer": "sequence.train_sequence",
    "encoder": "encoder.train_encoder",
    "universal": "encoder.train_universal",
    "stack": "stack.train_stack",
}
_RETRAINERS: dict[Family, str] = {
    "bag": "bag.retrain_bag",
    "encoder": "encoder.retrain_pretrained",
    "universal": "encoder.retrain_pretrained",
}


def trainer(family: Family) -> Callable[[Job], Trained]:
    """The function that trains a family."""
    train: Callable[[Job], Trained] = _imported(_TRAINERS[family])
    return train


def retrainer(family: Family) -> Callable[[Path, Job], Trained]:
    """The function that goes on from the artefact in a folder; ConfigError for a family that only starts anew."""
    if family not in _RETRAINERS:
        raise ConfigError(f"a model of the family {family} is trained anew, not further: give a folder as --data")
    retrain: Callable[[Path, Job], Trained] = _imported(_RETRAINERS[family])
    return retrain


def _imported(place: str) -> Any:
    module, function = place.split(".")
    return getattr(import_module(f"models.training.families.{module}"), function)
