"""Augmentation: what each change does, that it is the same for a seed, and that it leaves negators alone."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models.training.augmentation.changes
from models.text.words import is_negator
from models.training.augmentation.changes import (
    CHANGES,
    augmenter,
    delete_other_words,
    delete_words,
    drop_accents,
    emoji_to_text,
    faces_to_emoji,
    keyboard_noise,
    lower_case,
    replace_synonyms,
    swap_people,
    swap_words,
)

FOLDER = Path(models.training.augmentation.changes.__file__).parent
SYNONYMS: dict[str, list[list[str]]] = tomllib.loads((FOLDER / "synonyms.toml").read_text(encoding="utf-8"))
EMOJI: dict[str, dict[str, list[str]]] = tomllib.loads((FOLDER / "emoji.toml").read_text(encoding="utf-8"))
PEOPLE: dict[str, dict[str, list[str]]] = tomllib.loads((FOLDER / "people.toml").read_text(encoding="utf-8"))
NEWER = ["delete_other_words", "replace_synonyms", "emoji_to_text", "faces_to_emoji", "swap_people"]
NEGATED = ["não", "NÃO,", "nunca", "sem", "not", "don't", "didn’t", "never", "no", "jamás", "nadie", "nem"]

PIECES = [
    *" \n.,:)('<3",
    "😂",
    "❤️",
    "👍🏽",
    "🤦🏽‍♀️",
    "❤️‍🔥",
    ":)))",
    "xD",
    "não",
    "don't",
    "você",
    "Phone",
    "fin de semana",
]
PIECES += ["ela", "a ", "guy", "ſhe", "i am", "İ", "ſ", "\u0301", "\ufe0f", "\u200d", "\ud83d", "\x00"]
texts = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=16).map("".join)


def always(change: Callable[..., str], text: str, seed: int = 0) -> str:
    return change(text, Random(seed), share=1.0)


def outcomes(change: Callable[..., str], text: str) -> set[str]:
    return {always(change, text, seed) for seed in range(60)}


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (drop_accents, "Nao gostei do cafe, e muito ACUCAR ❤ @ana"),
        (lower_case, "não gostei do café, é muito açúcar ❤️ @ana"),
        (keyboard_noise, "Não godtei do afé, é myito AÇÚCAR ❤️ @ana"),
        (delete_words, "Não gostei do café, é muito ❤️ @ana"),
        (swap_words, "Não gostei do café, é muito ❤️ AÇÚCAR @ana"),
    ],
)
def test_the_first_changes_stay_as_they_were(change: Callable[..., str], result: str) -> None:
    assert change("Não gostei do café, é muito AÇÚCAR ❤️ @ana", Random(5)) == result


def test_a_chain_of_the_first_changes_stays_as_it_was() -> None:
    augment = augmenter({"drop_accents": 0.5, "lower_case": 0.5, "keyboard_noise": 0.9, "swap_words": 0.9})
    random = Random(11)
    assert [augment("Comprei e não chegou até HOJE, que demora", random) for _ in range(3)] == [
        "Comprei e nao chegou ate HOJE, demora que",
        "comprei e chegou nao ate hoje, que dwmora",
        "comprei e nao chegou ate hoje, que demora",
    ]


def test_words_that_are_no_negators_go() -> None:
    assert always(delete_other_words, "eu não gostei nunca disso") == "não nunca"
    assert delete_other_words("a b c d e f g h", Random(1)) == delete_words("a b c d e f g h", Random(1))
    assert always(delete_other_words, "gostei disso") == "gostei disso"


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("Você viu", {"Vc viu", "Cê viu"}),
        ("the PHONES, again", {"the CELLPHONES, again"}),
        ("Fin de semana largo", {"Finde largo"}),
        ("I am here", {"I'm here"}),
        ("@phone #car vocêzinho http", {"@phone #car vocêzinho http"}),
    ],
)
def test_synonyms_take_a_words_place_with_its_capitals(text: str, results: set[str]) -> None:
    assert outcomes(replace_synonyms, text) == results


def test_each_synonym_comes_once_and_none_is_a_negator() -> None:
    words = [word for groups in SYNONYMS.values() for group in groups for word in group]
    assert len(words) == len(set(words))
    assert all(len(group) > 1 for groups in SYNONYMS.values() for group in groups)
    assert not [word for word in words if any(map(is_negator, word.split()))]
    assert all(word == word.lower() for word in words)


@pytest.mark.parametrize(
    ("language", "before", "after"), [("pt", "Vi", "hoje"), ("en", "I know", "!"), ("es", "a", "majo")]
)
@pytest.mark.parametrize("phrase", [0, -1])
def test_people_stand_in_for_a_person_of_the_same_language(language: str, before: str, after: str, phrase: int) -> None:
    words = PEOPLE[language]
    found = f"{words['articles'][phrase]} {words['nouns'][phrase]}"
    results = outcomes(swap_people, f"{before} {found} {after}")
    assert len(results) > 20
    assert results <= {f"{before} {who} {after}" for who in words["people"]}


@pytest.mark.parametrize("text", ["she's here", "aquela loja", "@ela", "the manual", "o homem-aranha"])
def test_other_phrases_name_no_person(text: str) -> None:
    assert outcomes(swap_people, text) == {text}


def test_emoji_become_names_or_faces() -> None:
    assert outcomes(emoji_to_text, "amo❤️!") == {f"amo {name} !" for name in EMOJI["names"]["❤"]}
    assert outcomes(emoji_to_text, "👍🏽") == {f" {name} " for name in EMOJI["names"]["👍"]}
    assert outcomes(emoji_to_text, "🤦🏽‍♀️") == {f" {name} " for name in EMOJI["names"]["🤦"]}


@pytest.mark.parametrize("text", ["❤️‍🔥", "👩🏽‍❤️‍👨🏽", "🤦🏽‍🔥", "🚗", "bom"])
def test_emoji_without_a_name_stay(text: str) -> None:
    assert outcomes(emoji_to_text, text) == {text}


def test_faces_become_emoji() -> None:
    assert outcomes(faces_to_emoji, "bom :)") == {"bom 🙂", "bom 😊"}
    assert outcomes(faces_to_emoji, "bom :-)))) !") == {"bom 🙂 !", "bom 😊 !"}
    assert outcomes(faces_to_emoji, "te amo <333") == {"te amo ❤️"}
    assert outcomes(faces_to_emoji, "nope >:(") == {"nope 😡", "nope 😠"}


@pytest.mark.parametrize("text", ["http://x.y", "a:o", "1<30", "10:30", "(obs)", "nota:D", "std::Domain"])
def test_what_only_looks_like_a_face_stays(text: str) -> None:
    assert outcomes(faces_to_emoji, text) == {text}


def test_there_are_names_for_the_emoji_of_all_sentiments_and_none_negates() -> None:
    assert len(EMOJI["names"]) >= 60
    assert all(len(emoji) == 1 for emoji in EMOJI["names"])
    names = [name for names in EMOJI["names"].values() for name in names]
    assert not [name for name in names if any(map(is_negator, name.split()))]


@pytest.mark.parametrize("face", EMOJI["faces"])
def test_every_face_is_found(face: str) -> None:
    assert outcomes(faces_to_emoji, f"a {face} b") == {f"a {emoji} b" for emoji in EMOJI["faces"][face]}


def test_an_unknown_change_is_named() -> None:
    with pytest.raises(KeyError, match=r"translate.*drop_accents"):
        augmenter({"translate": 0.5})


def test_changes_can_be_added() -> None:
    augment = augmenter({"shout": 1.0}, {**CHANGES, "shout": lambda text, random: text.upper()})
    assert augment("bom", Random(0)) == "BOM"


def test_a_change_that_leaves_nothing_is_undone() -> None:
    augment = augmenter({"erase": 1.0, "lower_case": 1.0}, {**CHANGES, "erase": lambda text, random: " "})
    assert augment("Bom", Random(0)) == "bom"


@pytest.mark.parametrize("name", CHANGES)
@given(text=texts, seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_text(name: str, text: str, seed: int) -> None:
    augment = augmenter({name: 0.9})
    assert augment(text, Random(seed)) == augment(text, Random(seed))


@given(text=texts, seed=st.integers(0, 2**32))
def test_no_text_becomes_empty(text: str, seed: int) -> None:
    augment = augmenter(dict.fromkeys(CHANGES, 1.0))
    assert bool(augment(text, Random(seed)).strip()) == bool(text.strip())


@pytest.mark.parametrize("name", NEWER)
@given(words=st.lists(st.sampled_from([*NEGATED, "você", "phone", "bom", "😂", ":)"])), seed=st.integers(0, 2**32))
def test_newer_changes_keep_every_negator_and_bring_none(name: str, words: list[str], seed: int) -> None:
    changed = CHANGES[name](" ".join(words), Random(seed))
    assert list(filter(is_negator, changed.split())) == list(filter(is_negator, words))
