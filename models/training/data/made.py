"""Sentences that were written for this project, from ``made.yaml``: how people deny, set against and complain.

Labelled sets hold few of them, and a model that learnt from none hears *anything but good* as praise. Reading what
people wrote does not belong here: see ``rows.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field

from models.sentiment.contract import LABELS
from models.training.data.catalogue import DatasetInfo
from models.training.data.duplicates import normalise
from models.training.data.rows import targets_of, with_targets

MADE = DatasetInfo(
    name="made",
    language="",
    kind="",
    labels="written",
    licence="MIT",
    source="models/training/data/made.yaml",
    non_commercial=False,
)
OF_EACH = 40
"""Most texts that are made of a sentence."""

_PLACE = re.compile(r"\{(\w+)\}")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sentences(_Section):
    language: Literal["en", "pt", "es"]
    label: Literal["negative", "neutral", "positive"]
    kind: Literal["post", "review", "news"] = "post"
    texts: tuple[str, ...] = Field(min_length=1)


class _Made(_Section):
    words: dict[str, dict[str, tuple[str, ...]]]
    sentences: tuple[_Sentences, ...]


def with_made(frame: pd.DataFrame, rate: float) -> pd.DataFrame:
    """Add the sentences to the training rows, each taken ``rate`` times an epoch, but for those that the frame has.

    Where the frame has the columns that ``rows.targets_of`` reads, their label is certain.
    """
    known = set(frame["text"].map(normalise))
    rows = made_rows()
    fresh = rows[~rows["text"].map(normalise).isin(known)].assign(weight=rate)
    if set(LABELS) <= set(frame.columns):
        fresh = with_targets(fresh, targets_of(fresh))
    return pd.concat([frame, fresh], ignore_index=True)


def made_rows() -> pd.DataFrame:
    """The sentences, as ``rows.load_rows`` gives rows, of part ``train``; every time the same.

    A sentence with places gives ``OF_EACH`` texts at most, its words drawn by chance.
    """
    made = _read()
    rows = [
        {"text": text, "label": LABELS.index(one.label), "language": one.language, "kind": one.kind}
        for one in made.sentences
        for sentence in one.texts
        for text in _texts(sentence, made.words[one.language])
    ]
    return pd.DataFrame(rows).assign(dataset=MADE.name, weight=1.0, part="train", evaluate=False)


def _texts(sentence: str, words: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Fill the places of a sentence by words drawn anew for each text; a sentence without places is one text."""
    places = _PLACE.findall(sentence)
    random = Random(sentence)
    ways = int(np.prod([len(words[place]) for place in places])) if places else 1
    texts: dict[str, None] = {}
    while len(texts) < min(OF_EACH, ways):
        text = _PLACE.sub(lambda place: random.choice(words[place[1]]), sentence)
        texts[text if text.startswith("@") else text[0].upper() + text[1:]] = None
    yield from texts


@cache
def _read() -> _Made:
    return _Made.model_validate(yaml.safe_load(Path(__file__).with_name("made.yaml").read_text(encoding="utf-8")))
