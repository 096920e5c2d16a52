"""Language identification of short, dirty texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.language import LANGUAGES, identify, version


@pytest.mark.parametrize(
    ("text", "language"),
    [
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
        ("Очень плохой сервис", "other"),
        ("サービスが悪い", "other"),
        ("الخدمة سيئة جدا", "other"),
    ],
)
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
        "@maria #bomdia",
        "____",
        "&amp;",
    ],
)
def test_texts_without_words_are_other(text: str) -> None:
    assert identify([text]) == ["other"]


def test_addresses_mentions_and_markup_do_not_count() -> None:
    dirty = "@the_coffee_shop adorei o atendimento #thebestcoffee https://the.example/best-coffee-in-town<br/>"
    assert identify([dirty]) == ["pt"]


def test_some_foreign_letters_do_not_hide_a_language() -> None:
    assert identify(["O novo café Кофе da esquina é maravilhoso"]) == ["pt"]


def test_order_is_kept_and_each_text_judged_alone() -> None:
    texts = ["muito obrigado pela ajuda", "thank you for your help", "", "muchas gracias por la ayuda"]
    assert identify(texts) == ["pt", "en", "other", "es"]
    assert identify(texts[::-1]) == identify(texts)[::-1]


def test_no_texts() -> None:
    assert identify([]) == []


def test_a_long_text_is_read_at_its_head() -> None:
    assert identify(["esta loja é muito boa. " * 5_000]) == ["pt"]


@given(st.lists(st.text(st.characters(), max_size=200), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_string_gets_a_language_and_always_the_same(texts: list[str]) -> None:
    found = identify(texts)
    assert len(found) == len(texts)
    assert set(found) <= set(LANGUAGES)
    assert identify(texts) == found


def test_version_names_the_detector() -> None:
    assert version().startswith("py3langid-")
    assert version() == version()
