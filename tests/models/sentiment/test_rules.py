"""The rules engine: what negation, degree, contrast, capitals, marks and emoji do, in three languages."""

from __future__ import annotations

from pathlib import Path

import nltk
import numpy as np
import pytest
from nltk.sentiment.vader import SentimentIntensityAnalyzer

from models.sentiment.rules import Analyser, Grammar, LanguageRules, Rulebook, vader_language
from models.training.families.rules import grammars

PORTUGUESE = {"bom": 2.0, "otimo": 3.0, "ruim": -2.0, "😡": -3.0, "😍": 3.0, ":(": -2.0}
SPANISH = {"bueno": 2.0, "malo": -2.0, "😍": 3.0}

ENGLISH = [
    "I love it",
    "I LOVE it!!!",
    "not good at all",
    "The food was great, but the service was terrible.",
    "kind of nice :)",
    "It isn't bad??",
    "The shop opens at nine.",
    "",
]


@pytest.fixture(scope="module")
def pt() -> Analyser:
    return Analyser(PORTUGUESE, grammars()["pt"])


@pytest.fixture(scope="module")
def es() -> Analyser:
    return Analyser(SPANISH, grammars()["es"])


def compound(analyser: SentimentIntensityAnalyzer, text: str) -> float:
    return float(analyser.polarity_scores(text)["compound"])


@pytest.mark.parametrize(
    "text",
    [
        "não é bom",
        "nao e bom",
        "NÃO É BOM",
        "nunca foi bom",
        "não é nada bom",
        "n achei bom",
        "nem um pouco bom",
        "sem nada de bom",
    ],
)
def test_portuguese_negation_turns_a_word(pt: Analyser, text: str) -> None:
    assert compound(pt, text) < 0


@pytest.mark.parametrize(
    "text",
    [
        "pois não, tudo bom",
        "Pois não! Bom dia",
        "no bom sentido",
        "fui no restaurante bom",
        "não só bom como barato",
        "sem dúvida bom",
        "não sei de onde veio, mas achei bom",
    ],
)
def test_portuguese_words_that_only_look_like_negation_do_not(pt: Analyser, text: str) -> None:
    assert compound(pt, text) > 0


def test_spanish_no_negates_and_sin_embargo_does_not(es: Analyser) -> None:
    assert compound(es, "no es bueno") < 0
    assert compound(es, "es bueno") > 0
    assert compound(es, "nunca fue bueno") < 0
    assert compound(es, "sin embargo bueno") > 0
    assert compound(es, "sin duda bueno") > 0


def test_a_negated_bad_word_is_good(pt: Analyser) -> None:
    assert compound(pt, "não é ruim") > 0


def test_degree(pt: Analyser, es: Analyser) -> None:
    assert compound(pt, "pouco bom") < compound(pt, "bom") < compound(pt, "muito bom")
    assert compound(pt, "muito ruim") < compound(pt, "ruim") < compound(pt, "meio ruim")
    assert compound(es, "casi bueno") < compound(es, "bueno") < compound(es, "muy bueno")


@pytest.mark.parametrize("but", ["mas", "porém", "porem", "contudo", "no entanto", "só que"])
def test_what_follows_a_contrast_counts_more_in_portuguese(pt: Analyser, but: str) -> None:
    assert compound(pt, f"bom, {but} ruim") < 0 < compound(pt, f"ruim, {but} bom")


@pytest.mark.parametrize("but", ["pero", "sin embargo", "no obstante"])
def test_what_follows_a_contrast_counts_more_in_spanish(es: Analyser, but: str) -> None:
    assert compound(es, f"bueno, {but} malo") < 0 < compound(es, f"malo, {but} bueno")


def test_capitals_and_marks_add_emphasis(pt: Analyser) -> None:
    assert compound(pt, "que produto BOM") > compound(pt, "que produto bom")
    assert compound(pt, "bom!!!") > compound(pt, "bom")
    assert compound(pt, "ruim!!!") < compound(pt, "ruim")


