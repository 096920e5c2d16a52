"""What people would say: known answers, and coverage where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from jobs.statistics.people import (
    ENOUGH_LABELS,
    FEWEST_LABELS,
    Claim,
    Floats,
    Sums,
    TooFewLabelsError,
    carried,
    drift,
    labelled,
    pooled,
    unlabelled,
)
from models.sentiment.spread import Answers, Tau, figures_of

NO_TAU = Tau((0.0, 0.0, 0.0, 0.0), 30, 0.3)
TAU = Tau((0.14, 0.09, 0.12, 0.09), 30, 0.3)
# Dirichlet: what a made-up model answers to texts of each label.
ANSWERS = np.array([[4.0, 1.5, 0.8], [1.5, 3.0, 1.5], [0.6, 1.2, 4.5]])


def asked(shares: list[float], n: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Probabilities [n, 3] and people's labels [n] of texts with those shares of labels."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, n, p=shares)
    drawn = random.standard_gamma(ANSWERS[labels])
    return drawn / drawn.sum(axis=1, keepdims=True), labels


def truth_of(labels: np.ndarray) -> Floats:
    return figures_of(np.eye(3)[labels]).mean(axis=0)


def covers(claim: Claim, truth: Floats) -> np.ndarray:
    return (claim.low <= truth + 1e-12) & (truth <= claim.high + 1e-12)


def spread_of(between: float) -> Answers:
    """The made-up model's own answers, from source to source that much apart."""
    means = ANSWERS / ANSWERS.sum(axis=1, keepdims=True)
    within = np.array([np.cov(np.random.default_rng(0).dirichlet(row, 4_000)[:, [0, 2]].T) for row in ANSWERS])
    return Answers(means[:, [0, 2]].ravel(), between**2 * np.eye(6), within)


def test_sums_add_up_as_their_texts() -> None:
    predicted, _ = asked([0.3, 0.4, 0.3], 60, 0)
    both, figures = Sums.of(predicted[:20]) + Sums.of(predicted[20:]), figures_of(predicted)
    np.testing.assert_allclose(both.mean, figures.mean(axis=0))
    np.testing.assert_allclose(both.variance_of_mean, figures.var(axis=0, ddof=1) / 60)
    np.testing.assert_allclose(figures[:, 0], predicted[:, 2] - predicted[:, 0])


def test_a_single_text_may_vary_as_much_as_its_range_allows() -> None:
    sums = Sums.of([[0.2, 0.3, 0.5]])
    np.testing.assert_allclose(sums.variance_of_mean[:2], [(1 - 0.3) * (1 + 0.3), 0.2 * 0.8])


def test_without_tau_an_unlabelled_feed_has_the_interval_of_t() -> None:
    predicted, _ = asked([0.3, 0.4, 0.3], 50, 1)
    claim, figures = unlabelled(Sums.of(predicted), NO_TAU), figures_of(predicted)
    low, high = stats.t.interval(0.95, 49, figures.mean(axis=0), stats.sem(figures))
    np.testing.assert_allclose([claim.low, claim.high], [low, high])
    assert (claim.basis, claim.labels) == ("unlabelled", 0)


def test_with_many_posts_the_width_of_an_unlabelled_feed_is_that_of_sources() -> None:
    predicted, _ = asked([0.3, 0.4, 0.3], 20_000, 2)
    sums = Sums.of(predicted)
    claim = unlabelled(sums, TAU)
    half = stats.t.ppf(0.975, TAU.sets) * TAU.at(sums.doubt)
    np.testing.assert_allclose(claim.high - claim.value, half, rtol=0.01)


def test_where_the_model_is_less_sure_of_its_texts_the_width_is_larger() -> None:
    sure, unsure = (Sums.of(np.tile(row, (400, 1))) for row in ([[0.05, 0.9, 0.05]], [[0.35, 0.3, 0.35]]))
    assert sure.doubt == pytest.approx(0.1)
    assert unsure.doubt == pytest.approx(0.7)
    halves = [unlabelled(sums, TAU).high[0] - sums.mean[0] for sums in (sure, unsure)]
    assert halves[1] / halves[0] == pytest.approx(np.sqrt(0.75 / 0.15), rel=0.01)


