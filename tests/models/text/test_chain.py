"""The chain of text processing: what each step does to the tokens, in three languages."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.text.chain import Chain
from models.text.clean import STEPS
from models.text.words import LISTED

EVERYTHING = Chain(clean=tuple(STEPS), stop_words=True, stem=True)
CHAINS = [Chain(), Chain(tokeniser="blanks"), Chain(clean=(), stop_words=True), EVERYTHING]
EMOJI = ["😀", "❤️", "👍🏽", "🤷🏽‍♀️", "👨‍👩‍👧‍👦", "🇧🇷", "1️⃣", "❤️‍🔥"]
PIECES = [
    *EMOJI,
    *" \n\x1c\xa0.,!?:)('’-<>&;#@",
    "\u200d",
    "\ufe0f",
    "\u0303",
    "\ud83d",
    "\x00",
    "ã",
    "Não",
    "the",
    "no",
    "de",
]
PIECES += ["<b>", "&nbsp;", "&#55357;", "&#x80;", "don't", "loved", "http://a.b", "@ana"]
texts = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=20).map("".join)


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("pt", "Não gostei :( #Lento", ["Não", "gostei", ":(", "#Lento"]),
        ("en", "I don’t like it, @bob!", ["I", "don't", "like", "it", ",", "@user", "!"]),
        ("es", "No me gustó nada 😡😡", ["No", "me", "gustó", "nada", "😡", "😡"]),
    ],
)
def test_plain_tokens(language: str, text: str, tokens: list[str]) -> None:
    assert Chain()(text, language) == tokens


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("pt", "a bateria do celular não é boa", ["bateria", "celular", "não", "boa"]),
        ("en", "This is not the phone for me", ["not", "phone"]),
        ("es", "El servicio no es para mí", ["servicio", "no", "mí"]),
    ],
)
def test_stop_words_go_and_negators_stay(language: str, text: str, tokens: list[str]) -> None:
    assert Chain(stop_words=True)(text, language) == tokens


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("pt", "Adorei os celulares, NUNCA falharam 👍🏽", ["ador", "os", "celul", ",", "nunca", "falh", "👍🏽"]),
        ("en", "Loved these phones, never crashed :)", ["love", "these", "phone", ",", "never", "crash", ":)"]),
        ("es", "Nunca funcionaban http://a.es", ["nunca", "funcion", "http"]),
    ],
)
def test_stems(language: str, text: str, tokens: list[str]) -> None:
    assert Chain(stem=True)(text, language) == tokens


def test_cleaning_steps_can_be_chosen() -> None:
    text = "Não, #Demais... 10/10!!!! ❤️"
    assert Chain(clean=())(text) == ["Não", ",", "#Demais", "...", "10/10", "!", "!", "!", "❤️"]
    steps = ("hashtags", "plain_emoji", "repeats", "numbers", "punctuation", "lower", "accents")
    assert Chain(clean=steps)(text) == ["nao", "#", "demais", "number", "!", "!", "❤"]


def test_tokens_between_blanks() -> None:
    assert Chain(tokeniser="blanks")("bom, mas caro :)") == ["bom,", "mas", "caro", ":)"]


def test_the_language_decides_which_words_are_stop_words() -> None:
    chain = Chain(stop_words=True)
    assert chain("o carro is the best", "pt") == ["carro", "is", "the", "best"]
    assert chain("o carro is the best", "en") == ["o", "carro", "best"]
    for unknown in ("other", ""):
        assert chain("o carro is the best", unknown) == ["o", "carro", "is", "the", "best"]


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("emoji", EMOJI)
def test_a_post_of_emoji_alone_is_never_empty(chain: Chain, emoji: str) -> None:
    for language in LISTED:
        assert len(chain(f"{emoji} {emoji}", language)) == 2


def test_a_post_of_stop_words_alone_keeps_them() -> None:
    assert Chain(stop_words=True)("this is it", "en") == ["this", "is", "it"]


@pytest.mark.parametrize("text", ["...", "<br>", "&nbsp;", "&#55357;", "\ud83d", "\ufe0f"])
@pytest.mark.parametrize("chain", CHAINS)
def test_what_cleaning_would_leave_nothing_of_keeps_a_token(chain: Chain, text: str) -> None:
    assert chain(text, "en")


@pytest.mark.parametrize("chain", CHAINS)
def test_a_text_of_nothing_has_no_token(chain: Chain) -> None:
    assert chain("") == chain(" \n\u3000") == []


@given(texts, st.sampled_from([None, *LISTED, "other"]))
def test_any_text_gives_tokens_that_can_be_encoded(text: str, language: str | None) -> None:
    for chain in CHAINS:
        tokens = chain(text, language)
        assert bool(tokens) >= bool(text.strip())
        assert all(tokens)
        " ".join(tokens).encode("utf-8")


def test_tokens_are_the_same_however_accents_are_stored() -> None:
    assert Chain()("na\u0303o e\u0301 bom") == ["não", "é", "bom"]


def test_a_long_text_is_read_in_windows_that_end_at_a_blank() -> None:
    assert Chain()("bom dia " * 2000) == ["bom", "dia"] * 2000
    assert Chain()("a" * 2500) == ["a" * 1000, "a" * 1000, "a" * 500]


def test_a_chain_travels_between_processes() -> None:
    EVERYTHING("aquece os núcleos", "pt")
    copy = pickle.loads(pickle.dumps(EVERYTHING))
    assert copy == EVERYTHING
    assert copy("Adorei!", "pt") == EVERYTHING("Adorei!", "pt")


def test_a_chain_is_what_a_vectoriser_asks_for() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    base = pytest.importorskip("sklearn.base")
    for option in ("analyzer", "tokenizer"):
        counts = text.CountVectorizer(**{option: Chain(stop_words=True)}, token_pattern=None)
        counts = pickle.loads(pickle.dumps(base.clone(counts).fit(["o carro não anda", "😀"])))
        assert list(counts.get_feature_names_out()) == ["anda", "carro", "não", "o", "😀"]


def test_an_unknown_step_or_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="no cleaning step is called spelling; there are html"):
        Chain(clean=("html", "spelling"))
    with pytest.raises(ValidationError, match="stemming"):
        Chain.model_validate({"stemming": True})
    with pytest.raises(ValidationError, match="tweet"):
        Chain.model_validate({"tokeniser": "wordpiece"})
