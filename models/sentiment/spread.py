"""How far a model's mean probabilities lie from people's shares, from one source of texts to the next.

It ships with a model, in its manifest, and is what lets a feed that nobody labelled be told with an honest width. How
it is measured is known to ``models.training.packaging.spread``, what is claimed with it to ``jobs.statistics.people``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FIGURES = ("polarity", "negative", "neutral", "positive")
"""The figures that widths are of, in this order wherever four numbers stand in a row."""

_TO_FIGURES = np.array([[-1.0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])

ALL = "all"
"""The group of all languages and kinds."""

ALWAYS_DOUBTED = 0.05
"""Of every text, however sure a model is of it; a tenth of what it doubts where it knows least."""

_SHAPES = {"centre": (6,), "between": (6, 6), "within": (3, 2, 2)}


def figures_of(probabilities: ArrayLike) -> NDArray[np.float64]:
    """[..., 4] figures of probabilities, or of labels as 0 and 1, [..., 3]."""
    return np.asarray(np.asarray(probabilities, np.float64) @ _TO_FIGURES.T)


def doubt_of(means: ArrayLike, squares: ArrayLike) -> NDArray[np.float64]:
    """[...] how unsure a model is of texts, from the means of their figures and of the squares of these [..., 4].

    It is the variance of a label of polarity -1, 0 or 1 as the model's probabilities have it, 0 to 1.
    """
    mean, square = np.asarray(means, np.float64), np.asarray(squares, np.float64)
    return np.asarray(np.maximum(mean[..., 1] + mean[..., 3] - square[..., 0], 0))


@dataclass(frozen=True)
class Tau:
    """The standard deviation over sources of the model's mean less people's, with no error of sampling in it.

    It grows with the root of the doubt that the model has of the texts: where they leave it unsure, it goes by what is
    usual, and the mood may be another.
    """

    values: tuple[float, float, float, float]
    """One of each of FIGURES; polarity in -2..2, shares in 0..1."""

    sets: float
    """Data sets it was measured on: its degrees of freedom."""

    doubt: float
    """The mean doubt (`doubt_of`) of these, at which it is `values`."""

    def at(self, doubt: float) -> NDArray[np.float64]:
        """[4] that of a source of whose texts the model has this doubt."""
        wider = np.sqrt((doubt + ALWAYS_DOUBTED) / (self.doubt + ALWAYS_DOUBTED))
        return np.asarray(wider * np.asarray(self.values), np.float64)


@dataclass(frozen=True)
class Answers:
    """What the model answers to texts that people gave one label: its mean probabilities of negative and positive.

    By label in the order of the contract, negative before positive: the six numbers of a source.
    """

    centre: np.ndarray
    """float64 [6]: mean over sources."""

    between: np.ndarray
    """float64 [6, 6]: covariance from source to source, with no error of sampling in it."""

    within: np.ndarray
    """float64 [3, 2, 2]: covariance from text to text of one label in one source."""


@dataclass(frozen=True)
class Spread:
    """What a model brings along so that more than itself can be claimed."""

    known: Mapping[str, Tau]
    """Over sources that it learnt from, by language and kind (``pt post``) where there were enough, and ``all``."""

    new: Mapping[str, Tau]
    """The same over sources that it never saw."""

    answers: Answers
    """Over all of those sources."""

    def tau(self, language: str, kind: str, *, known: bool = False) -> Tau:
        """That of a language and kind, or of all where too few sources were there to tell.

        A feed is a source that the model never saw, unless it was trained on its labels (``known``).
        """
        of = self.known if known else self.new
        return of.get(f"{language} {kind}", of[ALL])

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        taus = {name: {group: asdict(tau) for group, tau in getattr(self, name).items()} for name in ("known", "new")}
        answers = {name: getattr(self.answers, name).tolist() for name in _SHAPES}
        return {**taus, "answers": answers}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Spread:
        """What ``as_dict`` gave. Raises KeyError, TypeError or ValueError when it is anything else."""
        answers = {name: np.asarray(stored["answers"][name], np.float64) for name in _SHAPES}
        if wrong := [name for name, shape in _SHAPES.items() if answers[name].shape != shape]:
            raise ValueError(f"answers: {', '.join(wrong)} has another shape than {[_SHAPES[name] for name in wrong]}")
        return cls(_taus(stored["known"]), _taus(stored["new"]), Answers(**answers))


def _taus(stored: Mapping[str, Any]) -> dict[str, Tau]:
    if ALL not in stored:
        raise ValueError(f"a spread without the group {ALL!r}")
    found = {}
    for group, one in stored.items():
        polarity, negative, neutral, positive = map(float, one["values"])
        found[group] = Tau((polarity, negative, neutral, positive), float(one["sets"]), float(one["doubt"]))
    return found
