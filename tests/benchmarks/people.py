"""Whether what is claimed of people is what people said: labelled data sets play feeds, and their labels are the truth.

    python tests/benchmarks/people.py --data ../shared/data             # `balanced`
    python tests/benchmarks/people.py --data ../shared/data --model fast

A feed is n texts drawn from the held-out rows of a data set; as it is, or with its labels mixed anew (shift), as the
labels of data sets are mixed. The truth is what people said of those very texts. Widths never know the data set that
they are tried on. Sets that the model learnt from and sets that it never saw are told apart; for more of the latter, a
small model of words and characters learns the same data in eight parts, each time without some of the sources.
Seeded. The exit status is 0 where every target is met.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.statistics.people import Claim, Sums, carried, drift, labelled, unlabelled
from models.evaluation.cli import CACHE
from models.evaluation.contestants import Contestant, packaged
from models.evaluation.scores import KeptScores
from models.sentiment.contract import LABELS
from models.sentiment.spread import ALL, ALWAYS_DOUBTED, FIGURES, Spread, Tau, figures_of
from models.training.data.catalogue import read_catalogue
from models.training.data.rows import development_rows, load_rows, load_unseen, thinned
from models.training.packaging import spread
from models.training.packaging.spread import Source, doubt, fitted_shares, sources, squared_errors

SEED = 20260914
DRAWS = 30
"""Feeds drawn from each data set, for each line of the table."""

MOST_ROWS = {"accurate": 400}
"""Held-out rows of a data set, where a model is too slow for more."""

FOLDS, LEARNT_OF_A_SET, ASKED_OF_A_SET = 8, 400, 600
SAME_SOURCE = {
    **dict.fromkeys(("sst2_en", "vader_movie_snippets_en", "kotzias_sentences_en", "imdb_reviews_en"), "movies"),
    **dict.fromkeys(("b2w_reviews01_val13k_pt", "b2w_reviews01_10k_pt", "repro_pt"), "b2w"),
    **dict.fromkeys(("mtmsla_pt", "mtmsla_es"), "mtmsla"),
}
"""Data sets that are of one source, whatever their names."""

Feed = tuple[np.ndarray, np.ndarray]
"""Probabilities [n, 3] and labels [n]."""


@dataclass(frozen=True)
class Tried:
    """Claims [k, 4] of feeds whose truth is known."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, claims: Sequence[tuple[Claim, np.ndarray]]) -> Tried:
        """Those of claims and their truths."""
        columns = [np.array([getattr(claim, name) for claim, _ in claims]) for name in ("value", "low", "high")]
        return cls(*columns, np.array([truth for _, truth in claims]))

    @property
    def coverage(self) -> np.ndarray:
        """[4]."""
        return ((self.low - 1e-9 <= self.truth) & (self.truth <= self.high + 1e-9)).mean(axis=0)

    @property
    def error(self) -> np.ndarray:
        """[4] mean absolute."""
        return np.abs(self.value - self.truth).mean(axis=0)

    @property
    def half(self) -> np.ndarray:
        """[4] mean half-width."""
        return ((self.high - self.low) / 2).mean(axis=0)


@dataclass(frozen=True)
class Left:
    """A data set and the spread of the model over the others."""

    source: Source
    new: bool
    others: Spread
    mixing: np.ndarray

    @property
    def tau(self) -> Tau:
        """That of a source of its sort."""
        return (self.others.new if self.new else self.others.known)[ALL]

    def feed(self, rng: np.random.Generator, n: int, shift: bool) -> Feed:
        """So many texts, drawn with replacement."""
        labels = self.source.labels
        if not shift:
            drawn = rng.integers(0, len(labels), n)
        else:
            wanted = rng.choice(len(LABELS), n, p=rng.dirichlet(self.mixing))
            drawn = np.concatenate(
                [rng.choice(np.flatnonzero(labels == label), (wanted == label).sum()) for label in range(len(LABELS))]
            )
            rng.shuffle(drawn)
        return self.source.scores[drawn], labels[drawn]


