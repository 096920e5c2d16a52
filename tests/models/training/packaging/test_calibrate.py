"""Temperatures: they undo what was done to honest scores, and few rows do not lead far."""

from __future__ import annotations

import numpy as np
import pytest

from models.sentiment.calibration import Calibration, softmax
from models.training.packaging.calibrate import calibrate, temperature


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits [rows, 3] and labels that were drawn from their probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, 3)) * 2
    return logits, (softmax(logits).cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)


def test_the_temperature_cools_overconfidence() -> None:
    logits, labels = drawn(4_000)
    found = calibrate(logits * 2, labels, ["pt"] * 4_000, ["post"] * 4_000)
    assert found.temperature == pytest.approx(2, rel=0.1)


def test_a_group_with_many_rows_has_its_own_temperature() -> None:
    logits, labels = drawn(8_000)
    half = np.arange(8_000) < 4_000
    logits[half] *= 3
    found = calibrate(logits, labels, np.where(half, "pt", "en").tolist(), ["post"] * 8_000)
    assert found.groups["pt post"] == pytest.approx(3, rel=0.15)
    assert found.groups["en post"] == pytest.approx(1, rel=0.15)


def test_a_group_with_few_rows_keeps_close_to_the_shared_one() -> None:
    logits, labels = drawn(4_000)
    logits[:10] *= 5
    found = calibrate(logits, labels, ["es"] * 10 + ["en"] * 3_990, ["news"] * 4_000)
    assert found.groups["es news"] == pytest.approx(found.temperature, rel=0.1)


def test_without_rows_nothing_is_changed() -> None:
    assert calibrate(np.zeros((0, 3)), np.zeros(0, int), [], []) == Calibration.identity()


def test_applying_divides_by_the_temperature_of_the_group() -> None:
    logits = np.array([[0.0, 1.0, 2.0]] * 3)
    calibration = Calibration(2.0, {"pt post": 0.5})
    known = calibration.apply(logits, ["pt", "pt", "en"], ["post", "news", "post"])
    np.testing.assert_allclose(known[0], softmax(logits[:1] / 0.5)[0], rtol=1e-6)
    np.testing.assert_allclose(known[1:], softmax(logits[1:] / 2.0), rtol=1e-6)
    np.testing.assert_allclose(calibration.apply(logits), softmax(logits / 2.0), rtol=1e-6)


def test_neutral_may_be_likelier_in_texts_of_a_kind() -> None:
    calibration = Calibration(2.0, {"pt post": 0.5}, neutral={"post": 1.0})
    before = Calibration(2.0, {"pt post": 0.5})
    logits = np.array([[0.0, 1.0, 2.0]] * 3)
    given = ["pt", "en", "pt"], ["post", "post", "news"]
    odds = calibration.apply(logits, *given).astype(float) / before.apply(logits, *given)
    np.testing.assert_allclose(odds[:, 1] / odds[:, 0], [np.e, np.e, 1], rtol=1e-5)
    np.testing.assert_allclose(odds[:, 2] / odds[:, 0], 1, rtol=1e-5)
    np.testing.assert_allclose(calibration.apply(logits), before.apply(logits), rtol=1e-6)


def test_it_survives_being_written_down() -> None:
    calibration = Calibration(1.5, {"en post": 0.9}, mixed=0.8, neutral={"news": 0.4})
    assert Calibration.from_dict(calibration.as_dict()) == calibration


def test_no_logits_give_no_probabilities() -> None:
    assert Calibration().apply(np.zeros((0, 3))).shape == (0, 3)
    assert Calibration().apply(np.zeros((0, 3)), [], []).shape == (0, 3)


def test_few_rows_keep_close_to_what_a_model_had_before() -> None:
    logits, labels = np.array([[4.0, 0, 0], [0, 0, 4.0]] * 3), np.array([0, 2] * 3)
    prior = Calibration(2.0, {"pt post": 1.8, "en news": 1.5})
    after = calibrate(logits, labels, ["pt"] * 6, ["post"] * 6, prior)
    assert calibrate(logits, labels, ["pt"] * 6, ["post"] * 6).temperature == 0.25
    assert after.temperature == pytest.approx(2.0, rel=0.05)
    assert after.groups["pt post"] == pytest.approx(1.8, rel=0.05)
    assert after.groups["en news"] == 1.5


def test_without_rows_a_model_keeps_what_it_had() -> None:
    prior = Calibration(2.0, {"pt post": 1.8}, mixed=0.8)
    assert calibrate(np.zeros((0, 3)), np.zeros(0, np.int64), [], [], prior) == prior


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, 2.0), (400, 2.0**0.5), pytest.param(400_000, 1.0, marks=pytest.mark.slow)]
)
def test_a_temperature_keeps_as_close_to_an_earlier_one_as_there_are_few_rows(rows: int, expected: float) -> None:
    """Half of the labels are right where the odds are even: the rows ask for a temperature of 1."""
    logits = np.tile([np.log(0.5), np.log(0.25), np.log(0.25)], (rows, 1))
    labels = np.arange(rows) % 4 % 3
    assert temperature(logits, labels, prior=2.0) == pytest.approx(expected, rel=0.02)
