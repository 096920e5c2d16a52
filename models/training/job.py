"""What a family of models is given to train one, and what it gives back."""

from __future__ import annotations

import hashlib
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

    ``frame`` is what ``data.rows.load_rows`` gives: ``text``, ``label`` (index into LABELS), ``language``, ``kind``,
    ``dataset``, ``weight`` and ``part`` (train, calibration or held_out); when a teacher was asked, also the columns
    that ``data.rows.targets_of`` reads. A family learns from the rows of part ``train`` alone; it may watch the
    calibration rows to stop early. ``unlabelled`` are texts of the kind that will be scored, for vocabularies.
    """

    config: Config
    frame: pd.DataFrame
    cache: Path
    unlabelled: Sequence[str] = ()

    @classmethod
    def kept_in(
        cls, cache: Path, config: Config, frame: pd.DataFrame, unlabelled: Sequence[str] = (), start: str = ""
    ) -> Job:
        """The job with a folder of its own under ``cache``, found again by the same training and by no other.

        ``start`` tells apart the weights that a training may begin with.
        """
        digest = hashlib.sha256((start + config.model_dump_json(exclude={"serving"})).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
        digest.update("\0".join(unlabelled).encode("utf-8", "surrogatepass"))
        folder = cache / f"{config.name}-{digest.hexdigest()[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        return cls(config, frame, folder, unlabelled)


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
