from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.settings import Brand, Topic
from jobs.terms import Matcher


def matches(terms: Sequence[str], text: str) -> bool:
    return bool(len(Matcher([Brand(name="Marca", terms=tuple(terms))])(pa.array([text])).text))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("aurora", "Amo a AURORA!"),
        ("aurora", "aurora"),
        ("aurora", "#Aurora"),
        ("aurora", "@aurora, oi"),
        ("aurora", "https://aurora.example"),
        ("aurora", "vi a\naurora\nontem"),
        ("café aurora", "no Cafe  Aurora"),
        ("café aurora", "no CAFÉ\naurora"),
        ("cafe aurora", "o cafe\u0301 aurora"),
        ("#auroracafe", "adorei #AuroraCafé"),
        ("@cafeaurora", "oi @CafeAurora!"),
        ("c++", "escrito em C++."),
        ("a.b", "o A.B de novo"),
        ("50% off", "com 50% OFF!"),
        ("(x)", "marca (X) nova"),
        ("são joão", "SAO JOÃO"),
        ("ÁGUA", "água"),
        ("हिन्दी", "यह हिन्दी है"),
        ("ΟΔΟΣ", "η ΟΔΟΣ μας"),
        ("日本", "「日本」"),
        ("a|b", "um a|b aqui"),
    ],
)
def test_a_term_is_found_whatever_its_case_and_accents(term: str, text: str) -> None:
    assert matches([term], text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("aurora", "auroras"),
        ("aurora", "laurora"),
        ("aurora", "aurora_boreal"),
        ("aurora", "aurora2"),
        ("aurora", "#auroracafe"),
        ("aurora", "auroraé"),
        ("#auroracafe", "auroracafe"),
        ("a.b", "axb"),
        ("c++", "c"),
        ("a|b", "só a"),
        ("a.*", "abacate"),
        ("café aurora", "aurora café"),
        ("café aurora", "cafeaurora"),
    ],
)
def test_a_term_is_matched_whole_and_literally(term: str, text: str) -> None:
    assert not matches([term], text)


def has_a_letter_or_digit(term: str) -> bool:
    return any(character.isalnum() for character in term)


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=2, max_size=8).filter(
        has_a_letter_or_digit
    )
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_term_is_found_in_itself(term: str) -> None:
    assert matches([term], f"eu vi {term}, sim")


# Many texts, many rules


def test_every_rule_finds_its_own_texts_and_a_text_counts_once() -> None:
    rules = [Brand(name=name, terms=terms) for name, terms in (("A", ("aurora", "café aurora")), ("B", ("brisa",)))]
    texts = ["", "aurora aurora", "nada", "Brisa no Café Aurora", "aur", "ora brisa"]
    found = Matcher(rules)(pa.array(texts))
    assert list(zip(found.text.tolist(), found.rule.tolist(), strict=True)) == [(1, 0), (3, 0), (3, 1), (5, 1)]


def test_a_term_never_runs_from_one_text_into_the_next() -> None:
    assert not len(Matcher([Brand(name="A", terms=("café aurora",))])(pa.array(["um café", "aurora"])).text)


def test_texts_are_read_wherever_they_lie_in_a_batch() -> None:
    texts = pa.array(["aurora", "nada", "é", "aurora"]).slice(1)
    assert Matcher([Brand(name="A", terms=("aurora",))])(texts).text.tolist() == [2]
    assert Matcher([Brand(name="A", terms=("aurora",))])(texts.cast(pa.large_string())).text.tolist() == [2]


def test_no_rule_and_no_text_find_nothing() -> None:
    assert not len(Matcher([])(pa.array(["aurora"])).text)
    assert not len(Matcher([Brand(name="A", terms=("aurora",))])(pa.array([], pa.string())).text)


def test_thousands_of_terms_are_found_like_each_alone() -> None:
    words = [f"w{n}x" for n in range(3000)]
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    rules = [Brand(name=f"r{n}", terms=(pair,)) for n, pair in enumerate(pairs)]
    found = Matcher(rules)(pa.array([f"{pair}!" for pair in pairs[::7]]))
    assert found.rule.tolist() == list(range(0, 2999, 7))


# Topics


def topic(text: str, language: str = "pt", **said: Any) -> bool:
    rule = Topic(name="T", **said)
    return bool(len(Matcher([rule], inflected=True)(pa.array([text]), pa.array([language])).text))


@pytest.mark.parametrize(
    ("term", "text", "language"),
    [
        ("entrega", "as ENTREGAS atrasaram", "pt"),
        ("atraso", "chegou atrasado", "pt"),
        ("atraso", "atrasou de novo", "pt"),
        ("informação", "sem informações", "pt"),
        ("informacao", "sem informação nenhuma", "pt"),
        ("loja", "nas lojas", "pt"),
        ("entrega rápida", "entregas  rapidas", "pt"),
        ("entrega rápida", "adorei #EntregaRápida", "pt"),
        ("delivery", "two deliveries", "en"),
        ("delivery", "delivered late", "en"),
        ("ship", "never shipped", "en"),
        ("pedido", "los pedidos", "es"),
        ("devolución", "las devoluciones", "es"),
        ("#promo", "#Promo hoje", "pt"),
        ("entrega", "entrega", "ru"),
    ],
)
def test_a_topic_is_found_in_every_inflection(term: str, text: str, language: str) -> None:
    assert topic(text, language, terms=(term,))


@pytest.mark.parametrize(
    ("term", "text", "language"),
    [
        ("casa", "um caso", "pt"),
        ("car", "I cared", "en"),
        ("entrega rápida", "entregarapida", "pt"),
        ("entrega rápida", "entrega muito rápida", "pt"),
        ("#promo", "a promo", "pt"),
        ("entrega", "entregas", "ru"),
    ],
)
def test_what_only_looks_like_it_is_no_topic(term: str, text: str, language: str) -> None:
    assert not topic(text, language, terms=(term,))


def test_a_text_with_an_excluded_term_is_left_out() -> None:
    said: dict[str, Any] = {"terms": ("aurora",), "exclude": ("aurora boreal",)}
    assert topic("a aurora serve café", **said)
    assert not topic("a aurora viu auroras boreais: aurora boreal", **said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a entrega chegou com atraso", True),
        ("com atraso a entrega", True),
        ("a entrega foi boa mas o café com leite veio sem açúcar, um atraso", False),
        ("entrega", False),
        ("atraso", False),
    ],
)
def test_a_term_may_need_another_close_by(text: str, found: bool) -> None:
    assert topic(text, terms=("entrega",), near={"terms": ["atraso"], "within": 3}) is found


def test_what_is_close_by_must_be_in_the_same_text_and_of_the_same_rule() -> None:
    near = Topic.model_validate({"name": "A", "terms": ["entrega"], "near": {"terms": ["atraso"], "within": 5}})
    rules = [near, Topic(name="B", terms=("demora",)), near.model_copy(update={"terms": ("loja",)})]
    texts = pa.array(["a entrega", "atraso na demora", "loja e atraso", "entrega com demora"])
    found = Matcher(rules, inflected=True)(texts, pa.array(["pt"] * 4))
    assert list(zip(found.text.tolist(), found.rule.tolist(), strict=True)) == [(1, 1), (2, 2), (3, 1)]