def test_an_interval_ends_where_the_figure_does_and_holds_its_value() -> None:
    claim = unlabelled(Sums.of(np.tile([0.02, 0.02, 0.96], (40, 1))), TAU)
    assert claim.high[0] == claim.high[3] == 1
    assert claim.low[1] == claim.low[2] == 0
    assert ((claim.low <= claim.value) & (claim.value <= claim.high)).all()


def test_of_a_model_that_knows_nothing_the_labels_alone_are_told() -> None:
    _, labels = asked([0.3, 0.4, 0.3], 60, 3)
    known_nothing = np.tile([0.3, 0.4, 0.3], (1_000_000, 1))
    claim, told = labelled(Sums.of(known_nothing), known_nothing[:60], labels, np.ones(60)), np.eye(3)[labels]
    low, high = stats.t.interval(0.95, 59, truth_of(labels), stats.sem(figures_of(told)))
    np.testing.assert_allclose(claim.value, truth_of(labels))
    np.testing.assert_allclose(claim.high - claim.low, high - low, rtol=0.02)
    assert (claim.basis, claim.labels) == ("labelled", 60)


def test_when_all_is_labelled_nothing_is_left_to_be_unsure_of() -> None:
    for n in (5, 200):
        predicted, labels = asked([0.3, 0.4, 0.3], n, 4)
        claim = labelled(Sums.of(predicted), predicted, labels, np.ones(n))
        for told in (claim.value, claim.low, claim.high):
            np.testing.assert_allclose(told, truth_of(labels), atol=1e-9)


def test_shares_of_a_labelled_feed_add_up() -> None:
    predicted, labels = asked([0.2, 0.3, 0.5], 300, 5)
    polarity, negative, neutral, positive = labelled(Sums.of(predicted), predicted[:80], labels[:80], np.ones(80)).value
    assert negative + neutral + positive == pytest.approx(1)
    assert positive - negative == pytest.approx(polarity)


def test_too_few_labels_are_refused() -> None:
    predicted, labels = asked([0.3, 0.4, 0.3], 300, 6)
    few = FEWEST_LABELS - 1
    with pytest.raises(TooFewLabelsError, match="29 labels of 300 texts are too few"):
        labelled(Sums.of(predicted), predicted[:few], labels[:few], np.ones(few))


def test_labels_of_the_period_cover_the_truth_and_beat_labels_alone() -> None:
    inside, widths, alone = [], [], []
    for seed in range(300):
        predicted, labels = asked([0.5, 0.3, 0.2], 400, seed)
        claim = labelled(Sums.of(predicted), predicted[:80], labels[:80], np.full(80, 5.0))
        inside.append(covers(claim, truth_of(labels)))
        widths.append(claim.high - claim.low)
        alone.append(2 * 1.99 * stats.sem(figures_of(np.eye(3)[labels[:80]])) * np.sqrt(1 - 80 / 400))
    assert ((np.mean(inside, axis=0) > 0.91) & (np.mean(inside, axis=0) < 0.98)).all()
    assert (np.mean(widths, axis=0) < 0.85 * np.mean(alone, axis=0)).all()


def test_a_draw_that_preferred_some_texts_is_weighed() -> None:
    inside, naive = [], []
    for seed in range(300):
        random = np.random.default_rng(seed)
        predicted, labels = asked([0.4, 0.3, 0.3], 1_000, seed)
        sad = predicted[:, 0] > 0.5
        drawn = [random.choice(np.flatnonzero(of), 60, replace=False) for of in (sad, ~sad)]
        weights = np.repeat([sad.sum() / 60, (~sad).sum() / 60], 60)
        at = np.concatenate(drawn)
        for into, used in ((inside, weights), (naive, np.ones(120))):
            into.append(covers(labelled(Sums.of(predicted), predicted[at], labels[at], used), truth_of(labels)))
    assert (np.mean(inside, axis=0) > 0.92).all()
    assert np.mean(naive, axis=0)[1] < np.mean(inside, axis=0)[1]


