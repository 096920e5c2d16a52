"""What people would say: the level of polarity and of the shares, as wide as labels and other sources allow.

Three ways lead there, and a claim says which one it came by, its basis. A feed that nobody labelled has the model's
mean, as far off as such means were from source to source (`unlabelled`). A period whose posts people labelled at random
has those labels, helped by the model (`labelled`). A later period of such a feed has what is known of the model's
errors there (`carried`), for as long as nothing says otherwise (`drift`).

People are asked about the very posts of the period: when all are labelled, nothing is left to be unsure of. A text
counts once. How far the model's own mean could move by chance is no concern of this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, ndtri, stdtrit

from models.sentiment.spread import FIGURES, Answers, Tau, doubt_of, figures_of

Floats = NDArray[np.float64]
Error = tuple[Floats, Floats]
Basis = Literal["labelled", "carried", "unlabelled"]

FEWEST_LABELS = 30
"""With fewer of the period, `labelled` would trust a variance it cannot know; `carried` is sound with any number."""

ENOUGH_LABELS = 100
"""Labels of a period that bring polarity to about -+.11 and the negative share to -+6 points: what to ask for."""

_FEWEST_OF_LABEL = 5
_SIGNIFICANT = 0.005
_WORST_LAST: tuple[Basis, ...] = ("labelled", "carried", "unlabelled")
_LEAST, _MOST = np.array([-1.0, 0, 0, 0]), np.ones(len(FIGURES))
_COVERED = (0.025, 0.975)
_CLASSES = 3
_CONSTANT = 1e-12
_NO_VARIANCE = 1e-30
"""In place of 0 where a variance is a divisor, and so is its square."""
_PSEUDO_LABELS = 4.0

_ROUNDS = 4
_STEPS = 60
_LEAST_VARIANCE = 1 / (2 * _STEPS) ** 2
_TAILS = 4.0
_WORTH_OF_WITHIN = 5.0


class TooFewLabelsError(ValueError):
    """So few labels that no width can be told from them alone."""


@dataclass(frozen=True)
class Sums:
    """Sums over distinct texts of the model's probabilities: what `daily_polarity` keeps, and sums of its rows."""

    n: int
    """Distinct texts, at least one."""

    totals: Floats
    """[4] sum of each figure (`FIGURES`)."""

    squares: Floats
    """[4] sum of its squares."""

    @classmethod
    def of(cls, probabilities: ArrayLike) -> Sums:
        """Those of texts with probabilities [n, 3] (negative, neutral, positive)."""
        figures = figures_of(probabilities)
        return cls(len(figures), figures.sum(axis=0), (figures**2).sum(axis=0))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.totals + other.totals, self.squares + other.squares)

    @property
    def mean(self) -> Floats:
        """[4]."""
        return np.asarray(np.clip(self.totals / self.n, _LEAST, _MOST))

    @property
    def doubt(self) -> float:
        """How unsure the model is of the texts (`doubt_of`)."""
        return float(doubt_of(self.mean, self.squares / self.n))

    @property
    def variance_of_mean(self) -> Floats:
        """[4]: s^2 / n; of a single text, the most that a figure with that mean can vary."""
        if self.n < 2:
            return np.asarray((_MOST - self.mean) * (self.mean - _LEAST))
        return np.asarray(np.maximum(self.squares - self.totals**2 / self.n, 0) / (self.n - 1) / self.n)


@dataclass(frozen=True)
class Claim:
    """The four figures (each field [4], in the order of `FIGURES`) with the ends of their 95 % intervals."""

    value: Floats
    low: Floats
    high: Floats
    basis: Basis
    shared: Error
    """Standard error that all feeds without labels have in common, and its degrees of freedom."""

    own: Error
    """Standard error of chance in this feed alone, and its degrees of freedom."""

    labels: int = 0
    """How many labels it rests on."""


@dataclass(frozen=True)
class Drift:
    """Whether labels have grown stale."""

    stale: bool
    p_value: float
    """Of what was seen, or more of it, if the labels still held."""

    more: int
    """How many labels of the present period to ask for; 0 where none are needed."""


