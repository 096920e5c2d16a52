from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from jobs.enrich.signatures import FEWEST_WORDS, HASHES, alike, bands, signed

TEXT = "o café da esquina abriu cedo e serviu pão quente para toda a vizinhança hoje"


@pytest.mark.parametrize(
    "other",
    [
        TEXT.upper(),
        "  O cafe da esquina, abriu cedo! E serviu pão quente\npara toda a vizinhança hoje...",
        f"@ana {TEXT} https://example.org/a?b=c",
        f"{TEXT} #hoje".removesuffix(" #hoje") + " ☕",
    ],
)
def test_the_same_words_are_the_same_wording_whatever_else_is_written(other: str) -> None:
    numbers = signed(pa.array([TEXT, other]))
    assert numbers.wording[0] == numbers.wording[1]
    assert np.array_equal(numbers.signature[0], numbers.signature[1])


@pytest.mark.parametrize(
    "other", [f"{TEXT} mesmo", TEXT.replace("o café", "café o"), TEXT.replace("cedo", "tarde"), ""]
)
def test_other_words_or_another_order_are_another_wording(other: str) -> None:
    numbers = signed(pa.array([TEXT, other]))
    assert numbers.wording[0] != numbers.wording[1]


def test_texts_without_words_differ_by_their_marks() -> None:
    wording = signed(pa.array(["☕☕", "👎", "☕☕", "", "https://example.org/a", "https://example.org/b"])).wording
    assert wording[0] == wording[2]
    assert len(set(wording.tolist())) == 5


def test_a_text_needs_words_enough_to_be_compared() -> None:
    words = TEXT.split()
    numbers = signed(pa.array([" ".join(words[: FEWEST_WORDS - 1]), " ".join(words[:FEWEST_WORDS])]))
    assert numbers.long.tolist() == [False, True]
    assert not numbers.signature[0].any()
    assert numbers.signature.shape == (2, HASHES)


def test_signatures_agree_about_as_much_as_the_texts_do() -> None:
    words = [f"w{n}" for n in range(400)]
    one = " ".join(words)
    numbers = signed(pa.array([one, " ".join(words[:300]), " ".join(words[200:]), " ".join(reversed(words))]))
    told = [float(alike(numbers.signature[[0]], numbers.signature[[n]])[0]) for n in range(1, 4)]
    assert told == pytest.approx([0.75, 0.5, 0.0], abs=0.12)


def test_texts_that_are_alike_share_a_band() -> None:
    words = [f"w{n}" for n in range(40)]
    numbers = signed(pa.array([" ".join(words), " ".join([*words[:37], "x", *words[38:]])]))
    one, other = bands(numbers.signature)
    assert (one == other).any()


def test_a_text_has_the_same_numbers_in_any_company() -> None:
    texts = [TEXT, "", "nada", TEXT[:60], "é"]
    together = signed(pa.array(texts))
    for n, text in enumerate(texts):
        alone = signed(pa.array([text]))
        assert alone.wording[0] == together.wording[n]
        assert np.array_equal(alone.signature[0], together.signature[n])
