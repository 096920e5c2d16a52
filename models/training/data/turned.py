"""What people wrote, turned round: a negator is put into a short text, and a teacher says what that means.

Few labelled texts deny anything, and a student that sees words and their neighbours learns from those few which words
are denied, not what it is to deny. No label is made up here: such texts are for teachers alone. Sentences that were
written as a whole are in ``made.py``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import regex

from models.text.words import may_turn
from models.training.data.duplicates import stable_fraction

LONGEST = 80
"""Characters of a text that is turned round: one thing is said in it, most likely."""

_FRAMED = 0.5


def turned(frame: pd.DataFrame, most: int) -> list[str]:
    """At most so many training rows' texts, chosen by hash, with a negator in each; every time the same.

    Texts without a verb of ``turned.toml`` are left alone, for most are no sentences, and those that have a negator or
    a word of contrast already.
    """
    short = frame[(frame["part"] == "train") & (frame["text"].str.len() <= LONGEST) & frame["language"].isin(_ways())]
    said = [_can_be(text, language) for text, language in zip(short["text"], short["language"], strict=True)]
    short = short[np.array(said, bool)]
    order = np.argsort([stable_fraction(f"turned {text}") for text in short["text"]], kind="stable")[:most]
    chosen = short.iloc[order]
    return [_turned(text, language) for text, language in zip(chosen["text"], chosen["language"], strict=True)]


def _can_be(text: str, language: str) -> bool:
    pattern, _ = _ways()[language]
    return pattern.search(text) is not None and not may_turn(text)


def _turned(text: str, language: str) -> str:
    """With another word for its first verb that is known, or as a whole within a frame."""
    random, (pattern, ways) = Random(text), _ways()[language]
    found = pattern.search(text)
    # A letter may be folded to one of a verb's that small writing leaves another: "waſ".
    if found and found[0].lower() in ways["verbs"] and random.random() >= _FRAMED:
        other: str = random.choice(ways["verbs"][found[0].lower()])
        return text[: found.start()] + other + text[found.end() :]
    framed: str = random.choice(ways["frames"]).format(text[:1].lower() + text[1:])
    return framed[:1].upper() + framed[1:]


@cache
def _ways() -> dict[str, tuple[regex.Pattern[str], dict[str, Any]]]:
    """For each language the verbs that are replaced, and by what."""
    told = tomllib.loads(Path(__file__).with_name("turned.toml").read_text(encoding="utf-8"))
    return {language: (_any_of(ways["verbs"]), ways) for language, ways in told.items()}


def _any_of(words: dict[str, Any]) -> regex.Pattern[str]:
    return regex.compile(rf"(?i)(?<![\w@#'’-])(?:{'|'.join(map(regex.escape, words))})(?![\w'’-])")