def left_out(found: Sequence[Source], learnt_from: set[str]) -> list[Left]:
    """Each data set beside what the others tell."""
    lefts = []
    for source in found:
        others = [one for one in found if one is not source]
        mixing = fitted_shares(np.array([one.shares for one in others]))
        lefts.append(Left(source, source.name not in learnt_from, spread.measure(others, learnt_from), mixing))
    return lefts


def tried(
    lefts: Sequence[Left], way: Callable[[np.random.Generator, Left, Feed], Claim], n: int, shift: bool = False
) -> Tried:
    """Claims of `DRAWS` feeds of n texts from each data set."""
    rng, claims = np.random.default_rng(SEED), []
    for left in lefts:
        for _ in range(DRAWS):
            feed = left.feed(rng, n, shift)
            claims.append((way(rng, left, feed), figures_of(np.eye(len(LABELS))[feed[1]]).mean(axis=0)))
    return Tried.of(claims)


def without_labels(rng: np.random.Generator, left: Left, feed: Feed) -> Claim:
    """A feed that nobody labelled."""
    return unlabelled(Sums.of(feed[0]), left.tau)


def with_labels(rng: np.random.Generator, left: Left, feed: Feed, m: int) -> Claim:
    """A feed of which m texts were labelled."""
    predicted, labels = feed
    drawn = rng.choice(len(labels), m, replace=False)
    return labelled(Sums.of(predicted), predicted[drawn], labels[drawn], np.full(m, len(labels) / m))


def with_earlier_labels(rng: np.random.Generator, left: Left, feed: Feed, m: int) -> Claim:
    """A feed of which m texts were labelled when its labels were mixed as in its data set."""
    predicted, labels = left.feed(rng, m, shift=False)
    return carried(Sums.of(feed[0]), predicted, labels, np.ones(m), left.others.answers)


def stale(lefts: Sequence[Left], n: int, m: int, shift: bool, elsewhere: bool) -> float:
    """How often m labels are called stale, of the same data set or where the texts come from another one."""
    rng, found = np.random.default_rng(SEED), []
    for left in lefts:
        for _ in range(DRAWS):
            predicted, labels = left.feed(rng, m, shift=False)
            now = lefts[rng.integers(len(lefts))] if elsewhere else left
            found.append(drift(predicted, labels, np.ones(m), Sums.of(now.feed(rng, n, shift)[0])).stale)
    return float(np.mean(found))


def slope(source: Source, mixing: np.ndarray) -> float:
    """How much of a true change of mean polarity is printed, as labels are mixed anew within a source."""
    share = mixing / mixing.sum()
    varied = np.diag(share) - np.outer(share, share)
    answered = np.array([figures_of(source.of(label))[:, 0].mean() for label in range(len(LABELS))])
    true = figures_of(np.eye(len(LABELS)))[:, 0]
    return float(answered @ varied @ true / (true @ varied @ true))


def print_slopes(lefts: Sequence[Left], what: str) -> None:
    """The mean over sources, and where eight in ten lie."""
    found = [slope(left.source, left.mixing) for left in lefts]
    low, high = np.quantile(found, (0.1, 0.9))
    print(f"of a true change is printed, {len(found)} sources {what}: {np.mean(found):.2f}, {low:.2f} to {high:.2f}")


