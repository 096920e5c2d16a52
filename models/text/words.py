"""Words with a part of their own in a sentence: negators, words of contrast, and the stop words of each language.

Negators, intensifiers (``very``, ``muito``, ``muy``) and words of contrast (``but``, ``mas``, ``pero``) carry sentiment
and are kept out of the stop words. Portuguese ``no`` ("in the") is a stop word of Portuguese alone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models.text.clean import cleaner, fold_accents

LISTED = ("pt", "en", "es")
"""The languages whose words are listed here."""

_FOLDER = Path(__file__).with_name("wordlists")
_straight = cleaner(["quotes"])


def is_negator(word: str) -> bool:
    """Whether a word turns round what is said, in any of the languages, however its accents and quotes are typed."""
    return _negates(_bare(_straight(word).lower()))


def may_turn(text: str) -> bool:
    """Whether a word of a text may turn what the others say: a negator, or one of contrast (``but``, ``mas``)."""
    words = map(_bare, _straight(text).lower().split())
    return any(word in _contrasts() or _negates(word) for word in words)


@cache
def stop_words(language: str) -> frozenset[str]:
    """Small words of little meaning, in small letters, with accents and without; none for other languages."""
    return _read(f"stop_{language}.txt") if language in LISTED else frozenset()


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'()[]*_-#…¡¿")


def _negates(word: str) -> bool:
    plain = fold_accents(word)
    return plain in _negators() or plain.endswith("n't")


@cache
def _contrasts() -> frozenset[str]:
    return _read("contrasts.txt")


@cache
def _negators() -> frozenset[str]:
    return _read("negators.txt")


def _read(name: str) -> frozenset[str]:
    words = (_FOLDER / name).read_text(encoding="utf-8").split()
    return frozenset(words) | frozenset(map(fold_accents, words))
