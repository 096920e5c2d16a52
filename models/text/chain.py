"""The chain from a text to its tokens: clean, tokenise, leave out stop words, reduce words to their stems.

Models that count words use it; those with a vocabulary of their own need the cleaning alone. Counting tokens
(vectorising) belongs to the model.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal

import regex
from nltk.stem.snowball import SnowballStemmer
from nltk.tokenize.casual import TweetTokenizer
from pydantic import BaseModel, ConfigDict, field_validator

from models.text.clean import ADDRESS, EMOJI, NUMBER, STEPS, cleaner
from models.text.words import LISTED, is_negator, stop_words

_STEMMED = {"pt": "portuguese", "en": "english", "es": "spanish"}
_EMOJI = regex.compile(f"({EMOJI})")
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}'-]*")
_SURROGATE = regex.compile("[\ud800-\udfff]")
# At most a thousand characters, up to a blank where there is one: TweetTokenizer gives long texts up after seconds.
_WINDOW = regex.compile(r"(?s)\S.{0,999}(?!\S)|\S{1,1000}")


Tokeniser = Literal["tweet", "blanks"]


class Chain(BaseModel):
    """The steps by name, each one switchable; calling it gives a text's tokens, as scikit-learn's ``analyzer`` wants.

    A text of any character at all has a token: where cleaning or the stop words leave none, what they took stays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean: tuple[str, ...] = ("html", "addresses", "mentions", "quotes")
    """Cleaning steps of ``models.text.clean``; all of them run here, in the order of its STEPS."""
    tokeniser: Tokeniser = "tweet"
    """``tweet``: NLTK's TweetTokenizer, faces and emoji whole; ``blanks``: what stands between white space."""
    stop_words: bool = False
    """Leave out the stop words of the text's language; negators are none."""
    stem: bool = False
    """Reduce words to their stems in small letters with Snowball; negators and placeholders stay."""

    @field_validator("clean")
    @classmethod
    def _known(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(steps) - set(STEPS)):
            raise ValueError(f"no cleaning step is called {', '.join(unknown)}; there are {', '.join(STEPS)}")
        return steps

    def __call__(self, text: str, language: str = "") -> list[str]:
        """The tokens of a text of that language: ``pt``, ``en``, ``es``, or any other name for any other language."""
        split = _TOKENISERS[self.tokeniser]
        tokens = [_whole(token) for token in split(_cleaner(self.clean)(text)) or split(text) or text.split()]
        if self.stop_words:
            small = stop_words(language)
            tokens = [token for token in tokens if token.lower() not in small] or tokens
        if self.stem and language in LISTED:
            tokens = [_stem(token, language) for token in tokens]
        return tokens


def _tweet(text: str) -> list[str]:
    tokens: list[str] = []
    # Emoji apart from what is between them: TweetTokenizer takes their style marks off.
    for place, part in enumerate(_EMOJI.split(text)):
        tokens += [part] if place % 2 else _words(part)
    return tokens


def _words(text: str) -> list[str]:
    return [token for window in _WINDOW.findall(text) for token in _tweet_tokeniser().tokenize(window)]


_TOKENISERS: dict[str, Callable[[str], list[str]]] = {"tweet": _tweet, "blanks": str.split}


def _whole(token: str) -> str:
    """A letter and its accent as one character; halves of a character, which no encoder takes, replaced."""
    whole: str = _SURROGATE.sub("\ufffd", unicodedata.normalize("NFC", token))
    return whole


@lru_cache(maxsize=2**16)
def _stem(token: str, language: str) -> str:
    if not _WORD.fullmatch(token) or token in (ADDRESS, NUMBER):
        return token
    stem: str = token.lower() if is_negator(token) else _stemmer(language).stem(token)
    return stem


@cache
def _cleaner(steps: tuple[str, ...]) -> Callable[[str], str]:
    return cleaner(steps)


@cache
def _stemmer(language: str) -> SnowballStemmer:
    return SnowballStemmer(_STEMMED[language])


@cache
def _tweet_tokeniser() -> TweetTokenizer:
    # Numbers that stand side by side are seldom telephone numbers.
    return TweetTokenizer(match_phone_numbers=False)
