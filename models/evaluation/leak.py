"""Check that no text a model is measured on was among those it learned from, whatever the split says of itself.

The split estimates overlaps from min-hash signatures; here they are computed exactly, from the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.training.data.duplicates import normalise

SIMILAR = 0.6
"""Share of three-word runs in common (Jaccard, Broder, 1997) from which two texts count as near duplicates."""

VERY_SIMILAR = 0.8

_WORDS = 3
_BLOCK = 256


class LeakError(RuntimeError):
    """Held-out texts are among the training texts; a score on them means nothing."""


@dataclass(frozen=True)
class Leaks:
    """How many held-out rows have a like among the rows that models learn or are calibrated from."""

    held_out: int
    others: int
    exact: int
    """The same words in the same order."""

    very_similar: int
    """Not the same, but with ``VERY_SIMILAR`` of the three-word runs in common."""

    similar: int
    """Less than that, with ``SIMILAR`` of the runs in common; the split's estimate misses some near that bound."""

    by_dataset: Mapping[str, int]
    """The latter two by data set, most first."""


def check(frame: pd.DataFrame) -> Leaks:
    """Compare the rows of part ``held_out`` with all others of ``frame`` (``text``, ``part``, ``dataset``).

    Raises:
        LeakError: held-out rows have an exact like; the message counts them by data set.
    """
    held_out = frame[(frame["part"] == "held_out").to_numpy()]
    keys = [normalise(text) for text in held_out["text"]]
    others = [normalise(text) for text in frame.loc[frame["part"] != "held_out", "text"]]
    known = set(others)
    exact = np.array([key in known for key in keys], dtype=bool)
    if exact.any():
        counts = held_out["dataset"][exact].value_counts().sort_index()
        told = ", ".join(f"{name} ({count})" for name, count in counts.items())
        raise LeakError(f"{exact.sum()} held-out rows are also training rows: {told}; split the data anew")
    nearest = nearest_overlap(keys, others)
    near, very = int((nearest >= SIMILAR).sum()), int((nearest >= VERY_SIMILAR).sum())
    by_dataset = dict(Counter(held_out["dataset"][nearest >= SIMILAR]).most_common())
    return Leaks(len(keys), len(others), 0, very, near - very, by_dataset)


def nearest_overlap(keys: list[str], others: list[str]) -> np.ndarray:
    """Largest Jaccard overlap of the three-word runs of each key with those of any other text: float64 [n].

    A text of fewer words is one run.
    """
    if not keys or not others:
        return np.zeros(len(keys))
    known: dict[str, int] = {}
    ours, theirs = _runs(keys, known), _runs(others, known)
    left, right = _matrix(ours, len(known)), _matrix(theirs, len(known))
    left_sizes, right_sizes = np.diff(left.indptr), np.diff(right.indptr)
    by_run = right.T.tocsr()
    nearest = np.zeros(len(keys))
    for start in range(0, len(keys), _BLOCK):
        shared = (left[start : start + _BLOCK] @ by_run).tocoo()
        union = left_sizes[start + shared.row] + right_sizes[shared.col] - shared.data
        np.maximum.at(nearest, start + shared.row, shared.data / union)
    return nearest


def _runs(keys: list[str], known: dict[str, int]) -> list[set[int]]:
    """Numbers of the word runs of each text; new runs are entered in ``known``."""
    found = []
    for key in keys:
        words = key.split()
        runs = (" ".join(words[place : place + _WORDS]) for place in range(max(1, len(words) - _WORDS + 1)))
        found.append({known.setdefault(run, len(known)) for run in runs})
    return found


def _matrix(runs: list[set[int]], width: int) -> Any:
    """Texts by runs, one where the text has the run, as a sparse matrix."""
    from scipy.sparse import csr_matrix

    starts = np.cumsum([0, *(len(one) for one in runs)])
    columns = np.fromiter((run for one in runs for run in one), np.int64, starts[-1])
    return csr_matrix((np.ones(len(columns), np.int32), columns, starts), shape=(len(runs), width))
