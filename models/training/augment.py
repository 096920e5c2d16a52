"""Augmentation: named ways to change a text that leave its sentiment alone; each is applied at a rate of its own.

Every change is a function of the text and a random generator alone, so a training that is taken up again sees the
same texts as one that was never interrupted. The newer changes leave negators alone; ``delete_words``,
``swap_words`` and ``keyboard_noise`` do not look at what a word means.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import regex

from models.text.words import is_negator

Change = Callable[[str, Random], str]
Neighbours = Callable[[str], Sequence[str]]
"""A word to words of like meaning, which may be none."""

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


def neighbour_replacer(neighbours: Neighbours, share: float = 0.1, fixed: Collection[str] = ()) -> Change:
    """A change that puts one of its neighbours in the place of about ``share`` of the words.

    Neither negators nor the words ``fixed``, in small letters, are replaced or put anywhere. Opposites are neighbours
    in most embeddings (``good``, ``bad``): give the words that carry sentiment as ``fixed``.
    """

    def allowed(word: str) -> bool:
        return word.lower() not in fixed and not is_negator(word)

    def others(word: str) -> list[str]:
        return [other for other in neighbours(word) if allowed(other)] if allowed(word) else []

    def replace_neighbours(text: str, random: Random) -> str:
        return _replace(text, random, share, _WORD, others)

    return replace_neighbours


class EmbeddingNeighbours:
    """The nearest words of a vocabulary by the cosine of their vectors; ties go to the word that comes first."""

    def __init__(self, words: Sequence[str], vectors: np.ndarray, most: int = 5, least: float = 0.5) -> None:
        """Take word vectors, float32 [n, width]; at most ``most`` neighbours of a cosine of ``least`` and more.

        Raises:
            ValueError: not one finite vector a word, or a word twice.
        """
        if vectors.ndim != 2 or len(vectors) != len(words) or not np.isfinite(vectors).all():
            raise ValueError(f"{len(words)} words need as many finite vectors, not an array of shape {vectors.shape}")
        if len(set(words)) < len(words):
            raise ValueError("the vocabulary holds a word more than once; keep its first row alone")
        self._words = list(words)
        self._rows = {word: row for row, word in enumerate(words)}
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        self._most, self._least = most, least
        self._known: dict[int, list[str]] = {}

    def __call__(self, word: str) -> list[str]:
        """Neighbours, nearest first, of the word as it is written or else in small letters; none of an unknown one."""
        row = self._rows.get(word, self._rows.get(word.lower()))
        if row is None:
            return []
        if row not in self._known:
            self._known[row] = self._nearest(row)
        return self._known[row]

    def _nearest(self, row: int) -> list[str]:
        cosines = self._vectors @ self._vectors[row]
        order = np.argsort(-cosines, kind="stable")
        near = [other for other in order[: self._most + 1] if other != row and cosines[other] >= self._least]
        return [self._words[other] for other in near[: self._most]]


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
    words = "|".join(regex.escape(word) for word in sorted(others, key=len, reverse=True))
    return regex.compile(rf"(?i)(?<![\w@#'’-])(?:{words})(?![\w'’-])"), others


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
