"""Measure every contestant on the same held-out rows, tests of behaviour and swaps, in one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from models import metrics
from models.evaluation import behaviour, budget, fairness, speed
from models.evaluation.contestants import Contestant
from models.evaluation.leak import Leaks
from models.evaluation.scores import KeptScores
from models.training.data.rows import development_rows

FAST, ACCURATE = "fast", "accurate"
"""The names of the two models whose cascade is drawn when both take part."""


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    cache: Path
    """Existing folder of earlier scores."""

    sample: int | None = None
    """At most so many held-out rows of each data set; None for all."""

    speed_seconds: float = speed.SECONDS
    """Processor time for each reading of a speed."""


@dataclass(frozen=True)
class Entry:
    """All that was found of one contestant; the frames are those of the functions of the same names."""

    contestant: Contestant
    datasets: pd.DataFrame
    groups: pd.DataFrame
    unseen: pd.DataFrame | None
    """The data sets that no model learnt from, then the line ``mean`` over them; None where there are none."""

    speed: speed.Speed
    behaviour: pd.DataFrame
    fairness: pd.DataFrame
    reliability: pd.DataFrame
    certainty: dict[str, float] | None
    """None for a model that is never unsure."""

    strange_sets: tuple[str, ...]
    """Data sets of which it was trained on another number of rows than this split has; its scores may flatter it."""

    @property
    def mean(self) -> pd.Series:
        """The line over all data sets."""
        return self.groups.iloc[-1]


@dataclass(frozen=True)
class Leaderboard:
    """The entries, best mean macro-F1 first, and what they were measured on."""

    entries: tuple[Entry, ...]
    datasets: int
    rows: int
    leaks: Leaks
    sample: int | None
    """At most so many held-out rows of each data set; None for all."""

    cascade: pd.DataFrame | None
    """What ``budget.curve`` gives for the fast and the accurate model, where both take part."""


def evaluate(
    contestants: Sequence[Contestant], frame: pd.DataFrame, unseen: pd.DataFrame, leaks: Leaks, plan: Plan
) -> Leaderboard:
    """Measure the contestants on the held-out rows of ``frame`` and, apart, on the rows ``unseen``: what ``load_rows``
    and ``load_unseen`` of ``models.training.data.rows`` give.

    Scores are taken from the cache where it has them; speed is measured anew.

    Raises:
        SpeedError: a contestant could not be timed.
    """
    rows = development_rows(frame, plan.sample)
    trained = Counter(frame.loc[frame["part"] == "train", "dataset"])
    entries = [measure(contestant, rows, unseen, plan, trained) for contestant in contestants]
    entries.sort(key=lambda entry: -float(entry.mean["macro_f1"]))
    drawn = _cascade(entries, rows, plan.cache)
    return Leaderboard(tuple(entries), rows["dataset"].nunique(), len(rows), leaks, plan.sample, drawn)


def measure(
    contestant: Contestant, rows: pd.DataFrame, unseen: pd.DataFrame, plan: Plan, trained: Mapping[str, int]
) -> Entry:
    """Measure one contestant; ``trained`` counts the training rows of each data set in the split of ``rows``."""
    kept = KeptScores(contestant, plan.cache)
    labels, scores = rows["label"].to_numpy(np.int64), _scores(kept, rows)
    unsure_below = contestant.unsure_below
    return Entry(
        contestant=contestant,
        datasets=metrics.by_dataset(rows, scores),
        groups=metrics.by_group(rows, scores),
        unseen=None if unseen.empty else _of_unseen(unseen, _scores(kept, unseen)),
        speed=speed.measure(contestant.spec, rows, plan.speed_seconds),
        behaviour=behaviour.run(behaviour.read_cases(), kept.predict),
        fairness=fairness.run(fairness.read_swaps(), kept.predict),
        reliability=metrics.reliability(labels, scores),
        certainty=metrics.certainty(labels, scores, unsure_below) if unsure_below else None,
        strange_sets=contestant.strange_sets(trained),
    )


def _of_unseen(rows: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    """As ``metrics.by_dataset``, and the mean over the data sets."""
    mean = metrics.by_group(rows, scores).tail(1).assign(dataset="mean")
    return pd.concat([metrics.by_dataset(rows, scores), mean], ignore_index=True)


def _scores(kept: KeptScores, rows: pd.DataFrame) -> np.ndarray:
    return kept.predict(rows["text"].tolist(), rows["language"].tolist(), rows["kind"].tolist())


def _cascade(entries: Sequence[Entry], rows: pd.DataFrame, cache: Path) -> pd.DataFrame | None:
    found = {entry.contestant.name: entry for entry in entries if not entry.contestant.baseline}
    if not {FAST, ACCURATE} <= set(found):
        return None
    pair = [found[FAST], found[ACCURATE]]
    fast, accurate = (_scores(KeptScores(entry.contestant, cache), rows) for entry in pair)
    chars = rows["text"].str.len().to_numpy()
    cheap, dear = (budget.seconds_of(chars, entry.speed.docs_per_second) for entry in pair)
    return budget.curve(rows, fast, accurate, (cheap, dear))
