"""The kinds of models that can be trained, each with one function from a configuration and rows to a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from models.training.config import Config


@dataclass(frozen=True)
class Job:
    """What a family gets: its configuration, the labelled rows and where it may keep checkpoints and logs.

    ``frame`` is what ``models.training.data.load`` gives: ``text``, ``label`` (index into LABELS), ``language``,
    ``kind``, ``dataset``, ``weight`` and ``part`` (train, calibration or held_out). A family learns from the rows of
    part ``train`` alone; it may watch the calibration rows to stop early. ``unlabelled`` are texts of the kind that
    will be scored, for vocabularies and distillation.
    """

    config: Config
    frame: pd.DataFrame
    cache: Path
    unlabelled: Sequence[str] = ()


class Trained(Protocol):
    """A trained model before it is calibrated and packaged."""

    @property
    def format(self) -> str:
        """How its files are read again: ``savedmodel``, ``estimator`` or ``rules``."""
        ...

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Uncalibrated scores, float32 [n, 3]; their softmax gives probabilities."""
        ...

    def save(self, folder: Path, calibration: Any) -> None:
        """Write the model's files, with its calibration, to an existing folder."""
        ...