class Table:
    """Prints lines, and remembers whether a target was missed."""

    def __init__(self) -> None:
        self.met = True
        print(f"{'':58}" + "".join(f"{name:>17}" for name in (*FIGURES, "targets")))

    def claims(
        self, what: str, one: Tried, covers: tuple[float, float] | None = None, most: Sequence[float] = ()
    ) -> None:
        """Coverage, error and half-width of each figure; ``covers`` and ``most`` bind polarity and negative share."""
        cells = [f"{cover:7.1%} {error:.3f}" for cover, error in zip(one.coverage, one.error, strict=True)]
        misses = [covers is not None and not covers[0] <= cover <= covers[1] for cover in one.coverage[:2].round(3)]
        misses += [error > limit for error, limit in zip(one.error, most, strict=False)]
        said = ["coverage {:.0%} to {:.0%}".format(*covers)] if covers else []
        said += [f"error <= {' / '.join(f'{limit:.3f}' for limit in most)}"] if most else []
        verdict = f"{', '.join(said)}: {'MISSED' if any(misses) else 'met'}" if said else ""
        print(f"{what:58}" + "".join(f"{cell:>17}" for cell in cells) + f"   {verdict}", flush=True)
        print(f"{'    half-width':58}" + "".join(f"{half:>17.3f}" for half in one.half))
        self.met &= not any(misses)


def table(lefts: Sequence[Left], small: Sequence[Left]) -> bool:
    """Print what was reached; whether it is all that must be."""
    shown, known, new = Table(), [one for one in lefts if not one.new], [one for one in lefts if one.new]
    for n in (100, 300, 1000):
        for shift, covers in ((False, (0.92, 0.98)), (True, (0.88, 1.0))):
            kind = "labels mixed anew" if shift else "as they are"
            shown.claims(
                f"no labels, n = {n}, {kind}: {len(known)} learnt from", tried(known, without_labels, n, shift)
            )
            shown.claims(f"no labels, n = {n}, {kind}: {len(new)} never seen", tried(new, without_labels, n, shift))
            of_small = tried(small, without_labels, n, shift)
            shown.claims(f"no labels, n = {n}, {kind}: {len(small)} left out", of_small, covers)
    for n in (300, 1000):
        for m in (50, 100, 200):
            must = {"covers": (0.92, 0.98), "most": (0.055, 0.035)} if m == 100 else {}
            shown.claims(f"{m} labels of the period, n = {n}", tried(lefts, partial(with_labels, m=m), n), **must)
    for n in (300, 1000):
        plain = tried(lefts, without_labels, n, True)
        shown.claims(f"no labels, n = {n}, labels mixed anew: all", plain)
        for m in (30, 100, 300):
            must = {"covers": (0.92, 1.0), "most": plain.error[:1] * 2 / 3} if m == 100 else {}
            for shift in (False, True):
                what = f"{m} labels of before, n = {n}, {'mixed anew since' if shift else 'as they were'}"
                way = partial(with_earlier_labels, m=m)
                shown.claims(what, tried(lefts, way, n, shift), **(must if shift else {}))
    for m in (50, 100, 300):
        called = [stale(lefts, 1000, m, *how) for how in ((False, False), (True, False), (False, True))]
        told = "{:.1%} as they were, {:.1%} mixed anew, {:.1%} of another data set".format(*called)
        print(f"{m} labels called stale: {told}")
    return shown.met


def asked(data: Path, model: str) -> tuple[pd.DataFrame, pd.DataFrame, Contestant]:
    """All labelled rows, those that the model is asked about, and the model."""
    catalogue, folder = read_catalogue(), data / "labelled"
    frame = load_rows(folder, catalogue)
    unseen = load_unseen(folder, catalogue, frame).assign(part="unseen")
    every = pd.concat([frame, unseen], ignore_index=True)
    rows = pd.concat([development_rows(frame), unseen], ignore_index=True)
    rows = thinned(rows, MOST_ROWS.get(model, 2_000))
    CACHE.mkdir(parents=True, exist_ok=True)
    return every, rows, packaged(model)


def scored(data: Path, model: str) -> tuple[pd.DataFrame, list[Source], set[str]]:
    """All labelled rows, the sources that the model was asked about, and the names of those that it learnt from."""
    every, rows, contestant = asked(data, model)
    scores = KeptScores(contestant, CACHE).predict(*(rows[name].tolist() for name in ("text", "language", "kind")))
    return every, sources(rows, scores), set(contestant.training_rows)


