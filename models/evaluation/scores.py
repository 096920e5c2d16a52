"""A contestant's probabilities for any texts, computed once and kept for the runs to come."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from models.evaluation.contestants import Contestant, open_spec
from models.files import whole
from models.sentiment.contract import LABELS

_BLOCK = 512
_LOG_EVERY_SECONDS = 20
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class KeptScores:
    """Scores texts with one contestant, through a folder of earlier scores."""

    contestant: Contestant
    cache: Path

    def predict(self, texts: Sequence[str], languages: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
        """Probabilities float32 [n, 3] in the order of ``texts``; shows how far it is."""
        path = self.cache / f"{self.contestant.digest}-{_digest(texts, languages, kinds)}.npy"
        if path.exists():
            return np.asarray(np.load(path))
        scored = self._score(texts, languages, kinds)
        with whole(path) as aside, aside.open("wb") as sink:
            np.save(sink, scored)
        return scored

    def _score(self, texts: Sequence[str], languages: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
        model = open_spec(self.contestant.spec)
        by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        scored = np.zeros((len(texts), len(LABELS)), np.float32)
        for places in _shown(by_length, self.contestant.version):
            given = [[values[place] for place in places] for values in (texts, languages, kinds)]
            scored[places] = model.predict(*given)
        return scored


def _shown(places: Sequence[int], what: str) -> Iterator[Sequence[int]]:
    """Blocks of places, with a bar on a terminal and a line now and then elsewhere."""
    last = time.monotonic()
    with Progress(console=_CONSOLE, disable=not _CONSOLE.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=len(places))
        for start in range(0, len(places), _BLOCK):
            yield places[start : start + _BLOCK]
            done = min(start + _BLOCK, len(places))
            progress.update(task, completed=done)
            if not _CONSOLE.is_terminal and time.monotonic() - last > _LOG_EVERY_SECONDS:
                _CONSOLE.print(f"{what}: {done} of {len(places)} texts")
                last = time.monotonic()


def _digest(*columns: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for column in columns:
        for value in column:
            digest.update(value.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    return digest.hexdigest()[:16]
