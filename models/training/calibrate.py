"""Fit what turns scores into probabilities, on rows that no weight is learnt from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from models.sentiment.calibration import Calibration

_CANDIDATES = np.geomspace(0.25, 6.0, 501)
_PRIOR_ROWS = 400


def calibrate(
    logits: np.ndarray,
    labels: np.ndarray,
    languages: Sequence[str],
    kinds: Sequence[str],
    prior: Calibration | None = None,
) -> Calibration:
    """Find the temperatures that make the labels int64 [n] most likely under logits [n, 3].

    A language and kind with few rows keeps close to the shared temperature: its own counts for its rows, the shared
    one for 400. So does the shared one to that of ``prior``, what the model had before it learnt more; its temperatures
    of other languages and kinds stay. Without rows nothing is changed.
    """
    if not len(labels):
        return prior or Calibration.identity()
    shared = _temperature(logits, labels)
    if prior:
        shared = _shrunk(shared, prior.temperature, len(labels))
    places = defaultdict(list)
    for place, group in enumerate(zip(languages, kinds, strict=True)):
        places[" ".join(group)].append(place)
    groups = dict(prior.groups) if prior else {}
    for name, own in places.items():
        groups[name] = _shrunk(_temperature(logits[own], labels[own]), groups.get(name, shared), len(own))
    return Calibration(round(shared, 4), {name: round(groups[name], 4) for name in sorted(groups)})


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(_CANDIDATES[np.argmin([_surprise(logits / candidate, labels) for candidate in _CANDIDATES])])


def _shrunk(own: float, shared: float, rows: int) -> float:
    share = rows / (rows + _PRIOR_ROWS)
    return float(np.exp(share * np.log(own) + (1 - share) * np.log(shared)))


def _surprise(logits: np.ndarray, labels: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]))
