"""The cascade curve runs from the fast model to the accurate one, and time goes to what the fast is unsure of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.evaluation.budget import curve, seconds_of
from models.metrics import macro_f1

ROWS = pd.DataFrame({"dataset": "one", "language": "en", "kind": "post", "label": np.tile([0, 1, 2], 40)})
LABELS = ROWS["label"].to_numpy()


def unsure_where_wrong(wrong: np.ndarray) -> np.ndarray:
    """Right and sure, but where it is wrong, not so sure."""
    called = np.where(wrong, (LABELS + 1) % 3, LABELS)
    return np.where(wrong[:, None], 0.5, 0.8) * np.eye(3)[called] + np.where(wrong[:, None], 0.5, 0.2) / 3


def test_it_runs_from_the_fast_model_to_the_accurate_one() -> None:
    random = np.random.default_rng(0)
    fast, accurate = random.dirichlet([1, 1, 1], 120), random.dirichlet([1, 1, 1], 120)
    found = curve(ROWS, fast, accurate, (np.full(120, 0.001), np.full(120, 0.1)), steps=4)
    assert found["share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found["macro_f1"].iat[0] == pytest.approx(macro_f1(LABELS, fast.argmax(axis=1)))
    assert found["macro_f1"].iat[-1] == pytest.approx(macro_f1(LABELS, accurate.argmax(axis=1)))
    assert found["docs_per_second"].tolist() == pytest.approx([1000, 1 / 0.026, 1 / 0.051, 1 / 0.076, 1 / 0.101])


def test_what_is_unsure_is_scored_again_first() -> None:
    wrong = np.arange(120) % 4 == 0
    fast, accurate = unsure_where_wrong(wrong), np.eye(3)[LABELS]
    found = curve(ROWS, fast, accurate, (np.ones(120), np.ones(120)), steps=4)
    assert found["macro_f1"].iat[0] < 80
    assert found["macro_f1"].tolist()[1:] == [100, 100, 100, 100]


def test_only_the_texts_scored_again_are_paid_for() -> None:
    fast = np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.8, 0.1, 0.1]])
    dear = np.array([100.0, 7.0, 1000.0])
    found = curve(ROWS[:3], fast, fast, (np.ones(3), dear), steps=3)
    assert found["docs_per_second"].tolist() == pytest.approx([3 / 3, 3 / 10, 3 / 1010, 3 / 1110])


def test_longer_texts_cost_more() -> None:
    # 10 ms at 100 characters and 40 ms at 300: 15 ms for each further hundred
    found = seconds_of(np.array([0, 50, 100, 200, 300, 500]), {100: 100.0, 300: 25.0})
    assert found.tolist() == pytest.approx([0, 0.005, 0.010, 0.025, 0.040, 0.070])
