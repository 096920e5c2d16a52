"""Texts to batches: whole, padded, weighted, and the same whenever a training passes by."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest

from models.training.augmentation.changes import augmenter
from models.training.config import Balance, Config, Data
from models.training.networks.pretrained import Vocabulary
from models.training.networks.tokens import (
    BEGIN,
    END,
    PAD,
    Batch,
    Lengths,
    Tokenizer,
    TrainingRows,
    crop,
    group,
    pad,
    weighted,
)

WORDS = ["▁good", "▁bad", "▁cup", "▁red"]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz", "▁", *WORDS]
GOOD, BAD, RED = (PIECES.index(f"▁{word}") for word in ("good", "bad", "red"))
LENGTHS = Lengths((8, 12), 48)
FRAME = pd.DataFrame(
    {
        "text": [f"{'good ' * (1 + row % 9)}cup" for row in range(20)],
        "label": [row % 3 for row in range(20)],
        "weight": 1.0,
        "dataset": "one",
        "part": "train",
    }
)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(Vocabulary(PIECES, np.linspace(-8, -1, len(PIECES), dtype=np.float32)), str.lower)


def rows(tokenizer: Tokenizer, seed: int = 1, frame: pd.DataFrame = FRAME) -> TrainingRows:
    weights = np.arange(1, len(frame) + 1)
    return TrainingRows(frame, weights, tokenizer, augmenter({"keyboard_noise": 0.5}), LENGTHS, seed, 8)


def batches(one: TrainingRows, epoch: int, number: int) -> list[Batch]:
    return list(one.batches(one.rounds(epoch)[number], epoch, number))


def same(left: list[Batch], right: list[Batch]) -> bool:
    pairs = zip(left, right, strict=False)
    return len(left) == len(right) and all(np.array_equal(a, b) for one in pairs for a, b in zip(*one, strict=True))


def test_words_are_cleaned_and_found(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(["GOOD red", "bad"]) == [
        [PIECES.index("▁good"), PIECES.index("▁red")],
        [PIECES.index("▁bad")],
    ]


def test_a_window_is_the_head_between_its_marks(tokenizer: Tokenizer) -> None:
    good, red = PIECES.index("▁good"), PIECES.index("▁red")
    assert tokenizer.windows(["good red red", "", "good"], 4) == [
        [BEGIN, good, red, END],
        [BEGIN, END],
        [BEGIN, good, END],
    ]


def test_batches_are_the_same_in_another_process(tokenizer: Tokenizer) -> None:
    for epoch, number in ((0, 0), (0, 2), (3, 1)):
        assert same(batches(rows(tokenizer), epoch, number), batches(rows(tokenizer), epoch, number))


def test_epochs_rounds_and_seeds_differ(tokenizer: Tokenizer) -> None:
    first = batches(rows(tokenizer), 0, 0)
    for other in (
        batches(rows(tokenizer), 1, 0),
        batches(rows(tokenizer), 0, 1),
        batches(rows(tokenizer, seed=2), 0, 0),
    ):
        assert not same(first, other)


def test_the_order_of_an_epoch_never_changes_between_versions(tokenizer: Tokenizer) -> None:
    # A checkpoint knows the number of its round alone.
    found = [one.tolist() for one in rows(tokenizer, frame=FRAME[:10]).rounds(1)]
    assert found == [[8, 4, 3, 6, 7, 0, 2, 1], [5, 9]]


def test_an_epoch_takes_rows_as_often_as_their_weight_says(tokenizer: Tokenizer) -> None:
    frame = FRAME.assign(weight=[0.0] * 5 + [2.0] * 5 + [0.5] * 10)
    taken = np.bincount(np.concatenate(rows(tokenizer, frame=frame).rounds(0)), minlength=20)
    assert set(taken[:5]) == {0}
    assert set(taken[5:10]) == {2}
    assert set(taken[10:]) == {0, 1}


def test_every_row_of_a_round_is_in_one_batch_and_filling_weighs_nothing(tokenizer: Tokenizer) -> None:
    one = rows(tokenizer)
    chosen = one.rounds(0)[0]
    made = list(one.batches(chosen, 0, 0))
    weights = np.concatenate([batch.weights for batch in made])
    assert sorted(weights[weights > 0]) == sorted(chosen + 1)
    for batch in made:
        assert batch.ids.shape in {(6, 8), (4, 12)}
        assert (batch.ids[batch.weights == 0, 0] == END).all()


def test_texts_of_like_length_share_the_shortest_batch_that_holds_them() -> None:
    found = [(places.tolist(), bucket) for places, bucket in group([3, 12, 8, 9, 2, 1, 1, 1, 1], LENGTHS)]
    assert found == [([0, 2, 4, 5, 6, 7], 8), ([8], 8), ([1, 3], 12)]


def test_padding_stands_at_the_end() -> None:
    assert pad([[0, 5, 2]], 4, 2).tolist() == [[0, 5, 2, PAD], [END, PAD, PAD, PAD]]


def test_a_long_text_is_cut_to_its_head_or_any_window() -> None:
    ids = list(range(50))
    cut = [tuple(crop(ids, 10, Random(seed))) for seed in range(200)]
    assert all(list(one) == ids[one[0] : one[0] + 10] for one in cut)
    assert 0.3 < np.mean([one[0] == 0 for one in cut]) < 0.7
    assert crop(ids[:10], 10, Random(0)) == ids[:10]


def test_the_configuration_says_how_often_rows_are_taken_and_how_much_they_count() -> None:
    frame = pd.DataFrame(
        {
            "text": [str(row) for row in range(12)],
            "dataset": ["one"] * 8 + ["two"] * 4,
            "label": [0, 0, 0, 0, 0, 0, 2, 2, 0, 1, 2, 2],
            "weight": [1.0] * 8 + [0.5] * 4,
            "part": ["train"] * 11 + ["calibration"],
        }
    )
    config = Config(name="any", family="cnn", balance=Balance(labels=1), data=Data(rates={"two": 3.0}))
    taken, weights = weighted(config, frame, "train")
    assert taken["weight"].tolist() == [1.0] * 8 + [3.0] * 3
    assert weights[:6].sum() == pytest.approx(weights[6:8].sum())
    assert np.average(weights, weights=taken["weight"]) == pytest.approx(1)
    assert len(weighted(config, frame, "calibration")[0]) == 1
