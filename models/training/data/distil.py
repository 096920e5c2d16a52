"""Learn from a better model: its probabilities stand beside people's labels, and give texts without labels some.

After Hinton et al., 2015, https://arxiv.org/abs/1503.02531. Scoring some hundred thousand texts with a slow teacher
takes hours, so its answers are kept piece by piece and a broken run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from models.files import whole
from models.sentiment.contract import LABELS, SentimentModel
from models.sentiment.staged import Sure
from models.sentiment.windows import windows
from models.training.config import Distillation
from models.training.data.duplicates import normalise, stable_fraction
from models.training.data.rows import targets_of

UNLABELLED = "unlabelled"
_BUCKETS = 128
_CONSOLE = Console(stderr=True)


class Teachers:
    """Several models as one: the mean of what they say."""

    labels = LABELS

    def __init__(self, models: Sequence[SentimentModel]) -> None:
        self.name = self.version = ", ".join(model.version for model in models)
        self._models = models

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        return np.asarray(np.mean([model.predict(texts, languages, kinds) for model in self._models], axis=0))


def distilled(
    frame: pd.DataFrame, texts: Sequence[str], teacher: SentimentModel, settings: Distillation, cache: Path
) -> pd.DataFrame:
    """Rows to learn from as the teacher sees them: training rows and texts without labels, their targets in the
    columns that ``rows.targets_of`` reads.

    Labelled rows mix the label, by ``settings.labels``, with what the teacher says; texts without labels have the
    teacher alone. Rows of more than ``settings.max_chars`` characters keep to their labels: a teacher that reads them
    whole is slow, and a student that reads their heads would learn what is not there.
    """
    whole = with_unlabelled(frame, texts, settings)
    asked = ((whole["part"] == "train") & (whole["text"].str.len() <= settings.max_chars)).to_numpy()
    targets = targets_of(whole)
    share = np.where(whole["dataset"] == UNLABELLED, 0.0, settings.labels)[asked, np.newaxis]
    said = teacher_says(whole.loc[asked, "text"].tolist(), teacher, cache)
    targets[asked] = share * targets[asked] + (1 - share) * said
    return whole.assign(**dict(zip(LABELS, targets.T, strict=True)))


def seldom_where_sure(frame: pd.DataFrame, first: SentimentModel, settings: Distillation) -> pd.DataFrame:
    """Take training rows that ``first`` is sure of less often: it will have answered them before the student reads.

    But for those with a word that may turn the others, which it overlooks and which are read again.
    """
    train = frame["part"] == "train"
    sure = np.zeros(len(frame), bool)
    texts = frame.loc[train, "text"].tolist()
    sure[train] = Sure(settings.sure_from, turned=np.inf).of(first.predict(texts), texts)
    return frame.assign(weight=np.where(sure, settings.sure_rate * frame["weight"], frame["weight"]))


def with_unlabelled(frame: pd.DataFrame, texts: Sequence[str], settings: Distillation) -> pd.DataFrame:
    """Add texts without labels to the training rows, of a long one its first sentences.

    Texts that any part of the frame holds already, and texts that begin as one of its long texts does, are left out.
    Their label is a placeholder until the teacher has spoken.
    """
    head = partial(_head, settings.max_chars)
    known = {normalise(part) for text in frame["text"] for part in (text, head(text))}
    unknown = [head(text) for text in texts if normalise(text) not in known]
    fresh = {key: text for text in unknown if (key := normalise(text)) and key not in known}
    rows = {"dataset": UNLABELLED, "text": list(fresh.values()), "label": 1, "language": "", "kind": ""}
    more = pd.DataFrame(rows | {"weight": settings.unlabelled, "part": "train", "evaluate": False})
    return pd.concat([frame, more], ignore_index=True)


def _head(max_chars: int, text: str) -> str:
    return next(windows(text, max_chars))


def teacher_says(texts: Sequence[str], teacher: SentimentModel, cache: Path) -> np.ndarray:
    """The teacher's probabilities of texts, float32 [n, 3]; pieces that lie in ``cache`` are not scored again.

    ``cache`` is of this teacher alone.
    """
    cache.mkdir(parents=True, exist_ok=True)
    said = np.zeros((len(texts), len(LABELS)), np.float32)
    for places in track(_buckets(texts), f"Asking {teacher.version}", console=_CONSOLE):
        said[places] = _piece([texts[place] for place in places], teacher, cache)
    return said


def _buckets(texts: Sequence[str]) -> list[list[int]]:
    """Places of texts by hash: another text more changes one bucket and leaves the answers to all others."""
    buckets: dict[int, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        buckets[int(_BUCKETS * stable_fraction(text))].append(place)
    return [buckets[number] for number in sorted(buckets)]


def _piece(texts: Sequence[str], teacher: SentimentModel, cache: Path) -> np.ndarray:
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    path = cache / f"{digest[:32]}.npy"
    if not path.exists():
        with whole(path) as aside, aside.open("wb") as sink:
            np.save(sink, teacher.predict(texts))
    said: np.ndarray = np.load(path)
    return said
