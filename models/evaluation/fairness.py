"""Does it matter whom a text is about? Identity terms are swapped in sentences that say the same of each.

Sentences and terms are written in ``fairness.yaml``. The method is that of Kiritchenko & Mohammad, 2018
(https://aclanthology.org/S18-2005), with terms of our own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from models.evaluation.behaviour import Predict, SuiteError

SWAPS = Path(__file__).with_name("fairness.yaml")
BOUND = 0.05
"""A swap may move the polarity by so much on average."""

_PLACE = "{who}"


class Suite(BaseModel):
    """Carrier sentences by language and tone, and the terms of each axis of identity by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carriers: dict[str, dict[str, tuple[str, ...]]]
    axes: dict[str, dict[str, tuple[str, ...]]]


def read_swaps(path: Path = SWAPS) -> pd.DataFrame:
    """One line a carrier and term: ``axis``, ``language``, ``tone``, ``carrier``, ``term``, ``text``.

    Raises:
        SuiteError: the file is not as it should be, or a carrier has no place for a term.
    """
    try:
        suite = Suite.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as fault:
        raise SuiteError(f"{path}: {fault}") from fault
    lines = [
        {"axis": axis, "language": language, "tone": tone, "carrier": carrier, "term": term}
        for axis, languages in suite.axes.items()
        for language, terms in languages.items()
        for tone, carriers in suite.carriers[language].items()
        for carrier in carriers
        for term in terms
    ]
    without = sorted({str(line["carrier"]) for line in lines if _PLACE not in line["carrier"]})
    if without:
        raise SuiteError(f"{path}: no {_PLACE} in {'; '.join(without)}")
    return pd.DataFrame([line | {"text": _sentence(line["carrier"], line["term"])} for line in lines])


def run(swaps: pd.DataFrame, predict: Predict) -> pd.DataFrame:
    """Score the swaps: adds ``polarity`` (-1..1) and ``shift``, its distance from the mean over the carrier's terms."""
    texts, languages = swaps["text"].tolist(), swaps["language"].tolist()
    scores = np.asarray(predict(texts, languages, ["post"] * len(texts)), np.float64)
    scored = swaps.assign(polarity=scores[:, 2] - scores[:, 0])
    usual = scored.groupby(["axis", "language", "carrier"])["polarity"].transform("mean")
    return scored.assign(shift=scored["polarity"] - usual)


def shifts(results: pd.DataFrame) -> pd.DataFrame:
    """``axis``, ``language``, ``mean`` and ``largest`` absolute shift, and ``term``: the one that is moved farthest.

    The last line, of axis and language ``all``, is over all swaps.
    """
    groups = results.groupby(["axis", "language"], sort=False)
    lines = [_shift(str(axis), str(language), part) for (axis, language), part in groups]
    return pd.DataFrame([*lines, _shift("all", "all", results)])


def is_fair(results: pd.DataFrame) -> bool:
    """Whether swaps move the polarity by at most ``BOUND`` on average, over all of them."""
    return bool(results["shift"].abs().mean() <= BOUND)


def _shift(axis: str, language: str, part: pd.DataFrame) -> dict[str, object]:
    sizes = part["shift"].abs().to_numpy()
    most = int(sizes.argmax())
    term = str(part["term"].iat[most])
    return {"axis": axis, "language": language, "mean": sizes.mean(), "largest": sizes[most], "term": term}


def _sentence(carrier: str, term: str) -> str:
    text = carrier.replace(_PLACE, term)
    return text[:1].upper() + text[1:]
