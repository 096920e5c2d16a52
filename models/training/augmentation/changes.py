"""Augmentation: named ways to change a text that leave its sentiment alone; each is applied at a rate of its own.

Every change is a function of the text and a random generator alone, so a training that is taken up again sees the
same texts as one that was never interrupted. The newer changes leave negators alone; ``delete_words``,
``swap_words`` and ``keyboard_noise`` do not look at what a word means.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import regex

from models.text.words import is_negator

Change = Callable[[str, Random], str]

_FOLDER = Path(__file__).parent

_NEIGHBOURS = {
    key: "".join(row[max(place - 1, 0) : place] + row[place + 1 : place + 2])
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for place, key in enumerate(row)
}


def drop_accents(text: str, random: Random) -> str:  # noqa: ARG001
    """Take all accents away, as people type Portuguese on a foreign keyboard."""
    plain = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in plain if unicodedata.category(char) != "Mn"))


def lower_case(text: str, random: Random) -> str:  # noqa: ARG001
    """Write all letters small."""
    return text.lower()


def keyboard_noise(text: str, random: Random, share: float = 0.03) -> str:
    """Hit neighbouring keys, leave letters out and double them: about ``share`` of the letters."""
    return "".join(_mistyped(char, random) if random.random() < share else char for char in text)


def delete_words(text: str, random: Random, share: float = 0.1) -> str:
    """Leave out about ``share`` of the words, never all of them."""
    words = text.split()
    kept = [word for word in words if random.random() >= share]
    return " ".join(kept or words)


def swap_words(text: str, random: Random, share: float = 0.1) -> str:
    """Exchange about ``share`` of the words with their neighbours."""
    words = text.split()
    for place in range(len(words) - 1):
        if random.random() < share:
            words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def delete_other_words(text: str, random: Random, share: float = 0.1) -> str:
    """Leave out about ``share`` of the words, but no negator and never all words."""
    words = text.split()
    kept = [word for word in words if random.random() >= share or is_negator(word)]
    return " ".join(kept or words)


def replace_synonyms(text: str, random: Random, share: float = 0.3) -> str:
    """Put another word of its group of ``synonyms.toml`` in the place of about ``share`` of the words that have one."""
    pattern, groups = _synonyms()
    return _replace(text, random, share, pattern, lambda word: groups.get(word.lower(), ()))


def emoji_to_text(text: str, random: Random, share: float = 0.5) -> str:
    """Write about ``share`` of the emoji as a name or a typed face, as people and systems without emoji do."""
    pattern, names = _emoji_names()
    return _replace(text, random, share, pattern, lambda emoji: [f" {name} " for name in names[emoji[0]]])


def faces_to_emoji(text: str, random: Random, share: float = 0.5) -> str:
    """Write about ``share`` of the typed faces, ``:)`` as well as ``:)))``, as emoji."""
    pattern, faces = _faces()
    return _replace(text, random, share, pattern, lambda face: faces[face.rstrip(face[-1]) + face[-1]])


def swap_people(text: str, random: Random, share: float = 0.5) -> str:
    """Name other people in the place of about ``share`` of the phrases of ``people.toml``, such as "that man" or "ela".

    What a text says of a person, it says of any: so a model does not learn to judge a text by whom it is about
    (counterfactual augmentation, Zmigrod et al., 2019, https://aclanthology.org/P19-1161).
    """
    pattern, people = _people()
    return _replace(text, random, share, pattern, lambda phrase: people.get(phrase.lower(), ()))


CHANGES: dict[str, Change] = {
    "drop_accents": drop_accents,
    "lower_case": lower_case,
    "keyboard_noise": keyboard_noise,
    "delete_words": delete_words,
    "swap_words": swap_words,
    "delete_other_words": delete_other_words,
    "replace_synonyms": replace_synonyms,
    "emoji_to_text": emoji_to_text,
    "faces_to_emoji": faces_to_emoji,
    "swap_people": swap_people,
}


def augmenter(rates: Mapping[str, float], changes: Mapping[str, Change] = CHANGES) -> Change:
    """Apply each named change with its probability, in the order of ``rates``; a change that leaves nothing is undone.

    ``changes`` is what there is to name: add ``neighbour_replacer(...)`` to CHANGES where there are embeddings.
    KeyError names a change that does not exist.
    """
    if unknown := sorted(set(rates) - set(changes)):
        raise KeyError(f"no augmentation is called {', '.join(unknown)}; there are {', '.join(changes)}")

    def augment(text: str, random: Random) -> str:
        for name, rate in rates.items():
            if random.random() < rate:
                changed = changes[name](text, random)
                text = changed if changed.strip() else text
        return text

    return augment


def _mistyped(char: str, random: Random) -> str:
    near = _NEIGHBOURS.get(char.lower())
    if near is None:
        return char
    return random.choice((random.choice(near), "", char * 2))


_WORD = regex.compile(r"(?<![@#\w])[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*")


def _replace(
    text: str, random: Random, share: float, pattern: regex.Pattern[str], others: Callable[[str], Sequence[str]]
) -> str:
    """Replace about ``share`` of what the pattern finds and has others, with one of them, capital as it was."""

    def one(match: regex.Match[str]) -> str:
        found: str = match[0]
        options = others(found) if random.random() < share else ()
        return _with_case(random.choice(options), found) if options else found

    replaced: str = pattern.sub(one, text)
    return replaced


def _with_case(other: str, found: str) -> str:
    """The other word begins with a capital where the word found does, and is in capitals where that is."""
    if len(found) > 1 and found.isupper():
        return other.upper()
    return other[:1].upper() + other[1:] if found[:1].isupper() else other


@cache
def _synonyms() -> tuple[regex.Pattern[str], dict[str, list[str]]]:
    groups = [group for language in _read("synonyms.toml").values() for group in language]
    others = {word: [other for other in group if other != word] for group in groups for word in group}
    return _whole("|".join(regex.escape(word) for word in sorted(others, key=len, reverse=True))), others


@cache
def _people() -> tuple[regex.Pattern[str], dict[str, list[str]]]:
    languages = _read("people.toml").values()
    others = {
        phrase: language["people"]
        for language in languages
        for phrase in [*language["alone"], *map(" ".join, product(language["articles"], language["nouns"]))]
    }
    forms = [[f"(?:{'|'.join(part[name])})" for name in ("articles", "nouns", "alone")] for part in languages]
    return _whole("|".join(f"{article} {noun}|{alone}" for article, noun, alone in forms)), others


def _whole(forms: str) -> regex.Pattern[str]:
    """Finds the forms where they stand as whole words, large or small."""
    return regex.compile(rf"(?i)(?<![\w@#'’-])(?:{forms})(?![\w'’-])")


@cache
def _emoji_names() -> tuple[regex.Pattern[str], dict[str, list[str]]]:
    names: dict[str, list[str]] = _read("emoji.toml")["names"]
    # Of any style and skin tone, man or woman; joined to something else it is another emoji.
    one = f"[{''.join(names)}]\ufe0f?+[\U0001f3fb-\U0001f3ff]?+(?:\u200d[♀♂]\ufe0f?+)?+"
    return regex.compile(f"(?<!\u200d){one}(?!\u200d)"), names


@cache
def _faces() -> tuple[regex.Pattern[str], dict[str, list[str]]]:
    faces: dict[str, list[str]] = _read("emoji.toml")["faces"]
    forms = "|".join(f"{regex.escape(face)}{regex.escape(face[-1])}*" for face in sorted(faces, key=len, reverse=True))
    return regex.compile(rf"(?<![\w:/<>;=])(?:{forms})(?![\w/])"), faces


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))
