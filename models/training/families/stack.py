"""Several packaged networks read side by side, and a stacker makes one answer of theirs.

Networks of other kinds err elsewhere, so that two of them know more than two of a kind do. Nothing is learnt here but
the stacker, from the calibration rows; its members are trained before, by their own configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from models.sentiment.artifact import folder_of
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.training.config import ConfigError
from models.training.data.balance import row_weights
from models.training.families.encoder import TrainedEncoder, open_trained
from models.training.job import Job
from models.training.networks.stacker import Stacker

_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class TrainedStack:
    """The members and what joins them."""

    members: Sequence[TrainedEncoder]
    stacker: Stacker
    format: str = "savedmodel"

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """Scores float32 [n, 3] of the heads of texts; the longest window is all that is read."""
        return self.stacker.join([member.logits(texts, languages) for member in self.members])

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the SavedModel."""
        from models.training.packaging.export import encoder_reader, save_stack

        readers = [encoder_reader(one.network, one.pretrained, one.config) for one in self.members]
        save_stack(readers, self.stacker, calibration, folder)


def train_stack(job: Job) -> TrainedStack:
    """Fit the stacker of the members on the calibration rows.

    Raises:
        ConfigError: a member is no encoder of either kind, or there are no calibration rows of all three labels.
    """
    rows = job.frame[(job.frame["part"] == "calibration") & job.frame["evaluate"]].reset_index(drop=True)
    if rows["label"].nunique() < len(LABELS):
        raise ConfigError(f"{job.config.name}: a stack is fitted on calibration rows of all labels, and some have none")
    members = [open_trained(folder_of(name)) for name in job.config.members]
    _CONSOLE.print(f"Asking {', '.join(job.config.members)} about {len(rows)} calibration rows")
    texts, languages = rows["text"].tolist(), rows["language"].tolist()
    weights = row_weights(rows, np.ones(len(rows)), job.config.balance.labels)
    said = [member.logits(texts, languages) for member in members]
    return TrainedStack(members, Stacker.fitted(said, rows["label"].to_numpy(np.int64), weights))
