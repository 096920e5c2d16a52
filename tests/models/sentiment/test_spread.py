"""The spread that ships with a model: stored and read, by group, and refused when it is anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.sentiment.spread import ALL, ALWAYS_DOUBTED, Answers, Spread, Tau, doubt_of, figures_of

KNOWN = {ALL: Tau((0.14, 0.09, 0.12, 0.09), 30, 0.3), "pt post": Tau((0.1, 0.05, 0.1, 0.08), 7, 0.4)}
NEW = {ALL: Tau((0.2, 0.13, 0.17, 0.12), 12, 0.3)}
SPREAD = Spread(KNOWN, NEW, Answers(np.arange(6) / 10, np.eye(6) / 100, np.ones((3, 2, 2)) / 20))


def test_what_is_stored_is_read() -> None:
    read = Spread.from_dict(SPREAD.as_dict())
    assert (read.known, read.new) == (KNOWN, NEW)
    for name in ("centre", "between", "within"):
        np.testing.assert_array_equal(getattr(read.answers, name), getattr(SPREAD.answers, name))


def test_a_feed_is_a_new_source_unless_it_was_learnt_from() -> None:
    assert SPREAD.tau("pt", "post") == NEW[ALL]
    assert SPREAD.tau("pt", "post", known=True) == KNOWN["pt post"]
    assert SPREAD.tau("en", "news", known=True) == KNOWN[ALL]


def test_doubt_is_the_variance_of_a_label_of_polarity() -> None:
    figures = figures_of([[0.5, 0, 0.5], [0.2, 0.8, 0], [0, 0, 1]])
    np.testing.assert_allclose(doubt_of(figures, figures**2), [1, 0.2 - 0.2**2, 0], atol=1e-12)


def test_tau_goes_with_the_root_of_doubt_and_some_is_left_of_any_text() -> None:
    tau = NEW[ALL]
    np.testing.assert_allclose(tau.at(tau.doubt), tau.values)
    np.testing.assert_allclose(tau.at(4 * tau.doubt + 3 * ALWAYS_DOUBTED), 2 * np.array(tau.values))
    assert (tau.at(0.0) > np.array(tau.values) / 3).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": {"pt post": {"values": [0.1, 0.1, 0.1, 0.1], "sets": 3}}},
        {"new": {ALL: {"values": [0.1, 0.1, 0.1], "sets": 3, "doubt": 0.3}}},
        {"answers": {"centre": [0.1], "between": np.eye(6).tolist(), "within": np.ones((3, 2, 2)).tolist()}},
    ],
    ids=["nothing of all", "three numbers", "another shape"],
)
def test_anything_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"group 'all'|not enough values|another shape"):
        Spread.from_dict(SPREAD.as_dict() | wrong)
