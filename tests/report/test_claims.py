"""What people would say of a group: as wide as sources differ, by labels of its posts, or by others that fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.labels.read import Labelled
from jobs.report.claims import Known, checked, claim_of, with_claims
from jobs.settings import Window
from jobs.statistics import people
from models.sentiment import artifact

FIRST = date(2026, 9, 1)
WINDOW = Window(start=FIRST, end=FIRST + timedelta(days=9))
SPREAD = artifact.spread("balanced")
assert SPREAD is not None
RNG = np.random.default_rng(5)


def texts(count: int, negative: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """What people say of `count` texts, and the probabilities of a model that mostly agrees."""
    labels = RNG.choice(3, count, p=[negative, 0.2, 0.8 - negative])
    sure = RNG.dirichlet([1, 1, 1], count)
    return labels, 0.4 * sure + 0.6 * np.eye(3)[labels]


def row(day: date, feed: str, probabilities: np.ndarray, brand: str = "all") -> dict[str, Any]:
    """The row of daily_polarity that these texts make."""
    figures = dict(zip(("negative", "neutral", "positive"), probabilities.T, strict=True))
    figures["polarity"] = figures["positive"] - figures["negative"]
    sums = {f"distinct_{name}_sum": values.sum() for name, values in figures.items()}
    squares = {f"distinct_{name}_sum_squares": (values**2).sum() for name, values in figures.items()}
    of = {"day": day, "brand": brand, "feed": feed, "kind": "post", "language": "pt"}
    counts = dict.fromkeys(("posts", "distinct_texts", "scored"), len(probabilities))
    none = dict.fromkeys(("unscored", "negative", "neutral", "positive", "unsure", "polarity_sum"), 0)
    return {**of, **counts, **none, **sums, **squares}


def frame(feed: str, probabilities: np.ndarray, days: int = 10) -> pd.DataFrame:
    """So many days of equally many texts."""
    parts = np.array_split(probabilities, days)
    return pd.DataFrame([row(FIRST + timedelta(days=n), feed, part) for n, part in enumerate(parts)])


def drawn(labels: np.ndarray, probabilities: np.ndarray, places: Sequence[int], period: Window = WINDOW) -> Labelled:
    """Labels of the texts at some `places`, drawn from `period`."""
    chosen, days = list(places), period.days
    return Labelled(
        post_ids=tuple(map(str, chosen)),
        days=tuple(date.fromisoformat(days[place * len(days) // len(labels)]) for place in chosen),
        languages=("pt",) * len(chosen),
        samples=("draw",) * len(chosen),
        probabilities=probabilities[chosen],
        labels=labels[chosen],
        weights=np.full(len(chosen), len(labels) / len(chosen)),
        brands={"Aurora": np.arange(len(chosen)) % 2 == 0},
        periods=(period,),
    )


def test_without_labels_it_is_as_wide_as_sources_differ() -> None:
    _, probabilities = texts(2_000)
    claim = claim_of(frame("posts", probabilities), WINDOW, Known(SPREAD))
    assert claim is not None
    tau = SPREAD.tau("pt", "post").at(people.Sums.of(probabilities).doubt)[0]
    assert claim.basis == "unlabelled"
    assert claim.high[0] - claim.low[0] > 2 * 1.96 * tau


def test_labels_of_the_period_move_the_level_and_narrow_it() -> None:
    labels, probabilities = texts(400, negative=0.6)
    wrong = np.roll(probabilities, 1, axis=1) * 0.5 + probabilities * 0.5
    known = Known(SPREAD, {"posts": drawn(labels, wrong, range(0, 400, 4))})
    claim = claim_of(frame("posts", wrong), WINDOW, known)
    assert claim is not None
    truth = (labels == 2).mean() - (labels == 0).mean()
    assert claim.basis == "labelled"
    assert claim.low[0] <= truth <= claim.high[0]
    unlabelled = claim_of(frame("posts", wrong), WINDOW, Known(SPREAD))
    assert unlabelled is not None
    assert claim.high[0] - claim.low[0] < unlabelled.high[0] - unlabelled.low[0]


def test_days_that_were_not_drawn_from_are_told_by_the_labels_of_others() -> None:
    labels, probabilities = texts(400)
    before = Window(start=FIRST - timedelta(days=10), end=FIRST - timedelta(days=1))
    known = Known(SPREAD, {"posts": drawn(labels, probabilities, range(0, 400, 4), before)})
    _, later = texts(400, negative=0.3)
    claim = claim_of(frame("posts", later), WINDOW, known)
    assert claim is not None
    assert (claim.basis, claim.labels) == ("carried", 100)


def test_labels_of_another_sort_of_texts_are_stale_and_not_carried() -> None:
    labels, probabilities = texts(400)
    before = Window(start=FIRST - timedelta(days=10), end=FIRST - timedelta(days=1))
    known = Known(SPREAD, {"posts": drawn(labels, probabilities, range(0, 400, 4), before)})
    torn = frame("posts", RNG.dirichlet([60, 60, 60], 2_000))
    claim = claim_of(torn, WINDOW, known)
    assert claim is not None
    assert claim.basis == "unlabelled"
    (told,) = checked(torn, known)
    assert (told.feed, told.texts, told.more) == ("posts", 100, people.ENOUGH_LABELS)
    assert 50 < told.right <= 100


def test_a_group_has_the_weakest_basis_of_its_feeds() -> None:
    labels, probabilities = texts(400)
    known = Known(SPREAD, {"posts": drawn(labels, probabilities, range(0, 400, 4))})
    both = pd.concat([frame("posts", probabilities), frame("shop", probabilities)], ignore_index=True)
    groups = pd.DataFrame({"brand": ["all", "all", "all"], "feed": ["posts", "shop", "absent"]})
    with_claims(groups, both, ["brand", "feed"], WINDOW, known)
    assert groups["basis"].tolist() == ["labelled", "unlabelled", "none"]
    whole = claim_of(both, WINDOW, known)
    assert whole is not None
    assert whole.basis == "unlabelled"


def test_the_labels_of_a_brand_are_those_of_texts_that_name_it() -> None:
    labels, probabilities = texts(400)
    known = Known(SPREAD, {"posts": drawn(labels, probabilities, range(0, 400, 4))})
    claim = claim_of(frame("posts", probabilities).assign(brand="Aurora"), WINDOW, known)
    assert claim is not None
    assert claim.labels == 50


@pytest.mark.parametrize("known", [Known(None), Known(None, {})])
def test_a_model_that_does_not_say_how_it_errs_claims_nothing(known: Known) -> None:
    _, probabilities = texts(100)
    assert claim_of(frame("posts", probabilities), WINDOW, known) is None
