"""Two models for the price of little more than the fast one: ``fast`` reads every text, ``accurate`` reads again those
that ``fast`` is least sure of, as many as a budget allows.

The budget is minutes on the packaged scale: what ``accurate`` is counted on to read on one core, never what a clock
says, so the same texts get the same scores on every machine and in every run. Where a budget begins and ends (a day
of a feed, a file) is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from models.sentiment.contract import LABELS, ArtifactError, Scorer, Scores, SentimentModel, Texts

CASCADE = "cascade"
FAST, ACCURATE = "fast", "accurate"

# Reading a text of a few characters takes no less than reading one of so many.
_LEAST_CHARS = 20
# Of a certainty, that count.
_DIGITS = 5


class Cascade:
    """``fast`` and ``accurate`` as one model; ``predict`` spends its budget anew on the texts of each call."""

    name = CASCADE
    labels = LABELS

    def __init__(self, fast: SentimentModel, accurate: SentimentModel, budget_minutes: float) -> None:
        """Let ``accurate`` read for ``budget_minutes``, counted at its packaged characters per second.

        Raises:
            ArtifactError: ``accurate`` was packaged without a rate.
        """
        rate: float | None = getattr(accurate, "rate_chars_per_second", None)
        if not rate:
            raise ArtifactError(
                f"{accurate.version} was packaged without chars_per_second, so minutes are no measure of what it "
                "reads; add that to the section serving of its configuration and package it again"
            )
        self.fast, self.accurate = fast, accurate
        self.version = f"{fast.version}+{accurate.version}"
        self.budget_chars = int(budget_minutes * 60 * rate)

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        return self.predict_with_source(texts, languages, kinds)[0]

    def predict_with_source(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> tuple[np.ndarray, list[str]]:
        """The same, and the version of the model that each row [n] is from."""
        given = Texts(texts, languages, kinds)
        return self.begin([given])(given)

    def begin(self, batches: Iterable[Texts]) -> Callable[[Texts], tuple[np.ndarray, list[str]]]:
        """Let ``fast`` read all ``batches`` and choose what ``accurate`` reads, within one budget for them together.

        Returns:
            What gives probabilities and sources of each batch; it takes the same batches again, in their order. All
            that is kept between is some twenty bytes a text.

        Raises (what is returned):
            ValueError: the texts are more than they were.
        """
        read = [np.zeros((0, len(LABELS)), np.float32)]
        lengths = [np.zeros(0, np.int64)]
        for batch in batches:
            read.append(self.fast.predict(*batch))
            lengths.append(np.fromiter(map(len, batch.texts), np.int64))
        probabilities = np.concatenate(read)
        chosen = self._chosen(probabilities.max(axis=1), np.concatenate(lengths))
        done = 0

        def score(batch: Texts) -> tuple[np.ndarray, list[str]]:
            nonlocal done
            rows, done = slice(done, done + len(batch.texts)), done + len(batch.texts)
            if done > len(chosen):
                raise ValueError(f"there are more texts than the {len(chosen)} of the first reading")
            scored, again = probabilities[rows], np.flatnonzero(chosen[rows]).tolist()
            if again:
                scored[again] = self.accurate.predict(*batch.at(again))
            return scored, np.where(chosen[rows], self.accurate.version, self.fast.version).tolist()

        return score

    def _chosen(self, certainty: np.ndarray, chars: np.ndarray) -> np.ndarray:
        """Which texts ``accurate`` reads, bool [n]: from the least certain on (of equals the first) while they fit."""
        cost = np.maximum(chars, _LEAST_CHARS)
        # One text has another last digit in another place of a batch, on some processors.
        order = np.argsort(certainty.round(_DIGITS), kind="stable")
        order = order[cost[order] <= self.budget_chars]  # one endless text must not keep all others out
        chosen = np.zeros(len(cost), bool)
        chosen[order[np.cumsum(cost[order]) <= self.budget_chars]] = True
        return chosen


def scorer(model: SentimentModel, batches: Iterable[Texts], unsure_below: float | None = None) -> Scorer:
    """What scores ``batches`` one by one, when they are given to it in their order.

    Args:
        model: a cascade reads all ``batches`` beforehand, with one budget for them together; others leave them alone.
        unsure_below: a text whose best label has a smaller probability is unsure, and always one that is blank; by
            default the packaged value of the model that scored it, or 0.
    """
    members = (model.fast, model.accurate) if isinstance(model, Cascade) else (model,)
    packaged = {one.version: getattr(one, "unsure_below", 0.0) for one in members}
    limits = packaged if unsure_below is None else dict.fromkeys(packaged, unsure_below)
    read = model.begin(batches) if isinstance(model, Cascade) else partial(_alone, model)

    def score(batch: Texts) -> Scores:
        probabilities, sources = read(batch)
        blank = np.array([not text.strip() for text in batch.texts], bool)
        doubtful = probabilities.max(axis=1) < [limits[source] for source in sources]
        return Scores(probabilities, sources, blank | doubtful)

    return score


def _alone(model: SentimentModel, batch: Texts) -> tuple[np.ndarray, list[str]]:
    return model.predict(*batch), [model.version] * len(batch.texts)
