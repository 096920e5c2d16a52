"""Language identification of short, dirty texts."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.language import LANGUAGES, identify, version, words

PLAIN = (
    ("O atendimento da loja foi muito bom, voltarei sempre", "pt"),
    ("nao gostei do cafe, veio frio", "pt"),
    ("bom dia, alguém sabe se a loja abre hoje?", "pt"),
    ("kkkkkkkk que coisa boa demais", "pt"),
    ("The coffee was cold and the waiter was rude", "en"),
    ("love this place so much", "en"),
    ("El servicio de la tienda fue muy malo, no vuelvo", "es"),
    ("¿alguien sabe si la tienda abre hoy?", "es"),
    ("c'est vraiment très mauvais, je suis déçu", "other"),
    ("der Kaffee war leider kalt und viel zu teuer", "other"),
    ("il servizio è stato ottimo, grazie mille a tutti", "other"),
    ("de bediening was heel slecht, wij komen niet terug", "other"),
    ("el servei és molt dolent i no hi tornarem pas", "other"),
    ("serviciul a fost foarte slab și nu mai venim", "other"),
    ("servisen var mycket dålig och vi kommer inte tillbaka", "other"),
    ("Очень плохой сервис", "other"),
    ("サービスが悪い", "other"),
    ("الخدمة سيئة جدا", "other"),
)
SENTENCES = [text for text, _ in PLAIN] + ["bom", "kkkk", "", "c'est nul"]


@pytest.mark.parametrize(("text", "language"), PLAIN)
def test_plain_sentences(text: str, language: str) -> None:
    assert identify([text]) == [language]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "😂😂😂",
        "12.345,67 !!!",
        "https://exemplo.com/a-loja-do-cafe",
        "@maria @joao_silva",
        "kkkkkk",
        "____",
        "&amp;",
    ],
)
def test_texts_without_words_are_other(text: str) -> None:
    assert identify([text]) == ["other"]


def test_addresses_mentions_and_markup_do_not_count() -> None:
    dirty = "@the_coffee_shop adorei o atendimento &lt;b&gt; https://the.example/best-coffee-in-town<br/>"
    assert words(dirty) == "adorei o atendimento"
    assert identify([dirty]) == ["pt"]


def test_a_hashtag_is_read() -> None:
    assert identify(["#goodmorning", "@maria #adorei"]) == ["en", "pt"]


@pytest.mark.parametrize(
    ("text", "language"),
    [("bom", "pt"), ("mto bom", "pt"), ("Adorei!", "pt"), ("love u", "en"), ("great", "en"), ("me encanta", "es")],
)
def test_a_word_or_two_is_not_lost_to_a_rare_language(text: str, language: str) -> None:
    assert identify([text]) == [language]


@pytest.mark.parametrize(
    "text", ["не работает app", "最高 nice", "très bon", "sehr gut", "molto buono", "bardzo dobry"]
)
def test_a_word_or_two_of_a_frequent_language_is_other(text: str) -> None:
    assert identify([text]) == ["other"]


def test_some_foreign_letters_do_not_hide_a_language() -> None:
    assert identify(["O novo café Кофе da esquina é maravilhoso"]) == ["pt"]


def test_some_of_our_words_do_not_hide_another_language() -> None:
    assert identify(["Очень плохой сервис, больше не приду, very bad"]) == ["other"]


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_what_the_detector_cannot_read_is_skipped(odd: str) -> None:
    assert identify([f"{odd}adorei {odd} o atendimento da loja nova"]) == ["pt"]


def test_order_is_kept() -> None:
    texts = ["muito obrigado pela ajuda", "thank you for your help", "", "muchas gracias por la ayuda"]
    assert identify(texts) == ["pt", "en", "other", "es"]


def test_no_texts() -> None:
    assert identify([]) == []


def test_a_long_text_is_read_at_its_head() -> None:
    assert identify(["esta loja é muito boa. " * 25 + "this shop is very good. " * 5_000]) == ["pt"]


@given(st.lists(st.text(st.characters(), max_size=200), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_string_gets_a_language(texts: list[str]) -> None:
    found = identify(texts)
    assert len(found) == len(texts)
    assert set(found) <= set(LANGUAGES)


@given(st.permutations(SENTENCES), st.integers(0, len(SENTENCES)))
@settings(max_examples=50, deadline=None)
def test_a_text_is_judged_by_itself(texts: list[str], count: int) -> None:
    assert identify(texts[:count]) == [identify([text])[0] for text in texts[:count]]


def test_version_names_the_detector() -> None:
    assert version() == f"eldc-{metadata.version('eldc')}+rules-2"
