"""Words that mattered: what each word of a text did to its polarity, by a model that counts words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from models.sentiment import LABELS, load, words_that_mattered

VALUES = {"good": 0.2, "lovely": 0.4, "bad": -0.3}


class Counting:
    """Adds up what words are worth; a *not* before a word turns it. Remembers what it was asked."""

    name, version, labels = "counting", "counting-1", LABELS

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[str] | None, list[str] | None]] = []

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        self.asked.append((list(texts), languages and list(languages), kinds and list(kinds)))
        polarity = np.array([self._polarity(text.lower().strip(" !").split()) for text in texts])
        return np.stack([0.3 - polarity / 2, np.full(len(texts), 0.4), 0.3 + polarity / 2], axis=1).astype(np.float32)

    def _polarity(self, words: list[str]) -> float:
        pairs = zip(["", *words], words, strict=False)
        return sum((-1 if before == "not" else 1) * VALUES.get(word, 0.0) for before, word in pairs)


def told(text: str, most: int = 64) -> dict[str, float]:
    (found,) = words_that_mattered(Counting(), [text], most=most)
    return {text[one.begin : one.end]: pytest.approx(one.moved, abs=1e-6) for one in found}


def test_each_word_is_told_with_what_it_did() -> None:
    assert told("A lovely tea, bad cups!") == {"A": 0, "lovely": 0.4, "tea,": 0, "bad": -0.3, "cups!": 0}


def test_a_word_that_turns_another_has_what_it_turned() -> None:
    """Without *not* the text says 0.2 instead of -0.2."""
    assert told("not good") == {"not": -0.4, "good": -0.2}


def test_the_model_is_asked_once_about_all_texts_in_their_language_and_kind() -> None:
    model = Counting()
    found = words_that_mattered(model, ["good tea", "", "bad"], ["en", "pt", "es"], ["post", "news", "review"])
    assert [len(words) for words in found] == [2, 0, 1]
    assert model.asked == [
        (
            ["good tea", "tea", "good ", "", "bad", ""],
            ["en", "en", "en", "pt", "es", "es"],
            ["post", "post", "post", "news", "review", "review"],
        )
    ]


def test_evidence_is_of_log_odds() -> None:
    lovely, bad = words_that_mattered(Counting(), ["lovely bad"])[0]
    assert lovely.evidence == pytest.approx(math.log(0.35 / 0.25) - math.log(0.15 / 0.45), abs=1e-5)
    assert bad.evidence == pytest.approx(math.log(0.35 / 0.25) - math.log(0.5 / 0.1), abs=1e-5)
    (sure,) = words_that_mattered(Counting(), ["good lovely"])
    assert all(0 < word.evidence < 100 for word in sure), "0 : 0.6 is no infinite evidence"


def test_of_a_long_text_neighbours_are_left_out_together() -> None:
    assert told("good tea lovely cups bad", most=2) == {"good tea lovely": 0.6, "cups bad": -0.3}


def test_spaces_and_half_characters_do_no_harm() -> None:
    assert told("  good\n\nbad \ud83d ") == {"good": 0.2, "bad": -0.3, "\ud83d": 0}
    assert words_that_mattered(Counting(), []) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "language", "word", "sign"),
    [
        ("O atendimento foi péssimo e a comida chegou fria", "pt", "péssimo", -1),
        ("I really love this phone", "en", "love", 1),
        ("I do not recommend this hotel", "en", "not", -1),
    ],
)
def test_a_packaged_model_goes_by_the_words_that_people_would_name(
    text: str, language: str, word: str, sign: int
) -> None:
    (found,) = words_that_mattered(load("balanced"), [text], [language], ["post"])
    most = max(found, key=lambda one: sign * one.moved)
    assert text[most.begin : most.end] == word
