"""Two languages say the same things, each in its own way of writing numbers and days."""

from __future__ import annotations

import string
from datetime import date

import pytest

from data_contracts import contract
from jobs.report.language import PHRASES, RULES_PT, Voice


@pytest.mark.parametrize("key", PHRASES)
def test_every_phrase_exists_in_both_languages_with_the_same_places(key: str) -> None:
    places = {
        language: sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)
        for language, text in PHRASES[key].items()
    }
    assert set(places) == {"en", "pt"}
    assert places["en"] == places["pt"]


def test_every_row_rule_is_told_in_portuguese() -> None:
    names = {rule.name for dataset in ("posts", "raw_posts") for rule in contract(dataset).rules}
    assert names == set(RULES_PT)


def test_numbers_and_days() -> None:
    en, pt = Voice("en"), Voice("pt")
    assert (en.count(1234567), pt.count(1234567)) == ("1,234,567", "1.234.567")
    assert (en.polarity(-0.456), pt.polarity(0.456)) == ("\u22120.46", "+0,46")
    assert (en.polarity(0.001), pt.polarity(-0.001)) == ("0.00", "0,00")
    assert pt.polarity(float("nan")) == en.percent(float("nan")) == "–"
    assert en.days(date(2026, 9, 1), date(2026, 9, 30)) == "1–30 September 2026"
    assert pt.days(date(2026, 8, 30), date(2026, 9, 2)) == "30 de agosto de 2026 – 2 de setembro de 2026"
    assert pt.days(date(2026, 9, 1), date(2026, 9, 1)) == "1 de setembro de 2026"
    assert pt.weekday(date(2026, 9, 14)) == "segunda, 14 de setembro"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "better"),
        (-0.2, -0.01, "worse"),
        (-0.1, 0.1, "unclear"),
        (float("nan"), float("nan"), "incomparable"),
    ],
)
def test_a_change_is_called_so_only_when_its_interval_leaves_out_zero(low: float, high: float, verdict: str) -> None:
    assert Voice("en").verdict(low, high) == verdict
