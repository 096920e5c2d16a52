"""From a model's scores to probabilities that mean what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_FILE = "calibration.json"
_NEUTRAL = 1
"""Its place in ``contract.LABELS``."""


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling (Guo et al., 2017, https://arxiv.org/abs/1706.04599).

    ``probabilities = softmax(logits / temperature)``. Where both the language and the kind of a text are
    known and ``groups`` has the pair (``"pt post"``), its temperature stands in for the shared one, and ``neutral`` is
    heeded.
    """

    temperature: float = 1.0
    groups: Mapping[str, float] = field(default_factory=dict)
    mixed: float = 1.0
    """The temperature of the mixture with what another model read before, where there is one: the mean of two readings
    that mean what they say is less sure than it may be (Ranjan and Gneiting, 2010,
    https://doi.org/10.1111/j.1467-9868.2009.00726.x).
    """

    mixed_last: float = 1.0
    """The same of the mixture with what a model reads after it."""

    neutral: Mapping[str, float] = field(default_factory=dict)
    """What is added to the logit of neutral, by kind (``post``): strangers feel nothing more often than the sources
    that were learnt from (after Saerens et al., 2002, https://doi.org/10.1162/089976602753284446).
    """

    def apply(
        self, logits: np.ndarray, languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Turn logits [n, 3] into probabilities, float32 [n, 3]; languages and kinds have n entries each."""
        scaled = logits.astype(np.float64) / self._temperatures(len(logits), languages, kinds)
        if languages is not None and kinds is not None:
            scaled[:, _NEUTRAL] += [self.neutral.get(kind, 0.0) for kind in kinds]
        return softmax(scaled)

    def _temperatures(self, count: int, languages: Sequence[str] | None, kinds: Sequence[str] | None) -> np.ndarray:
        if languages is None or kinds is None:
            return np.full((count, 1), self.temperature)
        pairs = zip(languages, kinds, strict=True)
        own = [self.groups.get(f"{language} {kind}", self.temperature) for language, kind in pairs]
        return np.array(own).reshape(-1, 1)

    def write(self, folder: Path) -> None:
        """Keep it in a file of its own, beside the model that has no other place for it."""
        (folder / _FILE).write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Calibration:
        """The inverse of ``write``."""
        return cls.from_dict(json.loads((folder / _FILE).read_text(encoding="utf-8")))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        told = {"temperature": self.temperature, "groups": dict(self.groups), "mixed": self.mixed}
        return told | {"mixed_last": self.mixed_last, "neutral": dict(self.neutral)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The inverse of ``as_dict``."""
        return cls(**values)

    @classmethod
    def identity(cls) -> Calibration:
        """The one that changes nothing."""
        return cls()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities float32 [n, 3] whose logarithms are the logits [n, 3] but for a constant a row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
