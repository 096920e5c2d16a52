"""Two readings: a faster model reads every text, and the model itself reads again those that one is not sure of.

Whether a text is read again depends on that text alone, so that every text scores the same in any company; a budget
for many texts together is what ``cascade`` is for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.sentiment.predict import LABELS, SentimentModel, taken


class Staged:
    """A model and the faster one before it, as one; ``predict.open_artifact`` gives one."""

    labels = LABELS

    def __init__(self, first: SentimentModel, model: SentimentModel, sure_from: float, share: float) -> None:
        """Put ``first`` before ``model``.

        Args:
            first: reads every text; what it gives a label with a probability of ``sure_from`` or more stays.
            model: reads the others again; what it packaged is what the whole goes by.
            sure_from: 0 to 1.
            share: 0 to 1, what the first reading counts beside the second one.
        """
        self.first, self.model = first, model
        self.name, self.version = model.name, model.version
        self.unsure_below: float = getattr(model, "unsure_below", 0.0)
        self.rate_chars_per_second: float | None = getattr(model, "rate_chars_per_second", None)
        self._sure_from, self._share = sure_from, share

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        read = self.first.predict(texts, languages, kinds)
        again = np.flatnonzero(read.max(axis=1) < self._sure_from).tolist()
        if not again:
            return read
        given = [texts[place] for place in again]
        second = self.model.predict(given, taken(languages, again), taken(kinds, again))
        scored = read.copy()
        scored[again] = self._share * read[again] + (1 - self._share) * second
        return scored