def test_labels_of_an_earlier_period_follow_shares_that_moved() -> None:
    inside, errors, plain = [], [], []
    for seed in range(150):
        before, told = asked([0.2, 0.3, 0.5], 100, seed)
        after, labels = asked([0.65, 0.25, 0.1], 500, 1_000 + seed)
        claim = carried(Sums.of(after), before, told, np.ones(100), spread_of(0.08))
        inside.append(covers(claim, truth_of(labels)))
        errors.append(np.abs(claim.value - truth_of(labels)))
        plain.append(np.abs(Sums.of(after).mean - truth_of(labels)))
    assert (np.mean(inside, axis=0) > 0.93).all()
    assert np.mean(errors, axis=0)[0] < 0.6 * np.mean(plain, axis=0)[0]


def test_more_labels_of_an_earlier_period_tell_more() -> None:
    before, told = asked([0.3, 0.3, 0.4], 400, 7)
    now = Sums.of(asked([0.5, 0.3, 0.2], 800, 8)[0])
    claims = [carried(now, before[:m], told[:m], np.ones(m), spread_of(0.15)) for m in (0, 30, 400)]
    widths = [(claim.high - claim.low)[0] for claim in claims]
    assert widths == sorted(widths, reverse=True)
    assert [claim.labels for claim in claims] == [0, 30, 400]
    again = carried(now, before, told, np.ones(400), spread_of(0.15))
    np.testing.assert_array_equal(again.value, claims[-1].value)


def test_labels_hold_while_only_shares_move() -> None:
    stale = []
    for seed in range(200):
        before, told = asked([0.3, 0.3, 0.4], 100, seed)
        stale.append(drift(before, told, np.ones(100), Sums.of(asked([0.6, 0.3, 0.1], 500, 1_000 + seed)[0])).stale)
    assert np.mean(stale) <= 0.04


def test_labels_are_stale_when_the_texts_are_of_another_sort() -> None:
    before, told = asked([0.3, 0.3, 0.4], 100, 9)
    uncertain = np.random.default_rng(10).dirichlet([6, 6, 6], 500)
    found = drift(before, told, np.ones(100), Sums.of(uncertain))
    assert found.stale
    assert found.more == ENOUGH_LABELS


def test_of_labels_without_one_kind_staleness_cannot_be_told() -> None:
    before, told = asked([0.5, 0.0, 0.5], 100, 11)
    assert not drift(before, told, np.ones(100), Sums.of(before)).stale


def test_one_feed_is_its_own_pool() -> None:
    claim = unlabelled(Sums.of(asked([0.3, 0.4, 0.3], 50, 12)[0]), TAU)
    assert pooled([claim], [7.0]) is claim


def test_feeds_without_labels_do_not_make_each_other_surer() -> None:
    claims = [unlabelled(Sums.of(asked([0.3, 0.4, 0.3], 20_000, seed)[0]), TAU) for seed in range(4)]
    pool = pooled(claims, [1, 1, 1, 1])
    np.testing.assert_allclose(pool.high - pool.low, claims[0].high - claims[0].low, rtol=0.02)
    np.testing.assert_allclose(pool.value, np.mean([claim.value for claim in claims], axis=0))


def test_labelled_feeds_do_and_the_worst_basis_is_told() -> None:
    claims = []
    for seed in range(4):
        predicted, labels = asked([0.3, 0.4, 0.3], 1_000, seed)
        claims.append(labelled(Sums.of(predicted), predicted[:100], labels[:100], np.ones(100)))
    pool = pooled(claims, [2, 2, 2, 2])
    np.testing.assert_allclose(pool.high - pool.low, (claims[0].high - claims[0].low) / 2, rtol=0.15)
    assert (pool.basis, pool.labels) == ("labelled", 400)
    assert pooled([claims[0], unlabelled(Sums.of(predicted), TAU)], [9, 1]).basis == "unlabelled"
