"""How far a model's means lie from people's over sources of texts: measured, and written into its artefact.

Every data set of three labels is a source. Half of what counts are its errors as it is, half those with its labels
mixed anew, as the labels of such sets are mixed: a feed is not what a data set was picked to be.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.files import write_whole
from models.sentiment.artifact import ARTIFACTS, MANIFEST, sha256
from models.sentiment.contract import LABELS
from models.sentiment.spread import ALL, Answers, Spread, Tau, doubt_of, figures_of
from models.training.packaging.card import CARD, card

FEWEST_SETS = 6
"""With fewer sets, a language and kind goes by the spread of all."""

FEWEST_OF_LABEL = 8
"""Rows of each label that a data set must have to be a source."""

NEW_TO_KNOWN = 1.13
"""How much farther off a model is at a source that it did not learn from, of whose texts it is as unsure: a small one
at 32 sources, each left out of its training in turn (``tests/benchmarks/people.py``; 1.10 to 1.16 for each figure)."""

NEW_TO_KNOWN_SETS = 20
"""As many sets of another model's own sources that counts for: less than 32, since it was another model."""

MOST_OF_A_SOURCE = 2_000
"""Rows of a data set: with more, its means are known well enough."""

Floats = NDArray[np.float64]
_LEAST_VARIANCE = 1e-5
_DIGITS = 5


class SpreadError(RuntimeError):
    """A spread cannot be measured on these rows, or not for this model."""


@dataclass(frozen=True)
class Source:
    """What a model answered to the texts of one data set, and what people said."""

    name: str
    group: str
    """Language and kind, as ``pt post``."""
    scores: Floats
    """[n, 3]."""
    labels: NDArray[np.int64]
    """[n]."""

    @property
    def shares(self) -> Floats:
        """[3] of the labels."""
        return np.asarray(np.bincount(self.labels, minlength=len(LABELS)) / len(self.labels), np.float64)

    def of(self, label: int) -> Floats:
        """[k, 3] scores of the texts with one label."""
        return np.asarray(self.scores[self.labels == label])


def sources(rows: pd.DataFrame, scores: np.ndarray) -> list[Source]:
    """The data sets of rows (``dataset``, ``label``, ``language``, ``kind``; scores [n, 3]) that are sources."""
    found = []
    for name, at in rows.groupby("dataset", sort=False).indices.items():
        labels = rows["label"].to_numpy(np.int64)[at]
        if np.bincount(labels, minlength=len(LABELS)).min() >= FEWEST_OF_LABEL:
            first = rows.iloc[at[0]]
            group = f"{first['language']} {first['kind']}"
            found.append(Source(str(name), group, np.asarray(scores, np.float64)[at], labels))
    return found


def measure(found: Collection[Source], learnt_from: Collection[str]) -> Spread:
    """The spread of a model over sources, of which it learnt from those whose names are in ``learnt_from``.

    The squares of the errors at sources it never saw are averaged with those that ``NEW_TO_KNOWN`` lets expect, each
    counting as many sets as it was measured on.

    Raises:
        SpreadError: fewer than ``FEWEST_SETS`` of the sources were learnt from.
    """
    known = [source for source in found if source.name in learnt_from]
    if len(known) < FEWEST_SETS:
        raise SpreadError(
            f"only {len(known)} data sets that were learnt from have {FEWEST_OF_LABEL} held-out rows of each label, "
            f"and how far a model is off people takes {FEWEST_SETS}: label more, or call sentinela-evaluate --spread "
            "with the folder of the data sets that the model was trained on"
        )
    mixing = fitted_shares(np.array([source.shares for source in found]))
    squares = {source.name: squared_errors(source, mixing) for source in found}
    doubts = {source.name: doubt(source, mixing) for source in found}
    groups = sorted({source.group for source in known})
    members = {ALL: known} | {group: [one for one in known if one.group == group] for group in groups}
    taus = {
        group: _tau([squares[one.name] for one in sets], [doubts[one.name] for one in sets])
        for group, sets in members.items()
        if len(sets) >= FEWEST_SETS
    }
    seen = [source.name for source in found if source.name not in learnt_from]
    expected = [(NEW_TO_KNOWN * np.array(taus[ALL].values)) ** 2] * NEW_TO_KNOWN_SETS
    doubted = [taus[ALL].doubt] * NEW_TO_KNOWN_SETS
    new = _tau([*expected, *(squares[name] for name in seen)], [*doubted, *(doubts[name] for name in seen)])
    return Spread(taus, {ALL: new}, answers(found))


