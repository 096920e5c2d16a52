"""What any model answers: texts in, the probability of each label out.

How a model is packaged, found and opened is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

LABELS = ("negative", "neutral", "positive")


class ArtifactError(RuntimeError):
    """A packaged model cannot be used: a file is missing, changed or unreadable."""


class UnknownModelError(LookupError):
    """No packaged model has that name."""


class Texts(NamedTuple):
    """Texts scored together, with their languages (pt, en, es, other) and kinds (post, review, news) where those are
    known; all of one length."""

    texts: Sequence[str]
    languages: Sequence[str] | None = None
    kinds: Sequence[str] | None = None

    def at(self, places: Sequence[int]) -> Texts:
        """Those at some places, in the order of ``places``."""
        texts = [self.texts[place] for place in places]
        return Texts(texts, _taken(self.languages, places), _taken(self.kinds, places))


class Scores(NamedTuple):
    """Of each of n texts: probabilities float32 [n, 3], the version of the model that gave them, and whether that
    model is unsure, bool [n]."""

    probabilities: np.ndarray
    sources: list[str]
    unsure: np.ndarray


Scorer = Callable[[Texts], Scores]


class SentimentModel(Protocol):
    """Anything that scores texts."""

    name: str
    version: str
    labels: tuple[str, str, str]

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        ``languages`` (pt, en, es, other) and ``kinds`` (post, review, news) are of the texts, where they are known.
        """
        ...


def _taken(values: Sequence[str] | None, places: Sequence[int]) -> list[str] | None:
    return None if values is None else [values[place] for place in places]
