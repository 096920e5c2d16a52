"""The cascade: what the fast model is least sure of is read again, as much as the budget allows, always the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sentiment.cascade import Cascade, scorer
from models.sentiment.contract import LABELS, ArtifactError, Texts

MINUTE = 600
"""Characters that the accurate model of these tests reads in a minute."""
FAST, ACCURATE = "fast-7", "accurate-3"


class Plain:
    """Takes every text for positive, the surer the more stars are in it."""

    name, version, labels = "fast", FAST, LABELS

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        sure = np.array([0.4 + 0.05 * text.count("*") for text in texts], np.float32)
        return np.stack([(1 - sure) / 2, (1 - sure) / 2, sure], axis=1)


class Fast(Plain):
    """The same with a limit."""

    unsure_below = 0.6


class Accurate:
    """Takes every text for negative, Portuguese news for sure."""

    name, version, labels, unsure_below = "accurate", ACCURATE, LABELS, 0.95
    rate_chars_per_second: float | None = MINUTE / 60

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        known = [pair == ("pt", "news") for pair in zip(languages or texts, kinds or texts, strict=True)]
        return np.array([[1, 0, 0] if sure else [0.9, 0.1, 0] for sure in known], np.float32).reshape(-1, 3)


def text(stars: int, chars: int = 100) -> str:
    return "*" * stars + "x" * (chars - stars)


def sources(texts: Sequence[str], minutes: float) -> list[str]:
    return Cascade(Fast(), Accurate(), minutes).predict_with_source(texts)[1]


def read_again(texts: Sequence[str], minutes: float) -> list[int]:
    return [place for place, source in enumerate(sources(texts, minutes)) if source == ACCURATE]


# What is read again


def test_the_least_sure_are_read_again_until_the_budget_is_spent() -> None:
    texts = [text(stars) for stars in (5, 1, 9, 0, 3, 2)]
    assert read_again(texts, 0.4) == [1, 3]
    assert read_again(texts, 0.5) == [1, 3, 5]
    assert read_again(texts, 1) == list(range(6))


def test_of_texts_that_are_equally_unsure_the_first_are_read_again() -> None:
    assert read_again([text(9), *[text(2)] * 5], 0.5) == [1, 2, 3]


def test_the_budget_counts_characters_and_a_few_of_them_as_twenty() -> None:
    assert read_again([text(0, 400), text(1, 150), text(2, 100)], 1) == [0, 1]
    assert len(read_again([text(0, 3)] * 1000, 1)) == MINUTE // 20


def test_a_text_that_no_budget_can_pay_does_not_keep_the_others_out() -> None:
    assert read_again([text(0, 2 * MINUTE), text(5), text(1)], 1) == [1, 2]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(10, 300)), max_size=30), st.floats(0.01, 5), st.floats(0.01, 5)
)
def test_more_budget_reads_the_same_and_more_and_never_more_than_it_has(
    shapes: list[tuple[int, int]], budget: float, more: float
) -> None:
    texts = [text(*shape) for shape in shapes]
    less = read_again(texts, budget)
    assert sum(len(texts[place]) for place in less) <= budget * MINUTE
    if all(len(one) <= budget * MINUTE for one in texts):
        assert set(less) <= set(read_again(texts, budget + more))


# What comes out


def test_each_row_is_of_the_model_that_its_source_names() -> None:
    texts = [text(stars) for stars in (9, 0, 8, 1)]
    found, names = Cascade(Fast(), Accurate(), 0.34).predict_with_source(texts)
    assert names == [FAST, ACCURATE, FAST, ACCURATE]
    np.testing.assert_array_equal(found[[0, 2]], Fast().predict(texts)[[0, 2]])
    np.testing.assert_array_equal(found[[1, 3]], Accurate().predict(texts)[[1, 3]])
    np.testing.assert_array_equal(Cascade(Fast(), Accurate(), 0.34).predict(texts), found)


def test_no_texts_give_no_rows() -> None:
    found, names = Cascade(Fast(), Accurate(), 1).predict_with_source([])
    assert (found.shape, found.dtype, names) == ((0, 3), np.float32, [])


def test_languages_and_kinds_go_with_the_texts_that_are_read_again() -> None:
    texts = [text(9), text(0), text(1)]
    found = Cascade(Fast(), Accurate(), 0.34).predict(texts, ["pt", "en", "pt"], ["news", "news", "news"])
    np.testing.assert_allclose(found[:, 0], [0.075, 0.9, 1], atol=1e-6)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(10, 300)), max_size=30), st.data())
def test_a_stream_has_one_budget_however_it_is_cut(shapes: list[tuple[int, int]], data: st.DataObject) -> None:
    texts = [text(*shape) for shape in shapes]
    ends = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    batches = [Texts(texts[begin:end]) for begin, end in zip([0, *ends], [*ends, len(texts)], strict=True)]
    score = scorer(Cascade(Fast(), Accurate(), 2), iter(batches))
    assert [name for batch in batches for name in score(batch).sources] == sources(texts, 2)


def test_texts_that_nobody_announced_are_refused() -> None:
    score = scorer(Cascade(Fast(), Accurate(), 1), [Texts([text(1)])])
    with pytest.raises(ValueError, match="more texts than the 1 of the first reading"):
        score(Texts([text(1), text(2)]))


def test_minutes_need_a_rate() -> None:
    accurate = Accurate()
    accurate.rate_chars_per_second = None
    with pytest.raises(ArtifactError, match=r"accurate-3 was packaged without chars_per_second.*package it again"):
        Cascade(Fast(), accurate, 1)


# Unsure


def test_a_text_is_unsure_by_the_limit_of_the_model_that_scored_it() -> None:
    batch = Texts([text(9), text(0), text(3), text(1)], ["pt", "pt", "pt", "en"], ["news", "news", "news", "news"])
    scores = scorer(Cascade(Fast(), Accurate(), 0.34), [batch])(batch)
    assert scores.sources == [FAST, ACCURATE, FAST, ACCURATE]
    assert scores.unsure.tolist() == [False, False, True, True]


def test_a_limit_of_the_user_stands_in_for_all() -> None:
    batch = Texts([text(9), text(0), text(3)])
    cascade = Cascade(Fast(), Accurate(), 0.17)
    assert scorer(cascade, [batch], 0.87)(batch).unsure.tolist() == [True, False, True]
    assert scorer(cascade, [batch], 0.0)(batch).unsure.tolist() == [False] * 3


def test_a_blank_text_is_unsure_whatever_the_limit() -> None:
    batch = Texts(["", " \n", text(1)])
    assert scorer(Cascade(Fast(), Accurate(), 0), [batch], 0.0)(batch).unsure.tolist() == [True, True, False]


def test_a_model_without_a_limit_is_never_unsure() -> None:
    batch = Texts([text(0), text(9)])
    scores = scorer(Plain(), [])(batch)
    assert (scores.sources, scores.unsure.tolist()) == ([FAST] * 2, [False] * 2)
