"""Behavioural tests in the manner of CheckList (Ribeiro et al., 2020, https://aclanthology.org/2020.acl-main.442).

The tests are written in ``behaviour.yaml``: templates whose places in braces are filled with listed words. Three types:

- MFT, minimum functionality: the text gets one of the expected labels;
- INV, invariance: a change that means nothing leaves the label as it was;
- DIR, direction: a change moves the polarity (positive minus negative probability) where it should.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from models.sentiment.contract import LABELS
from models.training.augmentation.changes import drop_accents

SUITE = Path(__file__).with_name("behaviour.yaml")
TOLERANCE = 0.1
"""Polarity may move this much the wrong way, and must move this much where it has to move; CheckList's own bound."""

Predict = Callable[[Sequence[str], Sequence[str], Sequence[str]], np.ndarray]
"""Texts, languages and kinds to probabilities [n, 3]."""

Label = Literal["negative", "neutral", "positive"]
Direction = Literal["higher", "lower", "not_higher", "not_lower"]

_PLACE = re.compile(r"\{(\w+)\}")


class SuiteError(ValueError):
    """A file of tests cannot be used; the message says where and why."""


class Test(BaseModel):
    """One test: templates in one language and what a model must do with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capability: str
    language: Literal["pt", "en", "es", "any"]
    type: Literal["MFT", "INV", "DIR"]
    kind: Literal["post", "review", "news"] = "post"
    texts: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    change: Literal["drop_accents", "typo"] | None = None
    expect: tuple[Label, ...] | Direction | None = None
    cases: int = 30

    @model_validator(mode="after")
    def _complete(self) -> Test:
        needs = {
            "MFT": bool(self.texts) and isinstance(self.expect, tuple) and not self.pairs,
            "INV": self.expect is None and bool(self.pairs if self.change is None else self.texts),
            "DIR": isinstance(self.expect, str) and bool(self.pairs) and not self.texts,
        }
        if not needs[self.type]:
            raise ValueError("MFT needs texts and labels, INV pairs or texts and a change, DIR pairs and a direction")
        return self


@dataclass(frozen=True)
class Case:
    """A text to judge and, for INV and DIR, the one it is compared with."""

    test: Test
    text: str
    before: str = ""


def read_cases(path: Path = SUITE) -> list[Case]:
    """Every case of a file of tests, in its order; the same file always gives the same cases.

    Raises:
        SuiteError: the file is not as it should be, or a template names words that are not listed.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    cases: list[Case] = []
    for number, entry in enumerate(document["tests"], start=1):
        try:
            test = Test.model_validate(entry)
            cases += _cases(test, document["words"].get(test.language, {}))
        except (ValidationError, KeyError) as fault:
            raise SuiteError(f"{path}, test {number} ({entry.get('capability')}): {fault}") from fault
    return cases


def run(cases: Sequence[Case], predict: Predict) -> pd.DataFrame:
    """Ask a model about each case.

    Returns:
        One line a case: ``capability``, ``language``, ``type``, ``before`` (empty for MFT), ``text``, ``expected``,
        ``label`` (the model's), ``polarity_before`` and ``polarity`` (-1..1) and ``passed``.
    """
    asked = [text for case in cases for text in (case.before or case.text, case.text)]
    languages = [_given(case.test.language) for case in cases for _ in range(2)]
    kinds = [case.test.kind for case in cases for _ in range(2)]
    scores = np.asarray(predict(asked, languages, kinds), np.float64).reshape(len(cases), 2, len(LABELS))
    return pd.DataFrame([_judged(case, *pair) for case, pair in zip(cases, scores, strict=True)])


def pass_rates(results: pd.DataFrame) -> pd.DataFrame:
    """``capability``, ``language``, ``cases`` and ``passed`` (0..1), in order of first appearance."""
    grouped = results.groupby(["capability", "language"], sort=False)["passed"]
    return grouped.agg(cases="size", passed="mean").reset_index()


def typo(text: str) -> str:
    """Exchange two neighbouring letters inside the longest word; the same text always gets the same typo."""
    word = max(re.findall(r"[^\W\d_]+", text), key=len, default="")
    if len(word) < 4:
        return text
    place = Random(text).randrange(1, len(word) - 2)
    return text.replace(word, word[:place] + word[place + 1] + word[place] + word[place + 2 :], 1)


def _cases(test: Test, words: Mapping[str, Sequence[str]]) -> list[Case]:
    templates: Sequence[tuple[str, ...]] = test.pairs or [(text,) for text in test.texts]
    most = -(-test.cases // len(templates))
    filled = [one for template in templates for one in _filled(template, words, most)]
    if test.type == "MFT":
        return [Case(test, text) for (text,) in filled]
    if test.change is None:
        return [Case(test, after, before) for before, after in filled]
    return [Case(test, _CHANGES[test.change](text), text) for (text,) in filled]


def _filled(template: tuple[str, ...], words: Mapping[str, Sequence[str]], most: int) -> list[tuple[str, ...]]:
    """Fill all texts of a template with the same words, in at most so many ways."""
    places = sorted({place for text in template for place in _PLACE.findall(text)})
    ways = list(itertools.product(*(words[place] for place in places)))
    chosen = Random(template[0]).sample(ways, min(most, len(ways)))
    return [tuple(_sentence(text, dict(zip(places, way, strict=True))) for text in template) for way in chosen]


def _sentence(template: str, words: Mapping[str, str]) -> str:
    text = _PLACE.sub(lambda place: words[place[1]], template)
    return text[:1].upper() + text[1:]


def _given(language: str) -> str:
    return "other" if language == "any" else language


def _judged(case: Case, before: np.ndarray, after: np.ndarray) -> dict[str, object]:
    label, polarity, polarity_before = (
        LABELS[int(after.argmax())],
        float(after[2] - after[0]),
        float(before[2] - before[0]),
    )
    expect = case.test.expect
    if isinstance(expect, str):
        expected, passed = expect.replace("_", " "), _moved(expect, polarity - polarity_before)
    else:
        allowed = expect or (LABELS[int(before.argmax())],)
        expected, passed = " or ".join(allowed), label in allowed
    return {
        "capability": case.test.capability,
        "language": case.test.language,
        "type": case.test.type,
        "before": case.before,
        "text": case.text,
        "expected": expected,
        "label": label,
        "polarity_before": polarity_before,
        "polarity": polarity,
        "passed": passed,
    }


def _moved(direction: Direction, change: float) -> bool:
    """Whether a change of polarity goes where it should, give or take ``TOLERANCE``."""
    least = {"higher": change - TOLERANCE, "lower": -change - TOLERANCE}
    return {**least, "not_lower": change + TOLERANCE, "not_higher": TOLERANCE - change}[direction] >= 0


_CHANGES: dict[str, Callable[[str], str]] = {"drop_accents": partial(drop_accents, random=Random(0)), "typo": typo}