def unlabelled(sums: Sums, tau: Tau) -> Claim:
    """The model's mean, as uncertain as such means are over sources: mean -+ t sqrt(tau^2 + s^2 / n).

    tau is that of sources whose texts leave the model as unsure as these. t has the degrees of freedom of
    Welch and Satterthwaite: the data sets behind tau, and n - 1.
    """
    shared = (tau.at(sums.doubt), np.full(len(FIGURES), float(tau.sets)))
    own = (np.sqrt(sums.variance_of_mean), np.full(len(FIGURES), max(sums.n - 1.0, 1.0)))
    return _claim(sums.mean, "unlabelled", shared, own, 0)


def labelled(sums: Sums, predicted: ArrayLike, labels: ArrayLike, weights: ArrayLike) -> Claim:
    """People's labels of a random sample of the texts, with the model's probabilities to take chance out of the draw.

    Prediction-powered inference (Angelopoulos, Duchi & Zrnic 2023, "PPI++", arXiv:2311.01453), for the finite number
    of texts that were drawn from: mean of y - lambda f over the labelled ones + lambda times the mean of f over all,
    with the lambda that makes it the least uncertain (0 where the model is of no use). One lambda serves all shares,
    so that they add up to 1 and polarity is their difference. Where labels vary less than the model expects, four of
    its expectation are added: a rare label may be missing among few, and is not for that impossible.

    Args:
        sums: of all texts of the period, the labelled ones among them.
        predicted: [m, 3] the model's probabilities of the labelled texts.
        labels: [m] what people said, 0 to 2; texts of which they could not say are left out.
        weights: [m] above 0: how many texts each was drawn for.

    Raises:
        TooFewLabelsError: fewer than `FEWEST_LABELS`, and not all texts are labelled; `carried` takes them.
    """
    told, weight = np.asarray(labels, np.int64), np.asarray(weights, np.float64)
    m = len(told)
    if m < min(FEWEST_LABELS, sums.n):
        raise TooFewLabelsError(f"{m} labels of {sums.n} texts are too few to go by alone; label {FEWEST_LABELS}")
    share = weight / weight.sum()
    y, f = np.eye(_CLASSES)[told], np.asarray(predicted, np.float64)
    power = _power(y - share @ y, f - share @ f, share)
    rest = figures_of(y) - power * figures_of(f)
    value = share @ rest + power * sums.mean
    freedom = max(m - 1 - (power > 0), 1)
    undrawn = 1 - np.minimum(1 / (share * sums.n), 1)
    squares = (rest - share @ rest) ** 2 * m / freedom
    expected = f @ figures_of(np.eye(_CLASSES)) ** 2 - figures_of(f) ** 2
    unseen = np.maximum(share @ (expected - squares), 0)
    variance = (share**2 * undrawn) @ (squares + _PSEUDO_LABELS / (_PSEUDO_LABELS + freedom) * unseen)
    own = (np.sqrt(variance), np.full(len(FIGURES), float(freedom)))
    return _claim(value, "labelled", _nothing_shared(), own, m)


def carried(sums: Sums, predicted: ArrayLike, labels: ArrayLike, weights: ArrayLike, answers: Answers) -> Claim:
    """What labels of an earlier period say of this one, if the model answers as it did and only the shares have moved.

    The posterior of the shares, flat before anything is known. What the model answers to texts of each label is known
    from other sources (a normal random effect that came with the model) and from the labelled texts of this feed; the
    model's mean of this period is a mixture of the three, off by chance with the tails of t.

    Args:
        sums: of all texts of this period.
        predicted: [m, 3] the model's probabilities of the labelled texts of the earlier period; m may be 0.
        labels: [m] what people said of them, 0 to 2.
        weights: [m] above 0: how many texts each was drawn for.
        answers: the model's, of its `Spread`.
    """
    told = np.asarray(labels, np.int64)
    centre, doubt = _answers(np.asarray(predicted, np.float64), told, np.asarray(weights, np.float64), answers)
    mixtures = np.einsum("gy,ij->giyj", _simplex(), np.eye(2)).reshape(-1, 2, len(centre))
    chance = np.tensordot(_simplex(), answers.within, axes=1) / sums.n + _LEAST_VARIANCE * np.eye(2)
    variance = mixtures @ doubt @ mixtures.transpose(0, 2, 1) + chance
    posterior = _posterior(sums.mean[[1, 3]] - mixtures @ centre, variance)
    figures = figures_of(_simplex())
    low, high = (_quantiles(figures, posterior, at) for at in _COVERED)
    own = ((high - low) / 2 / ndtri(_COVERED[1]), np.full(len(FIGURES), np.inf))
    return Claim(posterior @ figures, low, high, "carried", _nothing_shared(), own, len(told))


