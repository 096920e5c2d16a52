"""Negators and stop words: no list leaves out what turns a sentence round."""

from __future__ import annotations

import pytest

from models.text.words import LISTED, is_negator, may_turn, stop_words

NEGATORS = {
    "pt": [
        "não",
        "nao",
        "n",
        "num",
        "nunca",
        "jamais",
        "nem",
        "sem",
        "nada",
        "ninguém",
        "nenhum",
        "nenhuma",
        "tampouco",
    ],
    "en": ["not", "no", "never", "nor", "neither", "nothing", "nobody", "none", "without", "cannot", "don't", "isn't"],
    "es": ["no", "nunca", "jamás", "ni", "sin", "nada", "nadie", "ningún", "ninguna", "tampoco"],
}
STRENGTH_AND_CONTRAST = {
    "pt": ["muito", "mais", "menos", "bem", "tão", "demais", "mas", "porém", "só"],
    "en": ["very", "too", "so", "more", "less", "most", "but", "however", "only", "just"],
    "es": ["muy", "más", "menos", "tan", "mucho", "pero", "solo", "bien"],
}


@pytest.mark.parametrize("language", LISTED)
def test_negators_are_no_stop_words(language: str) -> None:
    assert not stop_words(language) & set(NEGATORS[language])
    assert not {word for word in stop_words(language) if is_negator(word)} - {"no"}


def test_no_is_a_stop_word_in_portuguese_alone() -> None:
    assert [language for language in LISTED if "no" in stop_words(language)] == ["pt"]


@pytest.mark.parametrize("language", LISTED)
def test_words_of_strength_and_contrast_are_no_stop_words(language: str) -> None:
    assert not stop_words(language) & set(STRENGTH_AND_CONTRAST[language])


@pytest.mark.parametrize("word", [word for words in NEGATORS.values() for word in words])
def test_a_negator_is_one_however_it_is_typed(word: str) -> None:
    for typed in (word, word.upper(), f"{word},", f"“{word}”", word.replace("'", "’")):
        assert is_negator(typed), typed


@pytest.mark.parametrize("word", ["", "!", "bom", "good", "bueno", "note", "nadar", "ant", "😀"])
def test_other_words_are_no_negators(word: str) -> None:
    assert not is_negator(word)


@pytest.mark.parametrize("language", LISTED)
def test_stop_words_are_known_with_accents_and_without(language: str) -> None:
    assert {"pt": {"você", "voce"}, "en": {"the"}, "es": {"están", "estan"}}[language] <= stop_words(language)


def test_other_languages_have_no_stop_words() -> None:
    assert stop_words("other") == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "Good, BUT slow",
        "o preço é bom mas demora",
        "bonito, porem caro",
        "I wouldn’t buy it",
        "Não gostei",
        "pero caro",
    ],
)
def test_a_negator_or_a_contrast_may_turn_the_other_words(text: str) -> None:
    assert may_turn(text)


@pytest.mark.parametrize("text", ["", "butter and notes", "cada día más bonito", "máscara nova", "😀"])
def test_other_words_turn_nothing(text: str) -> None:
    assert not may_turn(text)