def test_accents_and_stretched_letters_do_not_matter(pt: Analyser) -> None:
    assert compound(pt, "ótimo") == compound(pt, "otimo") == compound(pt, "óóóótimo") > 0


@pytest.mark.parametrize("text", ["😡", "chegou😡", "😡😡", "😡\ufe0f", ":(", "que dia :("])
def test_emoji_and_emoticons_are_words(pt: Analyser, text: str) -> None:
    assert compound(pt, text) < 0


@pytest.mark.parametrize("text", ["não acredito 😡", "nem acredito :("])
def test_negation_does_not_turn_them(pt: Analyser, text: str) -> None:
    assert compound(pt, text) < 0


def test_english_is_vader_as_nltk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = vader_language()
    table = tmp_path / "lexicon.txt"
    table.write_text("\n".join(f"{word}\t{valence}" for word, valence in english.lexicon.items()), encoding="utf-8")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    nltk_own = SentimentIntensityAnalyzer(table.name)
    ours = english.analyser()
    assert [ours.polarity_scores(text) for text in ENGLISH] == [nltk_own.polarity_scores(text) for text in ENGLISH]


def test_english_reads_emoji_by_their_descriptions() -> None:
    analyser = vader_language().analyser()
    assert compound(analyser, "😍") == compound(analyser, "smiling face with heart-eyes") > 0
    assert compound(analyser, "it came😢") < 0


def test_english_decides_at_the_published_thresholds() -> None:
    analyser = vader_language().analyser()
    logits = Rulebook((), {"en": vader_language()}).logits(ENGLISH, ["en"] * len(ENGLISH))
    compounds = np.array([compound(analyser, text) for text in ENGLISH])
    assert logits.dtype == np.float32
    assert logits.argmax(axis=1).tolist() == np.digitize(compounds, [-0.0499, 0.05]).tolist()


@pytest.mark.parametrize(("valence", "label"), [(0.1938, 2), (-0.1938, 0), (0.193, 1), (-0.193, 1)])
def test_a_compound_of_exactly_a_twentieth_is_no_longer_neutral(valence: float, label: int) -> None:
    rules = Rulebook((), {"en": LanguageRules({"fair": valence})})
    assert rules.logits(["fair"], ["en"]).argmax() == label


def test_a_language_without_words_of_its_own_is_read_as_english(pt: Analyser) -> None:
    rules = Rulebook((), {"en": LanguageRules({"good": 2.0}), "pt": LanguageRules(PORTUGUESE, grammars()["pt"])})
    logits = rules.logits(["good", "good", "bom", "bom"], ["other", "pt", "pt", "en"])
    assert logits.argmax(axis=1).tolist() == [2, 1, 2, 1]


def test_rules_are_the_same_after_json() -> None:
    rules = Rulebook(("html",), {"en": LanguageRules({"good": 2.0}), "pt": LanguageRules(PORTUGUESE, grammars()["pt"])})
    assert Rulebook.from_dict(rules.as_dict()) == rules


def test_texts_are_cleaned_before_they_are_read() -> None:
    languages = {"en": LanguageRules({}), "pt": LanguageRules(PORTUGUESE, Grammar())}
    text, language = ["x@bom.com"], ["pt"]
    assert Rulebook((), languages).logits(text, language).argmax() == 2
    assert Rulebook(("mentions",), languages).logits(text, language).argmax() == 1


@pytest.mark.parametrize(
    "text", ["", " \n", "bom \ud800 dia", "a\x00b", "e" + "\u0301" * 5_000, "a-" * 20_000, "😡" * 20_000, "<br/>" * 500]
)
@pytest.mark.parametrize("language", ["pt", "en"])
def test_any_string_is_read(text: str, language: str) -> None:
    languages = {"en": vader_language(), "pt": LanguageRules(PORTUGUESE, grammars()["pt"])}
    assert np.isfinite(Rulebook((), languages).logits([text], [language])).all()


def test_no_texts_give_no_rows() -> None:
    assert Rulebook((), {"en": vader_language()}).logits([], []).shape == (0, 3)