def drift(predicted: ArrayLike, labels: ArrayLike, weights: ArrayLike, now: Sums) -> Drift:
    """Whether labels of an earlier period still fit the texts of this one; where not, they are carried no further.

    If only the shares moved, the model's probabilities of this period are those of the labelled texts, mixed anew. The
    means and mean squares of the figures are compared with the best such mixture (minimum distance, chi-square / F).

    It finds another sort of texts: other sources, subjects or tongues, a model that was changed. It cannot find that
    texts of the same probabilities mean something else than they did (irony come into fashion), nor that the shares
    moved, which is no reason to distrust labels; and with few labels it finds only what is large.

    Args:
        predicted: [m, 3] the model's probabilities of the labelled texts.
        labels: [m] what people said of them, 0 to 2.
        weights: [m] above 0: how many texts each was drawn for.
        now: of all texts of this period.
    """
    told, weight = np.asarray(labels, np.int64), np.asarray(weights, np.float64)
    counts = np.bincount(told, minlength=_CLASSES)
    if counts.min() < _FEWEST_OF_LABEL:
        return Drift(False, 1.0, 0)
    figures = figures_of(predicted)
    moments = _moments(figures, figures**2)
    shares = [np.where(told == label, weight, 0) / weight[told == label].sum() for label in range(_CLASSES)]
    centres = np.array([share @ moments for share in shares])
    varied = np.array([np.cov(moments[told == label].T, aweights=weight[told == label]) for label in range(_CLASSES)])
    errors = varied * [[[(share**2).sum()]] for share in shares]
    present = _moments(now.totals / now.n, now.squares / now.n)
    distance = _nearest_mixture(present, centres, errors, np.average(varied, axis=0, weights=counts) / now.n)
    spare, freedom = len(present) - _CLASSES + 1, len(told) - _CLASSES
    p_value = float(fdtrc(spare, freedom, distance / spare))
    return Drift(p_value < _SIGNIFICANT, p_value, ENOUGH_LABELS if p_value < _SIGNIFICANT else 0)


def pooled(claims: Sequence[Claim], weights: ArrayLike) -> Claim:
    """The mean of claims of several feeds with weights [k], which need not add up to 1.

    Feeds without labels may all be off the same way, so their errors of the model add up; chance does not.
    """
    if len(claims) == 1:
        return claims[0]
    share = np.asarray(weights, np.float64)[:, None] / np.sum(weights)
    shared = np.array([claim.shared[0] for claim in claims])
    own = np.array([claim.own[0] for claim in claims]) * share
    variance = np.maximum((own**2).sum(axis=0), _NO_VARIANCE)
    freedom = np.array([claim.own[1] for claim in claims])
    chance = (np.sqrt(variance), variance**2 / np.maximum((own**4 / freedom).sum(axis=0), _NO_VARIANCE**2))
    common = ((share * shared).sum(axis=0), np.min([claim.shared[1] for claim in claims], axis=0))
    value = (share * [claim.value for claim in claims]).sum(axis=0)
    basis = max((claim.basis for claim in claims), key=_WORST_LAST.index)
    return _claim(value, basis, common, chance, sum(claim.labels for claim in claims))


def _claim(value: Floats, basis: Basis, shared: Error, own: Error, labels: int) -> Claim:
    parts = np.array([shared[0], own[0]]) ** 2
    variance = parts.sum(axis=0)
    doubt = (parts**2 / np.array([shared[1], own[1]])).sum(axis=0)
    freedom = np.divide(variance**2, doubt, out=np.full(len(FIGURES), np.inf), where=doubt > 0)
    half = stdtrit(freedom, _COVERED[1]) * np.sqrt(variance)
    middle = np.clip(value, _LEAST, _MOST)
    low, high = np.clip(value - half, _LEAST, middle), np.clip(value + half, middle, _MOST)
    return Claim(middle, low, high, basis, shared, own, labels)


