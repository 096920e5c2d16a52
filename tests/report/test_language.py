"""Every language says the same things, each in its own way of writing numbers and days."""

from __future__ import annotations

import ast
import math
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, nodes

from data_contracts import contract
from jobs.coverage import SEEN
from jobs.report import language
from jobs.report.language import PHRASES, Voice

SOURCES = Path(language.__file__).parent
FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PHRASES.glob("*.yaml")}
SPEAKERS = ("voice", "say", "self", "sheets.voice")


def _places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


@pytest.mark.parametrize("code", FILES)
def test_every_language_has_the_phrases_of_english_with_the_same_places(code: str) -> None:
    phrases = FILES[code]["phrases"]
    assert all(isinstance(phrase, str) and phrase for phrase in phrases.values())
    assert {key: _places(phrase) for key, phrase in phrases.items()} == {
        key: _places(phrase) for key, phrase in FILES["en"]["phrases"].items()
    }


@pytest.mark.parametrize("code", set(FILES) - {"en"})
def test_every_row_rule_of_the_contracts_is_told_in_every_other_language(code: str) -> None:
    names = {rule.name for dataset in ("posts", "raw_posts") for rule in contract(dataset).rules}
    assert set(FILES[code]["rules"]) == names
    assert FILES["en"]["rules"] == {}


@dataclass
class Named:
    """What the code and the templates say: the `keys` they speak outright, and `patterns` (regular expressions) of
    every text in them that could be or begin a key."""

    keys: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)

    def read_code(self, source: str) -> None:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SPEAKERS and node.args:
                self.keys |= {text.value for text in _choices(node.args[0]) if isinstance(text, ast.Constant)}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.patterns.add(re.escape(node.value))
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values]
                self.patterns.add("".join(parts))

    def read_template(self, source: str) -> None:
        for call in Environment().parse(source).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say":
                self.keys |= {text.value for text in _choices(call.args[0]) if isinstance(text, nodes.Const)}
        for const in Environment().parse(source).find_all(nodes.Const):
            self.patterns.add(re.escape(str(const.value)))
        for joined in Environment().parse(source).find_all(nodes.Concat):
            parts = [re.escape(part.value) if isinstance(part, nodes.Const) else ".*" for part in joined.nodes]
            self.patterns.add("".join(parts))


def _choices(argument: Any) -> Iterator[Any]:
    """What an argument may be: itself, or both sides of a condition."""
    if isinstance(argument, ast.IfExp):
        yield from (argument.body, argument.orelse)
    elif isinstance(argument, nodes.CondExpr):
        yield from (argument.expr1, argument.expr2)
    else:
        yield argument


@pytest.fixture(scope="module")
def named() -> Named:
    found = Named()
    for path in SOURCES.glob("*.py"):
        found.read_code(path.read_text(encoding="utf-8"))
    for path in SOURCES.glob("templates/*.j2"):
        found.read_template(path.read_text(encoding="utf-8"))
    return found


def test_every_phrase_that_is_spoken_exists(named: Named) -> None:
    assert len(named.keys) > 50
    assert named.keys <= set(FILES["en"]["phrases"])


def test_every_phrase_that_depends_on_the_data_exists() -> None:
    statuses = next(rule.kwargs["value_set"] for rule in contract("coverage").rules if rule.name == "status_known")
    keys = {f"outcome_{status}" for status in set(statuses) - set(SEEN)}
    keys |= {f"status_{status}" for status in ("ok", "few", "absent", "uncounted", "unseen", "zero")}
    verdicts = {Voice("en").verdict(*ends) for ends in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (math.nan, math.nan))}
    keys |= verdicts | {f"lead_{verdict}" for verdict in verdicts}
    keys |= {f"lead_{turn}{whose}" for turn in ("rise", "fall") for whose in ("", "_all")}
    causes = next(r.kwargs["value_set"] for r in contract("daily_polarity").rules if r.name == "cause_known")
    keys |= {f"cause_{cause.replace(' ', '_')}" for cause in causes}
    assert keys <= set(FILES["en"]["phrases"])


@pytest.mark.parametrize("key", FILES["en"]["phrases"])
def test_no_phrase_is_left_that_nothing_speaks(key: str, named: Named) -> None:
    assert any(re.fullmatch(pattern, key) for pattern in named.patterns)


def test_numbers() -> None:
    en, pt = Voice("en"), Voice("pt")
    assert (en.count(1234567), pt.count(1234567)) == ("1,234,567", "1.234.567")
    assert (en.polarity(-0.456), pt.polarity(0.456)) == ("\u22120.46", "+0,46")
    assert (en.polarity(0.001), pt.polarity(-0.001)) == ("0.00", "0,00")
    assert (en.span(-0.1, 0.25), pt.span(-0.1, 0.25)) == ("\u22120.10 to +0.25", "\u22120,10 a +0,25")
    assert (en.percent(0.456), pt.percent(1)) == ("46%", "100%")
    assert pt.polarity(float("nan")) == en.percent(float("nan")) == "–"


def test_a_moment_is_told_in_utc() -> None:
    there = datetime(2026, 5, 12, 3, 30, tzinfo=timezone(timedelta(hours=-3)))
    assert Voice("en").moment(there) == "12 May 2026, 06:30 UTC"
    assert Voice("pt").moment(there.replace(second=5)) == "12 de maio de 2026, 06:30:05 UTC"


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
