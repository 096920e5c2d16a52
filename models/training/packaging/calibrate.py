"""Fit what turns scores into probabilities, on rows that no weight is learnt from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

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

    A language and kind with few rows keeps close to the shared temperature: see ``temperature``. So does the
    shared one to that of ``prior``, what the model had before it learnt more; its temperatures of other languages and
    kinds stay. Without rows nothing is changed.
    """
    if not len(labels):
        return prior or Calibration.identity()
    shared = temperature(logits, labels, prior.temperature if prior else None)
    places = defaultdict(list)
    for place, group in enumerate(zip(languages, kinds, strict=True)):
        places[" ".join(group)].append(place)
    groups = dict(prior.groups) if prior else {}
    for name, own in places.items():
        groups[name] = temperature(logits[own], labels[own], groups.get(name, shared))
    ordered = {name: groups[name] for name in sorted(groups)}
    return replace(prior or Calibration(), temperature=shared, groups=ordered)


def temperature(logits: np.ndarray, labels: np.ndarray, prior: float | None = None) -> float:
    """Find the temperature, above 0, that makes labels int64 [n] most likely under logits [n, 3]; see ``Calibration``.

    With few rows it keeps close to ``prior``, which counts as 400 of them; without rows and prior it is 1.
    """
    if not len(labels):
        return prior or 1.0
    own = float(_CANDIDATES[np.argmin([_surprise(logits / candidate, labels) for candidate in _CANDIDATES])])
    share = len(labels) / (len(labels) + _PRIOR_ROWS)
    return round(float(np.exp(share * np.log(own) + (1 - share) * np.log(prior or own))), 4)


def _surprise(logits: np.ndarray, labels: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]))
