"""The bag: a training that was broken off ends as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.training.config import Config
from models.training.families.bag import BagRows, TrainedBag, train_bag
from models.training.job import Job
from models.training.networks.tokens import Batch

CONFIG = Config.model_validate(
    {
        "name": "tiny",
        "family": "bag",
        "network": {"members": 2, "token_bits": 8, "pair_bits": 8, "chars_bits": 8, "width": 2, "batch_rows": 16},
        "schedule": {"epochs": 2.5, "rate": 0.1, "warm_up": 0.0, "round_rows": 64},
    }
)
TEXTS = ["copo ótimo", "copo horrível", "copo azul", ""]


class PowerCutError(Exception):
    """The power went off."""


def job(cache: Path) -> Job:
    words = ["horrível", "azul", "ótimo"]
    made = [
        (f"{thing} {word} {number}", label)
        for label, word in enumerate(words)
        for thing in ("copo", "mesa")
        for number in range(20)
    ]
    frame = pd.DataFrame(made, columns=["text", "label"])
    return Job(CONFIG, frame.assign(dataset="one", weight=1.0, part="train"), cache)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainedBag:
    return train_bag(job(tmp_path_factory.mktemp("whole")))


def test_it_learns(whole: TrainedBag) -> None:
    assert whole.logits(TEXTS, []).argmax(axis=1).tolist()[:3] == [2, 0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 6])
def test_taken_up_again_it_ends_the_same(
    rounds: int, whole: TrainedBag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch has two rounds, a network five; the second cut is in the second network."""
    left = rounds
    unbroken = BagRows.batches

    def broken(self: BagRows, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        nonlocal left
        left -= 1
        if left < 0:
            raise PowerCutError
        return unbroken(self, rows, epoch, number)

    with monkeypatch.context() as patch:
        patch.setattr(BagRows, "batches", broken)
        with pytest.raises(PowerCutError):
            train_bag(job(tmp_path))
    np.testing.assert_array_equal(train_bag(job(tmp_path)).logits(TEXTS, []), whole.logits(TEXTS, []))