def small_models(frame: pd.DataFrame) -> tuple[list[Source], list[Source]]:
    """Sources as a small model answers that learnt from them, and as those do that learnt without them."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    # Sixty rounds are far enough for such a comparison.
    warnings.simplefilter("ignore", ConvergenceWarning)
    learnt = thinned(frame[(frame["part"] == "train") & frame["evaluate"]], LEARNT_OF_A_SET)
    asked = development_rows(frame, ASKED_OF_A_SET)
    shared = {"n_features": 2**17, "strip_accents": "unicode", "alternate_sign": False}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", **shared)
    characters = HashingVectorizer(ngram_range=(3, 4), analyzer="char_wb", **shared)
    features = make_pipeline(make_union(words, characters), TfidfTransformer(sublinear_tf=True))
    given = features.fit_transform(learnt["text"].str.slice(0, 500)).tocsr()
    wanted = features.transform(asked["text"].str.slice(0, 500)).tocsr()
    of = [frame["dataset"].map(lambda name: SAME_SOURCE.get(name, name)) for frame in (learnt, asked)]
    fold = {name: place % FOLDS for place, name in enumerate(dict.fromkeys(of[0]))}
    learnt_fold, asked_fold = (names.map(fold).to_numpy() for names in of)

    def answers(kept: np.ndarray, places: np.ndarray) -> np.ndarray:
        model = LogisticRegression(C=2.0, max_iter=60).fit(given[kept], learnt["label"].to_numpy()[kept])
        return np.asarray(model.predict_proba(wanted[places]))

    with_them = answers(np.arange(len(learnt)), np.arange(len(asked)))
    without = np.empty_like(with_them)
    for one in range(FOLDS):
        places = np.flatnonzero(asked_fold == one)
        without[places] = answers(np.flatnonzero(learnt_fold != one), places)
    return sources(asked, with_them), sources(asked, without)


def ratio(known: Sequence[Source], new: Sequence[Source]) -> np.ndarray:
    """[4] how much farther off a model is at sources that it did not learn from, of as much doubt."""
    mixing = fitted_shares(np.array([one.shares for one in known]))
    squares = [np.mean([squared_errors(one, mixing) for one in found], axis=0) for found in (known, new)]
    doubts = [np.mean([doubt(one, mixing) for one in found]) + ALWAYS_DOUBTED for found in (known, new)]
    return np.sqrt(squares[1] / squares[0] * doubts[0] / doubts[1])


def small_left_out(known: Sequence[Source], new: Sequence[Source]) -> list[Left]:
    """Each source as the small model answers that did not learn from it, beside what the others tell that it did."""
    lefts, names = [], {one.name for one in known}
    for source in new:
        others = [one for one in known if one.name != source.name]
        mixing = fitted_shares(np.array([one.shares for one in others]))
        lefts.append(Left(source, True, spread.measure(others, names), mixing))
    return lefts


def run(data: Path, model: str = "balanced") -> bool:
    """Print the table; whether all targets are met."""
    frame, found, learnt_from = scored(data, model)
    known, new = small_models(frame)
    farther = ", ".join(f"{name} {value:.2f}" for name, value in zip(FIGURES, ratio(known, new), strict=True))
    print(
        f"{model}: {len(found)} data sets of three labels. A small model is farther off at sources left out: {farther}"
    )
    lefts, small = left_out(found, learnt_from), small_left_out(known, new)
    print_slopes(lefts, "in all")
    print_slopes([one for one in lefts if one.new], "never seen")
    print_slopes(small, "left out, by a small model")
    met = table(lefts, small)
    print("all targets met" if met else "a target was missed")
    return met


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with labelled/*.parquet")
    parser.add_argument("--model", default="balanced", help="packaged model, or the folder of one")
    options = parser.parse_args()
    sys.exit(0 if run(options.data, options.model) else 1)


if __name__ == "__main__":
    main()
