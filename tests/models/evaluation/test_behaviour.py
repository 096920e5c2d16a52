"""Written tests of behaviour: how they are read, what passes, and that they tell a model that understands from one
that counts words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.evaluation.behaviour import SuiteError, pass_rates, read_cases, run, typo

GOOD, BAD = {"good", "lovely"}, {"bad", "ugly"}


def keywords(texts: Sequence[str], languages: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
    """Counts good and bad words; knows no negation."""
    scores = []
    for text in texts:
        words = text.lower().replace("!", "").split()
        balance = sum(word in GOOD for word in words) - sum(word in BAD for word in words)
        strength = min(0.9, 0.4 + 0.2 * abs(balance))
        rest = (1 - strength) / 2
        scores.append({-1: [strength, rest, rest], 0: [0.2, 0.6, 0.2], 1: [rest, rest, strength]}[np.sign(balance)])
    return np.array(scores, np.float32)


def write(folder: Path, *tests: dict[str, object]) -> Path:
    path = folder / "tests.yaml"
    words = {"en": {"thing": ["the tea", "the room"], "good": sorted(GOOD), "bad": sorted(BAD)}}
    path.write_text(yaml.safe_dump({"words": words, "tests": list(tests)}), encoding="utf-8")
    return path


def one(**fields: object) -> dict[str, object]:
    return {"capability": "a", "language": "en", **fields}


def test_templates_are_filled_with_every_word(tmp_path: Path) -> None:
    path = write(tmp_path, one(type="MFT", expect=["positive"], texts=["{thing} is {good}."]))
    texts = {case.text for case in read_cases(path)}
    assert texts == {"The tea is good.", "The room is good.", "The tea is lovely.", "The room is lovely."}


def test_no_more_cases_are_drawn_than_asked_and_always_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, one(type="MFT", expect=["positive"], texts=["{thing} is {good}."], cases=2))
    cases = read_cases(path)
    assert len(cases) == 2
    assert cases == read_cases(path)


def test_a_label_must_be_one_of_the_expected(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one(type="MFT", expect=["positive"], texts=["A good day", "A bad day"]),
        one(capability="b", type="MFT", expect=["neutral", "negative"], texts=["A day", "A bad day", "A good day"]),
    )
    results = run(read_cases(path), keywords)
    assert results["passed"].tolist() == [True, False, True, True, False]
    assert results["label"].tolist() == ["positive", "negative", "neutral", "negative", "positive"]
    assert pass_rates(results).to_dict("list") == {
        "capability": ["a", "b"],
        "language": ["en", "en"],
        "cases": [2, 3],
        "passed": [0.5, pytest.approx(2 / 3)],
    }


def test_a_change_of_no_meaning_must_leave_the_label(tmp_path: Path) -> None:
    pairs = [["A good day", "a good day!"], ["A good day", "A goood day"]]
    results = run(read_cases(write(tmp_path, one(type="INV", pairs=pairs))), keywords)
    assert results["passed"].tolist() == [True, False]
    assert results["expected"].tolist() == ["positive", "positive"]


@pytest.mark.parametrize(
    ("direction", "passed"),
    [
        ("higher", [True, False, False]),
        ("not_lower", [True, True, False]),
        ("lower", [False, False, True]),
        ("not_higher", [False, True, True]),
    ],
)
def test_polarity_must_move_where_it_should(tmp_path: Path, direction: str, passed: list[bool]) -> None:
    pairs = [["good", "good lovely"], ["good", "good tea"], ["good", "bad"]]
    results = run(read_cases(write(tmp_path, one(type="DIR", expect=direction, pairs=pairs))), keywords)
    assert results["passed"].tolist() == passed


def test_written_changes_are_made(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one(type="INV", change="drop_accents", texts=["Não é péssimo"]),
        one(type="INV", change="typo", texts=["A wonderful day"]),
    )
    accents, mistyped = read_cases(path)
    assert (accents.before, accents.text) == ("Não é péssimo", "Nao e pessimo")
    assert mistyped.text != mistyped.before == "A wonderful day"
    assert sorted(mistyped.text) == sorted(mistyped.before)


def test_a_typo_spares_what_is_too_short() -> None:
    assert typo("ok 😀") == "ok 😀"
    assert typo("wonderful") == typo("wonderful")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"type": "MFT", "texts": ["a"]}, "MFT needs texts and labels"),
        ({"type": "DIR", "texts": ["a"], "expect": "lower"}, "DIR pairs and a direction"),
        ({"type": "INV", "texts": ["a"]}, "INV pairs or texts and a change"),
        ({"type": "MFT", "expect": ["positive"], "texts": ["{colour} tea"]}, "colour"),
        ({"type": "MFT", "expect": ["happy"], "texts": ["tea"]}, "happy"),
        ({"type": "MFT", "expect": ["positive"], "text": ["tea"]}, "Extra inputs"),
    ],
)
def test_a_wrong_test_is_named(tmp_path: Path, fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(SuiteError, match=rf"(?s)tests\.yaml, test 1 \(a\).*{complaint}"):
        read_cases(write(tmp_path, one(**fields)))


def test_the_shipped_tests_cover_each_capability_in_both_main_languages() -> None:
    cases = read_cases()
    counts: dict[tuple[str, str], int] = {}
    for case in cases:
        key = (case.test.capability, case.test.language)
        counts[key] = counts.get(key, 0) + 1
    assert min(count for (_, language), count in counts.items() if language != "es") >= 25
    portuguese = {'Portuguese "no"', "pois não"}
    both = {name for name, language in counts if language in ("pt", "en")} - portuguese
    assert {(name, language) for name in both for language in ("pt", "en")} <= set(counts)
    assert len({(case.test.capability, case.before, case.text) for case in cases}) == len(cases)
    assert not any("{" in case.text for case in cases)


def test_a_model_that_counts_words_fails_at_negation() -> None:
    english = [case for case in read_cases() if case.test.language == "en"]

    def counting(texts: Sequence[str], languages: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
        good = ("great", "excellent", "amazing", "wonderful", "fantastic", "reliable", "love", "enjoy", "recommend")
        bad = ("terrible", "awful", "horrible", "useless", "disappointing", "mess", "hate", "regret", "dislike")
        balance = [sum(word in text for word in good) - sum(word in text for word in bad) for text in texts]
        return np.eye(3)[np.sign(balance) + 1]

    rates = pass_rates(run(english, counting)).set_index("capability")["passed"]
    assert rates["plain"] > 0.8
    assert rates["negation"] < 0.4