def fitted_shares(shares: Floats) -> Floats:
    """[3] Dirichlet distribution, most likely, of shares [k, 3] of labels."""
    from scipy.optimize import minimize
    from scipy.special import gammaln

    logarithms = np.log(shares).mean(axis=0)

    def unlikely(logs: Floats) -> float:
        alpha = np.exp(logs)
        return float(gammaln(alpha).sum() - gammaln(alpha.sum()) - (alpha - 1) @ logarithms)

    return np.asarray(np.exp(minimize(unlikely, np.zeros(len(LABELS))).x), np.float64)


def squared_errors(source: Source, mixing: Floats) -> Floats:
    """[4] squared error of the model's mean of each figure, half as the source is, half as its labels are mixed anew.

    What sampling adds to a square is taken out, so one may be below 0. ``mixing`` [3] is the Dirichlet distribution of
    the shares.
    """
    errors = figures_of(source.scores - np.eye(len(LABELS))[source.labels])
    as_it_is = errors.mean(axis=0) ** 2 - errors.var(axis=0, ddof=1) / len(errors)
    total = mixing.sum()
    second = (np.diag(mixing) + np.outer(mixing, mixing)) / (total * (total + 1))
    means = np.array([source.of(label).mean(axis=0) for label in range(len(LABELS))])
    off = figures_of(means - np.eye(len(LABELS)))
    chance = [figures_of(texts).var(axis=0, ddof=1) / len(texts) for texts in map(source.of, range(len(LABELS)))]
    mixed = np.einsum("yk,yz,zk->k", off, second, off) - np.diag(second) @ chance
    return np.asarray((as_it_is + mixed) / 2, np.float64)


def doubt(source: Source, mixing: Floats) -> float:
    """How unsure the model is of the texts of a source, half as it is, half as its labels are mixed anew."""
    figures = figures_of(source.scores)
    each = doubt_of(figures, figures**2)
    of_label = [each[source.labels == label].mean() for label in range(len(LABELS))]
    return float(each.mean() + mixing @ of_label / mixing.sum()) / 2


def answers(found: Collection[Source]) -> Answers:
    """What the model answers to texts of each label, over sources."""
    by_label = [[source.of(label)[:, [0, 2]] for label in range(len(LABELS))] for source in found]
    means = np.array([np.concatenate([texts.mean(axis=0) for texts in source]) for source in by_label])
    within = np.array([[np.cov(texts.T) for texts in source] for source in by_label])
    between = np.cov(means.T)
    for label in range(len(LABELS)):
        place = slice(2 * label, 2 * label + 2)
        between[place, place] -= np.mean(
            [within[at, label] / len(source[label]) for at, source in enumerate(by_label)], axis=0
        )
    values, vectors = np.linalg.eigh(between)
    positive = (vectors * np.maximum(values, _LEAST_VARIANCE)) @ vectors.T
    return Answers(means.mean(axis=0), positive, within.mean(axis=0))


def write(folder: Path, spread: Spread) -> None:
    """Put a spread into the manifest and the card of an artefact, and nothing else.

    Packaged models that read before or after this one know it by the sum of its manifest: theirs are brought along.
    """
    path = folder / MANIFEST
    before = sha256(path)
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    manifest["spread"] = stored(spread)
    write_whole(folder / CARD, card(manifest))
    manifest["sha256"][CARD] = sha256(folder / CARD)
    _write_manifest(path, manifest)
    for other in ARTIFACTS.glob(f"*/*/{MANIFEST}"):
        follower = json.loads(other.read_text(encoding="utf-8"))
        knowing = [
            stage
            for name in ("first", "last")
            if (stage := follower["serving"].get(name)) and stage["sha256"] == before
        ]
        for stage in knowing:
            stage["sha256"] = sha256(path)
        if knowing:
            _write_manifest(other, follower)


def stored(spread: Spread) -> dict[str, Any]:
    """What a manifest says of it."""
    return {name: _rounded(value) for name, value in spread.as_dict().items()}


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    ordered = {key: value for key, value in manifest.items() if key != "sha256"} | {"sha256": manifest["sha256"]}
    write_whole(path, json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


def _tau(squares: Sequence[Floats], doubts: Sequence[float]) -> Tau:
    """That of sets with these squared errors [sets, 4] and doubts."""
    means = np.maximum(np.mean(squares, axis=0), _LEAST_VARIANCE)
    polarity, negative, neutral, positive = np.sqrt(means).tolist()
    return Tau((polarity, negative, neutral, positive), len(squares), float(np.mean(doubts)))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return round(value, _DIGITS)
