"""The words of a sheet: one file a language, and what the choices of all languages mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_interval
from babel.numbers import format_decimal

from data_contracts.parse import parse
from jobs.settings import Window

FOLDER = Path(__file__).with_name("phrases")


class Phrases:
    """The phrases of one language, with days and numbers as its locale writes them."""

    def __init__(self, language: str) -> None:
        told = _told(language)
        self.locale = Locale.parse(told["locale"])
        self.choices: dict[str, str] = told["choices"]
        self._phrases: dict[str, str] = told["phrases"]

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key` with `values` put in; KeyError for an unknown phrase."""
        return self._phrases[key].format(**values)

    def count(self, value: int) -> str:
        """A whole number."""
        return format_decimal(value, locale=self.locale)

    def days(self, window: Window) -> str:
        """The first and the last day."""
        return format_interval(window.start, window.end, "yMMMd", locale=self.locale).replace("\u2009", " ")


def languages() -> list[str]:
    """The codes of all languages, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def meanings() -> dict[str, str]:
    """What each word of the dropdown means, in every language, in small letters."""
    return {word.casefold(): choice for language in languages() for choice, word in _told(language)["choices"].items()}


@cache
def _told(language: str) -> dict[str, Any]:
    told: dict[str, Any] = parse(FOLDER / f"{language}.yaml")
    return told
