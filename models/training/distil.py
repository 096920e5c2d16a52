"""Learn from a better model: its probabilities stand beside people's labels, and give texts without labels some.

After Hinton et al., 2015, https://arxiv.org/abs/1503.02531. Scoring some hundred thousand texts with a slow teacher
takes hours, so its answers are kept piece by piece and a broken run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from models.sentiment.predict import LABELS, SentimentModel
from models.training.config import Distillation
from models.training.data import normalise

UNLABELLED = "unlabelled"
_PIECE = 2048
_CONSOLE = Console(stderr=True)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Labels int [n] as certain probabilities, float32 [n, 3]."""
    return np.asarray(np.eye(len(LABELS), dtype=np.float32)[labels])


def with_unlabelled(frame: pd.DataFrame, texts: Sequence[str], rate: float) -> pd.DataFrame:
    """Add texts without labels to the training rows; texts that any part of the frame holds already are left out.

    Their label is a placeholder until the teacher has spoken; ``rate`` is how often an epoch takes each of them.
    """
    known = {normalise(text) for text in frame["text"]}
    fresh = {key: text for text in texts if (key := normalise(text)) and key not in known}
    rows = {"dataset": UNLABELLED, "text": list(fresh.values()), "label": 1, "language": "", "kind": ""}
    more = pd.DataFrame(rows | {"weight": rate, "part": "train", "evaluate": False})
    return pd.concat([frame, more], ignore_index=True)


def soft_targets(frame: pd.DataFrame, teacher: SentimentModel, settings: Distillation, cache: Path) -> np.ndarray:
    """What to learn for each row: float32 [n, 3].

    Labelled rows mix the label, by ``settings.labels``, with what the teacher says; the others have the teacher alone.
    """
    said = teacher_says(frame["text"].tolist(), teacher, cache)
    share = np.where(frame["dataset"] == UNLABELLED, 0.0, settings.labels)[:, np.newaxis]
    return np.asarray(share * one_hot(frame["label"].to_numpy()) + (1 - share) * said, dtype=np.float32)


def teacher_says(texts: Sequence[str], teacher: SentimentModel, cache: Path) -> np.ndarray:
    """The teacher's probabilities of texts, float32 [n, 3]; pieces that lie in ``cache`` are not scored again."""
    cache.mkdir(parents=True, exist_ok=True)
    pieces = [texts[start : start + _PIECE] for start in range(0, len(texts), _PIECE)]
    said = [_piece(one, teacher, cache) for one in track(pieces, f"Asking {teacher.version}", console=_CONSOLE)]
    return np.concatenate([np.zeros((0, len(LABELS)), np.float32), *said])


def _piece(texts: Sequence[str], teacher: SentimentModel, cache: Path) -> np.ndarray:
    digest = hashlib.sha256("\0".join([teacher.version, *texts]).encode("utf-8", "surrogatepass")).hexdigest()
    path = cache / f"{digest[:32]}.npy"
    if not path.exists():
        aside = path.with_suffix(f".{os.getpid()}.npy")
        np.save(aside, teacher.predict(texts))
        aside.replace(path)
    said: np.ndarray = np.load(path)
    return said
