"""Baselines label by their thresholds and learn from nothing but their training rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.evaluation.baselines import TextBlob, TfIdf, from_polarity
from models.evaluation.contestants import lexicons, open_spec, tfidf
from models.sentiment import LABELS

ROWS = pd.DataFrame(
    {
        "text": ["adorei o café", "muito bom mesmo", "odiei o café", "muito ruim mesmo"] * 5,
        "label": [2, 2, 0, 0] * 5,
    }
)


@pytest.mark.parametrize(
    ("polarity", "label"),
    [(-1, "negative"), (-0.05, "negative"), (-0.049, "neutral"), (0, "neutral"), (0.05, "positive"), (1, "positive")],
)
def test_the_threshold_itself_is_no_longer_neutral(polarity: float, label: str) -> None:
    assert LABELS[int(from_polarity([polarity])[0].argmax())] == label


def test_textblob_labels_by_its_polarity() -> None:
    texts = ["This is wonderful", "This is awful", "The box has two cables", ""]
    scored = TextBlob().predict(texts)
    assert [LABELS[place] for place in scored.argmax(axis=1)] == ["positive", "negative", "neutral", "neutral"]
    assert scored.dtype == np.float32
    np.testing.assert_allclose(scored.sum(axis=1), 1, atol=1e-6)
    assert TextBlob().predict([]).shape == (0, 3)


@pytest.mark.parametrize("name", ["VADER", "TextBlob"])
def test_lexicons_are_opened_by_their_spec_and_are_no_probabilities(name: str) -> None:
    found = {one.name: one for one in lexicons()}[name]
    assert not found.probabilistic
    assert found.version.startswith(f"{name} ")
    negative, positive = open_spec(found.spec).predict(["horrible and bad", "great and good"])
    assert negative.argmax() == 0
    assert positive.argmax() == 2


def test_tfidf_learns_and_gives_no_share_to_a_label_it_never_saw() -> None:
    scored = TfIdf.train(ROWS).predict(["adorei mesmo", "odiei mesmo"])
    assert scored.argmax(axis=1).tolist() == [2, 0]
    assert scored[:, 1].tolist() == [0, 0]
    np.testing.assert_allclose(scored.sum(axis=1), 1, atol=1e-6)


def test_tfidf_is_trained_once_for_the_same_rows(tmp_path: Path) -> None:
    first = tfidf(ROWS, tmp_path)
    (written,) = tmp_path.iterdir()
    stamp = written.stat().st_mtime_ns
    assert tfidf(ROWS, tmp_path) == first
    assert written.stat().st_mtime_ns == stamp
    assert tfidf(ROWS[1:], tmp_path).digest != first.digest
    np.testing.assert_array_equal(open_spec(first.spec).predict(["adorei"]), TfIdf.train(ROWS).predict(["adorei"]))
