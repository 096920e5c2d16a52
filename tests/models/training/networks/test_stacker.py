"""The stacker: it learns whom to believe."""

from __future__ import annotations

import numpy as np

from models.training.networks.stacker import Stacker


def made_up() -> tuple[list[np.ndarray], np.ndarray]:
    """Logits of one who knows and of one who guesses, and the labels, int64 [n]."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    knows = 3 * np.eye(3)[labels] + random.normal(0, 0.5, (600, 3))
    return [knows.astype(np.float32), random.normal(0, 3, (600, 3)).astype(np.float32)], labels


def test_it_believes_who_knows() -> None:
    said, labels = made_up()
    stacker = Stacker.fitted(said, labels, np.ones(len(labels)))
    joined = stacker.join(said)
    assert (joined.shape, joined.dtype) == ((600, 3), np.float32)
    assert (joined.argmax(axis=1) == labels).mean() > 0.99
    assert np.abs(stacker.kernel[:3]).max() > 5 * np.abs(stacker.kernel[3:]).max()


def test_a_label_that_counts_more_is_said_more_often() -> None:
    (_, guesses), labels = made_up()
    plain, heavy = (
        Stacker.fitted([guesses], labels, np.where(labels == 1, weight, 1.0)).join([guesses]).argmax(axis=1)
        for weight in (1.0, 5.0)
    )
    assert (heavy == 1).sum() > (plain == 1).sum()


def test_what_is_added_to_all_logits_changes_nothing() -> None:
    said, labels = made_up()
    stacker = Stacker.fitted(said, labels, np.ones(len(labels)))
    np.testing.assert_allclose(stacker.join([one + 5 for one in said]), stacker.join(said), atol=1e-4)