def _nothing_shared() -> Error:
    return np.zeros(len(FIGURES)), np.full(len(FIGURES), np.inf)


def _power(y: Floats, f: Floats, share: Floats) -> float:
    """lambda in 0..1 for centred labels and probabilities [m, 3]: that with the least variance, all shares together."""
    varied = float((share @ f**2).sum())
    return float(np.clip((share @ (y * f)).sum() / varied, 0, 1)) if varied > _CONSTANT else 0.0


def _answers(predicted: Floats, told: NDArray[np.int64], weight: Floats, answers: Answers) -> tuple[Floats, Floats]:
    """Mean [6] and covariance [6, 6] of the model's answers in this source, given its labelled texts.

    Texts of unequal weights count as so many as they are worth (Kish), and the covariance of few of one label is
    helped out by that of other sources.
    """
    precision = np.linalg.inv(answers.between)
    pull = precision @ answers.centre
    for label, within in enumerate(answers.within):
        own, share = predicted[told == label][:, [0, 2]], weight[told == label]
        if not len(own):
            continue
        share = share / share.sum()
        mean, worth = share @ own, 1 / (share**2).sum()
        scatter = (own - mean).T @ ((own - mean) * share[:, None]) * worth
        variance = (scatter + _WORTH_OF_WITHIN * within) / (worth - 1 + _WORTH_OF_WITHIN) / worth
        place = slice(2 * label, 2 * label + 2)
        precision[place, place] += np.linalg.inv(variance)
        pull[place] += np.linalg.solve(variance, mean)
    covariance = np.linalg.inv(precision)
    return covariance @ pull, covariance


@cache
def _simplex() -> Floats:
    """[g, 3] shares in steps of 1 / `_STEPS`."""
    places = np.arange(_STEPS + 1)
    first, second = (axis.ravel() for axis in np.meshgrid(places, places, indexing="ij"))
    inside = first + second <= _STEPS
    return np.stack([first, second, _STEPS - first - second], axis=1)[inside] / _STEPS


def _posterior(off: Floats, variance: Floats) -> Floats:
    """[g] probability of each point of the simplex, from how far [g, 2] its mixture is off, with variance [g, 2, 2]."""
    distance = np.einsum("gi,gij,gj->g", off, np.linalg.inv(variance), off)
    likelihood = -(np.linalg.slogdet(variance)[1] + (_TAILS + 2) * np.log1p(distance / _TAILS)) / 2
    posterior = np.exp(likelihood - likelihood.max())
    return np.asarray(posterior / posterior.sum(), np.float64)


def _quantiles(figures: Floats, posterior: Floats, at: float) -> Floats:
    """[4] quantile of each figure [g, 4] under a posterior [g]."""
    found = []
    for column in figures.T:
        values, places = np.unique(column.round(9), return_inverse=True)
        mass = np.bincount(places, posterior)
        found.append(np.interp(at, np.cumsum(mass) - mass / 2, values))
    return np.array(found)


def _moments(figures: Floats, squares: Floats) -> Floats:
    """[..., 4] what tells mixtures from other texts: means of negative and positive, mean squares of two figures."""
    return np.stack([figures[..., 1], figures[..., 3], squares[..., 0], squares[..., 2]], axis=-1)


def _nearest_mixture(mean: Floats, centres: Floats, errors: Floats, error: Floats) -> float:
    """Squared distance, in standard errors, of a mean [k] from the best mixture of centres [3, k].

    The centres have the covariances ``errors`` [3, k, k], the mean has ``error`` [k, k].
    """
    shares, distance = np.full(_CLASSES, 1 / _CLASSES), np.inf
    ways = (centres[1:] - centres[0]).T
    for _ in range(_ROUNDS):
        weight = np.linalg.pinv(np.tensordot(shares**2, errors, axes=1) + error)
        others = np.linalg.pinv(ways.T @ weight @ ways) @ ways.T @ weight @ (mean - centres[0])
        shares = np.array([1 - others.sum(), *others])
        off = mean - shares @ centres
        distance = float(off @ weight @ off)
    return distance
