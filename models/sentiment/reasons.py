"""Words that mattered: how far a model's answer about a text would lie elsewhere without each of its words.

Occlusion: a text is read once as it is and once without each word (Li et al., 2016, https://arxiv.org/abs/1612.08220).
Evidence is the difference of log-odds (Robnik-Šikonja & Kononenko, 2008, https://doi.org/10.1109/TKDE.2007.190734).
It needs nothing of a model but its answers, so it holds for any model and for what is before and after it. It tells
what the model went by, not why the author wrote so. Which words to show, and how, is for those who show them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from models.sentiment.contract import SentimentModel, Texts

MOST_READINGS = 64
"""A text is read without this many parts at most."""

_WORD = re.compile(r"\S+")


class Mattered(NamedTuple):
    """Characters ``begin`` to ``end`` of a text, and how far the answer lies from the one without them."""

    begin: int
    end: int
    moved: float
    """Of polarity, -2 to 2: next to nothing where other words say the same."""
    evidence: float
    """Of log(P(positive) / P(negative)), which tells that a word matters where the model is sure without it, too."""


def words_that_mattered(
    model: SentimentModel,
    texts: Sequence[str],
    languages: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    most: int = MOST_READINGS,
) -> list[list[Mattered]]:
    """What each word of each text did to what the model says of it, in the order of the words.

    The model is asked once, about all texts together. Words are what stands between spaces; of a text of more than
    ``most`` words neighbours are left out together. Without its only word a text is empty, and what the model says of
    nothing is what it is compared with. Raises what ``predict`` of the model raises.

    Args:
        model: any that predicts.
        texts: strings of any kind; one without words has an empty list.
        languages: of the texts, as ``SentimentModel.predict`` takes them.
        kinds: likewise.
        most: parts of a text, at least 1.
    """
    parts = [list(_parts(text, most)) for text in texts]
    asked = [[text, *_without(text, spans)] for text, spans in zip(texts, parts, strict=True)]
    owners = [place for place, variants in enumerate(asked) for _ in variants]
    given = Texts(texts, languages, kinds).at(owners)._replace(texts=list(chain.from_iterable(asked)))
    answers = iter(_told(model.predict(*given)))
    told = []
    for spans in parts:
        whole = next(answers)
        told.append([Mattered(*span, *(whole - next(answers)).tolist()) for span in spans])
    return told


def _told(probabilities: np.ndarray) -> np.ndarray:
    """Polarity and log-odds of each of n answers: float64 [n, 2]."""
    wide = np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny)
    negative, _, positive = wide.T
    return np.stack([positive - negative, np.log(positive / negative)], axis=1)


def _parts(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Where the words of a text begin and end; where there are more than ``most``, those of runs of words."""
    words = [word.span() for word in _WORD.finditer(text)]
    together = -(-len(words) // most)
    for first in range(0, len(words), max(together, 1)):
        run = words[first : first + together]
        yield run[0][0], run[-1][1]


def _without(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[str]:
    for begin, end in spans:
        yield text[:begin] + text[end:].lstrip()
