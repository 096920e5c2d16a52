"""The lexicon as texts to learn from."""

from __future__ import annotations

import pandas as pd
import pytest

from models.training.data.lexicon import with_lexicon
from models.training.data.rows import targets_of
from tests.models.training.conftest import two_rows

FRAME = two_rows("Awful!")


def test_a_word_is_worth_what_its_raters_said() -> None:
    frame = with_lexicon(FRAME, rate=2.0)
    words = frame.set_index("text").loc[["good", "murder", "alert"], ["negative", "neutral", "positive"]]
    assert words.to_numpy() == pytest.approx(pd.DataFrame([[0, 0, 1], [1, 0, 0], [0, 0.3, 0.7]]).to_numpy(), abs=1e-6)
    assert words.sum(axis=1).tolist() == pytest.approx([1, 1, 1])


def test_words_are_learnt_from_and_never_measured_on() -> None:
    words = with_lexicon(FRAME, rate=2.0)[2:]
    assert set(words["part"]) == {"train"}
    assert set(words["weight"]) == {2.0}
    assert not words["evaluate"].any()
    assert len(words) > 7_000


def test_rows_stay_as_they_are_and_their_texts_are_no_words() -> None:
    frame = with_lexicon(FRAME, rate=2.0)
    assert frame["text"].tolist()[:2] == ["a fine mug", "Awful!"]
    assert targets_of(frame)[:2].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert "awful" not in set(frame["text"])
