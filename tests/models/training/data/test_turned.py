"""Texts turned round: a negator in each, in its own language, the same every time."""

from __future__ import annotations

import pandas as pd
import pytest

from models.text.words import may_turn
from models.training.data.turned import LONGEST, turned

TEXTS = {
    "en": ["The room is clean", "It works well", "We love it here", "They were kind to us"],
    "pt": ["O quarto é limpo", "Recomendo a todos", "Vale a pena", "Adorei o hotel"],
    "es": ["El hotel es bonito", "Todo fue perfecto"],
}


def frame(texts: dict[str, list[str]], part: str = "train") -> pd.DataFrame:
    rows = [(text, language) for language, own in texts.items() for text in own]
    return pd.DataFrame(rows, columns=["text", "language"]).assign(part=part)


def test_a_negator_stands_in_each() -> None:
    made = turned(frame(TEXTS), 100)
    assert len(made) == 10
    assert not set(made) & {text for own in TEXTS.values() for text in own}
    # Not all ways of turning a text have a word for it: "used to love", "está longe de ser".
    assert sum(map(may_turn, made)) >= 7


def test_they_are_the_same_every_time_and_fewer_are_some_of_them() -> None:
    rows = frame(TEXTS)
    assert turned(rows, 100) == turned(rows, 100)
    assert turned(rows, 4) == turned(rows, 100)[:4]
    assert turned(rows, 0) == []


@pytest.mark.parametrize(
    "left_alone",
    [
        frame({"en": ["It is not clean"], "pt": ["Bonito, mas caro"]}),
        frame({"en": ["It is clean and " * LONGEST]}),
        frame({"fr": ["La chambre est propre"]}),
        frame({"en": ["great value"], "pt": ["ótima compra"]}),
        frame(TEXTS, part="held_out"),
    ],
    ids=["turned already", "long", "another language", "no sentence", "not learnt from"],
)
def test_other_texts_are_left_alone(left_alone: pd.DataFrame) -> None:
    assert turned(left_alone, 100) == []


def test_a_letter_that_is_folded_to_one_of_a_verb_does_no_harm() -> None:
    assert all(text.lower().endswith(" great") for text in turned(frame({"en": ["It waſ great", "it İs great"]}), 10))


def test_a_capital_stays_at_the_head_of_the_text() -> None:
    assert all(text[0].isupper() for text in turned(frame({"en": ["All of it is great", "It was fun"]}), 10))
