"""How the report speaks a language: the phrases of its file, and numbers and days as its locale writes them."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal, format_percent

from data_contracts.parse import parse

PHRASES = Path(__file__).with_name("phrases")
"""One file a language, named by its code: its phrases, its locale, and what the rules of the contracts ask."""

MINUS = "\u2212"
"""The sign of a negative polarity: as wide as the plus, where the locales have a hyphen."""

UNKNOWN = "–"


class Voice:
    """Speaks one language: phrases, numbers and days, as plain text."""

    def __init__(self, language: str) -> None:
        told = parse(PHRASES / f"{language}.yaml")
        self.language = language
        self.locale = Locale.parse(told["locale"])
        self._phrases: dict[str, str] = told["phrases"]
        self._rules: dict[str, str] = told["rules"]

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key` with `values` put in; KeyError for an unknown phrase."""
        return self._phrases[key].format(**values)

    def count(self, value: float) -> str:
        """A whole number with the language's thousands separator; a dash for NaN."""
        return UNKNOWN if math.isnan(value) else _decimal(int(value), None, self.locale)

    def signed(self, value: int) -> str:
        """A difference of counts with its sign."""
        return _decimal(value, f"+#,##0;{MINUS}#,##0", self.locale)

    def polarity(self, value: float) -> str:
        """A polarity, or a change of it, with sign and two decimals; a dash for NaN."""
        if math.isnan(value):
            return UNKNOWN
        rounded = round(value, 2) or 0
        return _decimal(rounded, f"+0.00;{MINUS}0.00" if rounded else "0.00", self.locale)

    def thousandths(self, value: float) -> str:
        """A part of a change of polarity, with sign and three decimals."""
        if math.isnan(value):
            return UNKNOWN
        rounded = round(value, 3) or 0
        return _decimal(rounded, f"+0.000;{MINUS}0.000" if rounded else "0.000", self.locale)

    def span(self, low: float, high: float) -> str:
        """An interval of polarity; a dash where it is unknown."""
        return UNKNOWN if math.isnan(low) else self("from_to", low=self.polarity(low), high=self.polarity(high))

    def percent(self, share: float) -> str:
        """A share in [0, 1] as whole per cent; a dash for NaN."""
        return UNKNOWN if math.isnan(share) else format_percent(share, locale=self.locale)

    def shares(self, low: float, high: float) -> str:
        """What people would say of a share; nothing where nothing can be claimed."""
        return "" if math.isnan(low) else self("share_people", low=self.percent(low), high=self.percent(high))

    def day(self, day: date) -> str:
        """A day in full, with its year."""
        return format_date(day, "long", self.locale)

    def moment(self, moment: datetime) -> str:
        """A day in full and the time of it, in UTC."""
        there = moment.astimezone(UTC)
        return f"{self.day(there)}, {there:{'%H:%M:%S' if there.second else '%H:%M'}} UTC"

    def short(self, day: date) -> str:
        """Day and month, abbreviated."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def weekday(self, day: date) -> str:
        """Weekday, day and month."""
        return format_date(day, _widened(self.locale.datetime_skeletons["MMMEd"].pattern), self.locale)

    def days(self, start: date, end: date) -> str:
        """One day, or the first and the last of several, with what they share said once."""
        if start == end:
            return self.day(start)
        differ = "y" if start.year != end.year else "M" if start.month != end.month else "d"
        patterns = self.locale.interval_formats["yMMMd"][differ]
        ends = (format_date(day, _widened(p), self.locale) for day, p in zip((start, end), patterns, strict=True))
        return "".join(ends).replace("\u2009", " ").replace("–", self("days_dash"))

    def brand(self, name: str) -> str:
        """A brand's name, or what `all` is called."""
        return self("all") if name == "all" else name

    def tongue(self, code: str) -> str:
        """What the language `code` of posts is called."""
        name = self("language_other") if code == "other" else self.locale.languages.get(code, code)
        return name[:1].upper() + name[1:]

    def rule(self, name: str, description: str) -> str:
        """What a rule of the contracts asks: its `description`, in this language where it is translated."""
        return self._rules.get(name, description)

    def verdict(self, low: float, high: float) -> str:
        """Key of the verdict on a change with the interval `low` to `high`."""
        if math.isnan(low):
            return "incomparable"
        return "better" if low > 0 else "worse" if high < 0 else "unclear"

    def vega_locale(self) -> dict[str, object]:
        """How Vega writes numbers in this language. Days it is given as words."""
        symbols = self.locale.number_symbols[self.locale.default_numbering_system]
        first, others = self.locale.decimal_formats[None].grouping
        return {
            "number": {
                "decimal": symbols["decimal"],
                "thousands": symbols["group"],
                "grouping": [first, *[others] * 4],
                "currency": ["", ""],
                "minus": MINUS,
            }
        }


@lru_cache(maxsize=4096)
def _decimal(value: float, pattern: str | None, locale: Locale) -> str:
    """`value` as the locale writes it. Kept, since a long report says few numbers many times."""
    return str(format_decimal(value, pattern, locale))


def _widened(pattern: str) -> str:
    """`pattern` with month and weekday in full: CLDR tells the narrow one and leaves the widening to its reader."""
    return re.sub("E+", "EEEE", re.sub("MMM+", "MMMM", pattern))
