"""A planted leak stops the run; near duplicates are counted exactly."""

from __future__ import annotations

import pandas as pd
import pytest

from models.evaluation.leak import LeakError, check, nearest_overlap

TRAINED = "the kettle boils quickly and pours well into the small cups of my aunt"
HELD_OUT = "our train was late again and nobody at the counter knew when it would come"


def frame_of(held_out: list[str], others: list[str]) -> pd.DataFrame:
    parts = ["held_out"] * len(held_out) + ["train", "calibration"] * len(others)
    return pd.DataFrame({"text": held_out + others, "part": parts[: len(held_out) + len(others)], "dataset": "one"})


def test_different_texts_are_no_leak() -> None:
    leaks = check(frame_of([HELD_OUT], [TRAINED, "tea"]))
    assert (leaks.held_out, leaks.others) == (1, 2)
    assert (leaks.exact, leaks.very_similar, leaks.similar) == (0, 0, 0)


@pytest.mark.parametrize("other", ["train", "calibration"])
def test_the_same_words_stop_the_run(other: str) -> None:
    frame = pd.DataFrame(
        {
            "text": [f"@ana {HELD_OUT.upper()}!!! https://example.com/x", HELD_OUT, TRAINED],
            "part": ["held_out", other, "held_out"],
            "dataset": ["first", "second", "second"],
        }
    )
    with pytest.raises(LeakError, match=r"1 held-out rows are also training rows: first \(1\); split"):
        check(frame)


def test_near_duplicates_are_counted_by_how_near_they_are() -> None:
    # 15 words are 13 runs of three; another last word leaves 12 of 14 in common, three others 10 of 16
    one_word = " ".join([*TRAINED.split()[:-1], "uncle"])
    three_words = " ".join([*TRAINED.split()[:-3], "in", "your", "garden"])
    leaks = check(frame_of([one_word, three_words, HELD_OUT], [TRAINED]))
    assert (leaks.exact, leaks.very_similar, leaks.similar) == (0, 1, 1)
    assert leaks.by_dataset == {"one": 2}


def test_overlap_by_hand() -> None:
    found = nearest_overlap(["a b c d", "a b", "x y z"], ["b c d e", "a b", "a b c d e"])
    # runs abc, bcd against abc, bcd, cde: 2 of 3; a text of two words is one run
    assert found.tolist() == pytest.approx([2 / 3, 1.0, 0.0])
    assert nearest_overlap([], ["a"]).tolist() == []
    assert nearest_overlap(["a"], []).tolist() == [0.0]
