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


def test_numbers() -> None:
    en, pt = Voice("en"), Voice("pt")
    assert (en.count(1234567), pt.count(1234567)) == ("1,234,567", "1.234.567")
    assert (en.polarity(-0.456), pt.polarity(0.456)) == ("\u22120.46", "+0,46")
    assert (en.polarity(0.001), pt.polarity(-0.001)) == ("0.00", "0,00")
    assert (en.span(-0.1, 0.25), pt.span(-0.1, 0.25)) == ("\u22120.10 to +0.25", "\u22120,10 a +0,25")
    assert (en.percent(0.456), pt.percent(1)) == ("46%", "100%")
    assert pt.polarity(float("nan")) == en.percent(float("nan")) == "–"


def test_days() -> None:
    en, pt = Voice("en"), Voice("pt")
    day, start, end = date(2026, 9, 14), date(2026, 9, 1), date(2026, 9, 30)
    assert (en.day(day), pt.day(day)) == ("14 September 2026", "14 de setembro de 2026")
    assert (en.weekday(day), pt.weekday(day)) == ("Monday, 14 September", "segunda-feira, 14 de setembro")
    assert (en.short(day), pt.short(day)) == ("14 Sept", "14 de set.")
    assert (en.days(start, end), pt.days(start, end)) == ("1–30 September 2026", "1 a 30 de setembro de 2026")
    assert pt.days(start, start) == "1 de setembro de 2026"


def test_what_the_ends_of_a_period_share_is_said_once() -> None:
    en, pt = Voice("en"), Voice("pt")
    summer, winter = (date(2026, 8, 30), date(2026, 9, 2)), (date(2025, 12, 30), date(2026, 1, 2))
    assert (en.days(*summer), pt.days(*summer)) == (
        "30 August – 2 September 2026",
        "30 de agosto a 2 de setembro de 2026",
    )
    assert (en.days(*winter), pt.days(*winter)) == (
        "30 December 2025 – 2 January 2026",
        "30 de dezembro de 2025 a 2 de janeiro de 2026",
    )


def test_the_languages_of_posts_have_names() -> None:
    assert [Voice("en").tongue(code) for code in ("pt", "es", "other")] == ["Portuguese", "Spanish", "Other"]
    assert [Voice("pt").tongue(code) for code in ("en", "pt", "other")] == ["Inglês", "Português", "Outro"]


def test_vega_writes_numbers_as_the_page_does() -> None:
    told = {language: Voice(language).vega_locale()["number"] for language in ("en", "pt")}
    assert [(n["decimal"], n["thousands"], n["minus"]) for n in told.values()] == [
        (".", ",", "\u2212"),
        (",", ".", "\u2212"),
    ]


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
