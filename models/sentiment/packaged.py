"""What the models that lie in an artefact share: what its manifest says of them, and scoring by batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.sentiment.artifact import full_version, verify
from models.sentiment.contract import LABELS, Texts

_CHUNK_TEXTS = 4096


class Packaged(ABC):
    """A model read from an artefact's folder."""

    labels = LABELS

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` against its manifest.

        Raises:
            ArtifactError: a file is missing or differs from the manifest.
        """
        self.manifest = verify(folder)
        self.name: str = self.manifest["name"]
        self.version = full_version(self.manifest)
        self.unsure_below: float = self.manifest.get("unsure_below", 0.0)
        serving = self.manifest["serving"]
        self.rate_chars_per_second: float | None = serving["chars_per_second"]
        self._batch_chars: int = serving["batch_chars"]

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        Any string is accepted, also an empty one or one with lone surrogates. Texts of like length are scored
        together, so that little is padding; memory is bounded by a batch, whatever the number of the texts.
        """
        given = Texts(texts, languages, kinds)
        scored = np.zeros((len(texts), len(LABELS)), np.float32)
        for places in _alike(texts, self._batch_chars):
            scored[places] = self._score(given.at(places))
        return scored

    @abstractmethod
    def _score(self, given: Texts) -> np.ndarray:
        """As ``predict``, of texts that are read at once."""


def _alike(texts: Sequence[str], most_chars: int) -> Iterator[list[int]]:
    """Places of texts of like length, together of at most so many characters, padding included."""
    for start in range(0, len(texts), _CHUNK_TEXTS):
        places = sorted(range(start, min(start + _CHUNK_TEXTS, len(texts))), key=lambda place: len(texts[place]))
        alike: list[int] = []
        for place in places:
            if alike and (len(alike) + 1) * len(texts[place]) > most_chars:
                yield alike
                alike = []
            alike.append(place)
        if alike:
            yield alike
