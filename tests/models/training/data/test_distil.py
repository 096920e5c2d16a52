"""Learning from a teacher: who is asked what, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.sentiment.contract import LABELS
from models.training.config import Distillation
from models.training.data.distil import UNLABELLED, Teachers, distilled, seldom_where_sure, teacher_says
from models.training.data.rows import targets_of

FRAME = pd.DataFrame(
    {
        "dataset": "mine",
        "text": ["great mug", "awful mug", "blue mug", "great " * 20],
        "label": [2, 0, 1, 0],
        "language": "en",
        "kind": "review",
        "weight": 1.0,
        "part": ["train", "train", "held_out", "train"],
        "evaluate": True,
    }
)
SETTINGS = Distillation(teachers=("teacher",), labels=0.25, unlabelled=0.5, max_chars=50)
SAID = [0.2, 0.2, 0.6]


class Teacher:
    """Says the same of every text, and remembers what it was asked."""

    name, version, labels = "teacher", "teacher-1", LABELS

    def __init__(self) -> None:
        self.asked: list[str] = []

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        assert (languages, kinds) == (None, None)
        self.asked += texts
        return np.tile(np.array(SAID, np.float32), (len(texts), 1))


def test_several_teachers_teach_their_mean() -> None:
    class Other(Teacher):
        version = "other-2"

        def predict(self, texts: Sequence[str], *_: Sequence[str] | None) -> np.ndarray:
            return np.tile(np.array([0.6, 0.4, 0.0], np.float32), (len(texts), 1))

    both = Teachers([Teacher(), Other()])
    assert both.version == "teacher-1, other-2"
    np.testing.assert_allclose(both.predict(["a", "b"]), [[0.4, 0.3, 0.3]] * 2, atol=1e-6)


def test_labels_and_the_teacher_share_a_row(tmp_path: Path) -> None:
    frame = distilled(FRAME, [], Teacher(), SETTINGS, tmp_path)
    np.testing.assert_allclose(
        targets_of(frame), [[0.15, 0.15, 0.7], [0.4, 0.15, 0.45], [0, 1, 0], [1, 0, 0]], atol=1e-6
    )


def test_it_is_not_asked_about_held_out_nor_about_long_rows(tmp_path: Path) -> None:
    teacher = Teacher()
    distilled(FRAME, ["a cup. " * 20], teacher, SETTINGS, tmp_path)
    assert sorted(teacher.asked) == ["a cup. " * 6 + "a cup.", "awful mug", "great mug"]


def test_texts_without_labels_are_learnt_from_the_teacher_alone(tmp_path: Path) -> None:
    frame = distilled(
        FRAME, ["a new mug", "A NEW MUG!", "@you https://x.yz", "Blue mug"], Teacher(), SETTINGS, tmp_path
    )
    more = frame[frame["dataset"] == UNLABELLED]
    assert more["text"].tolist() == ["A NEW MUG!"]
    assert more[["part", "weight", "evaluate"]].to_numpy().tolist() == [["train", 0.5, False]]
    np.testing.assert_allclose(targets_of(more), [SAID])


def test_without_a_teacher_the_label_is_certain() -> None:
    assert targets_of(FRAME[:2]).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_it_is_not_asked_twice(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(2_500)]
    first = teacher_says(texts, Teacher(), tmp_path)
    broken = sorted(tmp_path.iterdir())[0]
    broken.unlink()
    teacher = Teacher()
    np.testing.assert_array_equal(teacher_says(texts, teacher, tmp_path), first)
    assert 0 < len(teacher.asked) < 100


def test_a_text_more_asks_about_few_others_again(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(2_500)]
    teacher_says(texts, Teacher(), tmp_path)
    teacher = Teacher()
    assert teacher_says(["one more", *texts], teacher, tmp_path).shape == (2_501, 3)
    assert 0 < len(teacher.asked) < 100


def test_a_text_that_begins_as_a_held_out_one_does_is_left_out(tmp_path: Path) -> None:
    long = "The mug is blue. " * 12
    held_out = FRAME.assign(text=["great mug", "awful mug", long, "great " * 20])
    frame = distilled(held_out, [long, long + "It leaks.", "A mug that leaks."], Teacher(), SETTINGS, tmp_path)
    assert frame.loc[frame["dataset"] == UNLABELLED, "text"].tolist() == ["A mug that leaks."]


@pytest.mark.parametrize("texts", [[], [""]])
def test_nothing_to_ask_is_no_fault(texts: list[str], tmp_path: Path) -> None:
    assert teacher_says(texts, Teacher(), tmp_path).shape == (len(texts), 3)


class SureOfMugs:
    """A first reader that is sure of what has a great mug in it."""

    name, version, labels = "first", "first-1", LABELS

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        return np.array([[0.05, 0.05, 0.9] if "great mug" in text else [0.3, 0.4, 0.3] for text in texts], np.float32)


def test_what_the_first_reader_is_sure_of_is_taken_seldom() -> None:
    settings = SETTINGS.model_copy(update={"sure_from": 0.9, "sure_rate": 0.2})
    frame = FRAME.assign(weight=[2.0, 1.0, 1.0, 0.5])
    assert seldom_where_sure(frame, SureOfMugs(), settings)["weight"].tolist() == [0.4, 1.0, 1.0, 0.5]
    turned = frame.assign(text=["great mug, not", *FRAME["text"][1:]])
    assert seldom_where_sure(turned, SureOfMugs(), settings)["weight"].tolist() == [2.0, 1.0, 1.0, 0.5]
    held_out = frame.assign(text="great mug")
    assert seldom_where_sure(held_out, SureOfMugs(), settings)["weight"].tolist() == [0.4, 0.2, 1.0, 0.1]
