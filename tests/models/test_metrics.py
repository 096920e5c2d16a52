"""Measures equal those of scikit-learn and of hand; intervals are the same each time and as wide as they should be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from models import metrics

LABELLED = st.integers(1, 60).flatmap(
    lambda count: st.tuples(*[st.lists(st.integers(0, 2), min_size=count, max_size=count).map(np.array)] * 2)
)


def rows_of(labels: np.ndarray, dataset: str = "one", language: str = "en", kind: str = "post") -> pd.DataFrame:
    return pd.DataFrame({"dataset": dataset, "language": language, "kind": kind, "label": labels})


def one_hot(predicted: np.ndarray) -> np.ndarray:
    return np.eye(3)[predicted]


@given(LABELLED)
def test_measures_equal_those_of_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, predicted = pair
    occurring = np.unique(labels)
    f1 = f1_score(labels, predicted, labels=occurring, average="macro", zero_division=0)
    recall = recall_score(labels, predicted, labels=occurring, average="macro", zero_division=0)
    matrix = metrics.confusion(labels, predicted)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, predicted, labels=[0, 1, 2]))
    assert metrics.macro_f1(labels, predicted) == pytest.approx(100 * f1)
    assert metrics.macro_recall(labels, predicted) == pytest.approx(100 * recall)
    assert metrics.accuracy_of(matrix) == pytest.approx(100 * accuracy_score(labels, predicted))


def test_macro_f1_by_hand() -> None:
    # negative: 1 hit, called 2, is 1 -> 2/3; neutral: 1, 1, 2 -> 2/3; positive: 1, 1, 1 -> 1
    labels, predicted = np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2])
    assert metrics.macro_f1(labels, predicted) == pytest.approx(100 * (2 / 3 + 2 / 3 + 1) / 3)


def test_a_set_of_two_labels_is_judged_on_those_two() -> None:
    labels = np.array([0, 0, 2, 2])
    assert metrics.macro_f1(labels, labels) == 100
    # one positive text called neutral: F1 1 and 2/3, recall 1 and 1/2
    predicted = np.array([0, 0, 2, 1])
    assert metrics.macro_f1(labels, predicted) == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert metrics.macro_recall(labels, predicted) == pytest.approx(75)


def test_many_matrices_at_once_give_what_each_gives_alone() -> None:
    random = np.random.default_rng(0)
    many = random.integers(0, 5, (7, 4, 3, 3))
    for measure in (metrics.f1_of, metrics.recall_of, metrics.accuracy_of):
        assert measure(many).shape == (7, 4)
        assert measure(many)[3, 2] == pytest.approx(measure(many[3, 2]))


def test_calibration_error_by_hand() -> None:
    # two texts at 0.8 of which one is right (gap 0.3), two at 0.5 of which both are right (gap 0.5)
    probabilities = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    labels = np.array([0, 1, 2, 2])
    assert metrics.calibration_error(labels, probabilities) == pytest.approx((2 * 0.3 + 2 * 0.5) / 4)
    curve = metrics.reliability(labels, probabilities)
    assert curve.to_dict("list") == {
        "confidence": pytest.approx([0.5, 0.8]),
        "accuracy": [1.0, 0.5],
        "rows": [2, 2],
    }


def test_probabilities_that_mean_what_they_say_have_no_calibration_error() -> None:
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([1, 1, 1], 200_000)
    labels = (random.random((200_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=2)
    assert metrics.calibration_error(labels, probabilities) < 0.005
    assert metrics.calibration_error(labels, one_hot(probabilities.argmax(axis=1))) > 0.2


def test_certainty_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.45, 0.3, 0.25], [0.0, 0.2, 0.8]])
    found = metrics.certainty(np.array([0, 0, 1, 1]), probabilities, 0.5)
    assert found == {"share": 0.5, "accuracy": 0.5, "accuracy_of_sure": 0.5}
    assert np.isnan(metrics.certainty(np.array([0, 0, 1, 1]), probabilities, 0.0)["accuracy"])


def test_intervals_are_the_same_each_time_and_hold_the_score() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, 400)
    probabilities = random.dirichlet([1, 1, 1], 400)
    first = metrics.by_dataset(rows_of(labels), probabilities)
    pd.testing.assert_frame_equal(first, metrics.by_dataset(rows_of(labels), probabilities))
    line = first.iloc[0]
    assert line["low"] < line["macro_f1"] < line["high"]
    assert line["recall_low"] < line["macro_recall"] < line["recall_high"]


def test_an_interval_is_as_wide_as_theory_says() -> None:
    # accuracy is a binomial share: 95 % interval p +- 1.96 sqrt(p (1 - p) / n)
    labels = np.zeros(1_000, np.int64)
    predicted = np.r_[np.zeros(700, np.int64), np.ones(300, np.int64)]
    line = metrics.by_dataset(rows_of(labels), one_hot(predicted), resamples=20_000).iloc[0]
    half = 196 * np.sqrt(0.7 * 0.3 / 1_000)
    assert line["accuracy_low"] == pytest.approx(70 - half, abs=0.2)
    assert line["accuracy_high"] == pytest.approx(70 + half, abs=0.2)


def test_drawing_cells_is_drawing_rows() -> None:
    random = np.random.default_rng(3)
    labels, predicted = random.integers(0, 3, 150), random.integers(0, 3, 150)
    drawn = random.integers(0, 150, (4_000, 150))
    by_rows = [metrics.macro_f1(labels[places], predicted[places]) for places in drawn]
    by_cells = metrics.f1_of(metrics.resample(metrics.confusion(labels, predicted), "a set", 4_000))
    np.testing.assert_allclose(
        np.percentile(by_cells, [2.5, 50, 97.5]), np.percentile(by_rows, [2.5, 50, 97.5]), atol=0.7
    )


def test_groups_are_means_over_data_sets_however_large() -> None:
    good, bad = np.tile([0, 1, 2], 100), np.tile([0, 1, 2], 2)
    rows = pd.concat([rows_of(good, "large"), rows_of(bad, "small"), rows_of(bad, "other", "pt", "news")])
    probabilities = one_hot(np.r_[good, np.roll(bad, 1), bad])
    table = metrics.by_group(rows, probabilities).set_index("group")
    assert list(table.index) == ["en post", "pt news", "mean"]
    assert table.loc["en post", "macro_f1"] == pytest.approx(50)
    assert table.loc["mean", "macro_f1"] == pytest.approx(200 / 3)
    assert list(table["rows"]) == [306, 6, 312]
    assert table.loc["pt news", ["macro_f1", "low", "high"]].tolist() == [100, 100, 100]


def test_a_set_alone_has_the_interval_it_has_among_others() -> None:
    random = np.random.default_rng(4)
    rows = pd.concat([rows_of(random.integers(0, 3, 50), name) for name in ("one", "two")], ignore_index=True)
    probabilities = random.dirichlet([1, 1, 1], 100)
    together = metrics.by_dataset(rows, probabilities)
    alone = metrics.by_dataset(rows[50:], probabilities[50:])
    pd.testing.assert_frame_equal(together[1:].reset_index(drop=True), alone)
