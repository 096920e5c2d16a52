"""Two readings: a faster model reads every text, and a slower one reads again those that it is not sure of.

Either may be two readings itself, so that there are three.

Whether a text is read again depends on that text alone, so that every text scores the same in any company; a budget
for many texts together is what ``cascade`` is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.sentiment.calibration import softmax
from models.sentiment.contract import LABELS, SentimentModel, Texts
from models.text.words import may_turn

BRIEF = 60
"""Characters of a text in which one thing is said, most likely."""


def mixed(read: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Logarithms, float64 [n, 3], of two readings [n, 3] of the same texts, the first counting ``share``."""
    mixture = share * read.astype(np.float64) + (1 - share) * second
    return np.asarray(np.log(np.maximum(mixture, np.finfo(np.float64).tiny)))


@dataclass(frozen=True)
class Sure:
    """When a first reading is sure: its winning label has at least a probability (0 to 1)."""

    usually: float
    turned: float
    """The same of a text with a word that may turn what the others say, which a model of words and pairs overlooks."""
    brief: float | None = None
    """The same of such a text of at most ``BRIEF`` characters, where that word turns all that is said and another
    reading costs least; by default as ``turned``."""

    def of(self, read: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Whether the first reading of each text, float [n, 3], is sure: bool [n]."""
        best = read.max(axis=1)
        sure = np.asarray(best >= self.usually)
        brief = self.turned if self.brief is None else self.brief
        for place in np.flatnonzero(sure & (best < max(self.turned, brief))).tolist():
            enough = brief if len(texts[place]) <= BRIEF else self.turned
            sure[place] = best[place] >= enough or not may_turn(texts[place])
        return sure


class Staged:
    """A faster model and the slower one after it, as one; ``loading.open_artifact`` gives one."""

    labels = LABELS

    def __init__(
        self,
        first: SentimentModel,
        second: SentimentModel,
        sure: Sure,
        share: float,
        temperature: float = 1.0,
        known_as: SentimentModel | None = None,
    ) -> None:
        """Put ``first`` before ``second``.

        Args:
            first: reads every text; what it is sure of stays.
            second: reads the others again.
            sure: when ``first`` is sure.
            share: 0 to 1, what the first reading counts beside the second one.
            temperature: of the mixture of both; see ``Calibration.mixed``.
            known_as: whose name, version and packaged values the whole goes by; by default those of ``second``.
        """
        self.first, self.second = first, second
        own = known_as or second
        self.name, self.version = own.name, own.version
        self.unsure_below: float = getattr(own, "unsure_below", 0.0)
        self.rate_chars_per_second: float | None = getattr(own, "rate_chars_per_second", None)
        self._sure, self._share, self._temperature = sure, share, temperature

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        read = self.first.predict(texts, languages, kinds)
        again = np.flatnonzero(~self._sure.of(read, texts)).tolist()
        if not again:
            return read
        later = self.second.predict(*Texts(texts, languages, kinds).at(again))
        scored = read.copy()
        scored[again] = softmax(mixed(read[again], later, self._share) / self._temperature)
        return scored
