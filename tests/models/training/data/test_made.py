"""Written sentences as texts to learn from."""

from __future__ import annotations

from collections import Counter

import pytest

from models.evaluation.behaviour import read_cases
from models.sentiment.contract import LABELS
from models.training.data.duplicates import normalise
from models.training.data.made import OF_EACH, made_rows, with_made
from tests.models.training.conftest import two_rows

FRAME = two_rows("We arrived, our luggage did not!")


def test_sentences_are_learnt_from_and_never_measured_on() -> None:
    made = with_made(FRAME, rate=2.0)[2:]
    assert set(made["part"]) == {"train"}
    assert set(made["weight"]) == {2.0}
    assert not made["evaluate"].any()


def test_every_language_has_every_label() -> None:
    assert {*zip(made_rows()["language"], made_rows()["label"], strict=True)} == {
        (language, label) for language in ("en", "pt", "es") for label in range(3)
    }


def test_all_places_are_filled_no_text_comes_twice_and_they_are_the_same_every_time() -> None:
    texts = made_rows()["text"]
    assert not texts.str.contains(r"[{}]").any()
    assert Counter(texts).most_common(1)[0][1] == 1
    assert made_rows().equals(made_rows())


def test_a_sentence_gives_no_more_than_so_many_texts() -> None:
    crashed = made_rows()["text"].str.contains(r"^Third time .* has crashed")
    assert 0 < crashed.sum() <= OF_EACH


def test_a_text_that_the_rows_hold_is_left_out() -> None:
    held_out = "We arrived, our luggage did not."
    assert held_out in set(made_rows()["text"])
    assert held_out not in set(with_made(FRAME, rate=1.0)["text"])


def test_where_rows_have_targets_the_label_of_a_sentence_is_certain() -> None:
    frame = with_made(FRAME.assign(negative=[0.2, 1.0], neutral=[0.3, 0.0], positive=[0.5, 0.0]), rate=1.0)
    targets = frame[list(LABELS)].to_numpy()
    assert targets[0].tolist() == pytest.approx([0.2, 0.3, 0.5])
    assert (targets[2:].max(axis=1) == 1).all()
    assert targets[2:].argmax(axis=1).tolist() == frame["label"][2:].tolist()


def test_no_text_of_the_tests_of_behaviour_is_learnt() -> None:
    tested = {normalise(text) for case in read_cases() for text in (case.text, case.before) if text}
    assert not tested & set(made_rows()["text"].map(normalise))
