"""Training round by round: broken and taken up again, stopped early, logged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import keras
import numpy as np
import pandas as pd
import pytest

from models.training.config import Schedule
from models.training.networks.fit import CheckpointError, Watched, fit, logits_of, rate_at
from models.training.networks.pretrained import Vocabulary
from models.training.networks.tokens import Batch, Lengths, Tokenizer, TrainingRows

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁good", "▁bad", "▁cup", "▁red", "▁big"]
LENGTHS = Lengths((8,), 64)
SCHEDULE = Schedule(epochs=2.5, rate=0.05, round_rows=16)
THINGS = ["cup", "red", "big"]
FRAME = pd.DataFrame(
    {
        "text": [f"{THINGS[row % 3]} {('bad', 'good')[row % 2]} {THINGS[row % 5 % 3]}" for row in range(48)],
        "label": [2 * (row % 2) for row in range(48)],
        "weight": 1.0,
    }
)


class PowerCutError(Exception):
    """The power went off."""


class BrokenRows(TrainingRows):
    """Rows that end in the middle of a training."""

    rounds_left = 3

    def batches(self, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        self.rounds_left -= 1
        if self.rounds_left < 0:
            raise PowerCutError
        return super().batches(rows, epoch, number)


def tokenizer() -> Tokenizer:
    return Tokenizer(Vocabulary(PIECES, np.full(len(PIECES), -2, np.float32)), str)


def unchanged(text: str, random: Random) -> str:
    return text


def rows(kind: type[TrainingRows] = TrainingRows) -> TrainingRows:
    return kind(FRAME, np.ones(len(FRAME)), tokenizer(), unchanged, LENGTHS, 1, SCHEDULE.round_rows)


def network(units: int = 6, dropout: float = 0.5) -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((None,), dtype="int32"),
        keras.layers.Embedding(len(PIECES), units),
        keras.layers.Dropout(dropout),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3),
    ]
    return keras.Sequential(layers)


def watched(labels: list[int]) -> Watched:
    """Two texts, a bad one and a good one; no row teaches the label 1, so a loss with it only grows."""
    return Watched(tokenizer().windows(["bad", "good"], 8), np.array(labels), np.ones(2), LENGTHS)


def run(
    folder: Path, schedule: Schedule = SCHEDULE, look: Watched | None = None, taken: TrainingRows | None = None
) -> keras.Model:
    made = network()
    fit(made, taken or rows(), schedule, folder, jit=False, watched=look)
    return made


def rounds_of(folder: Path) -> int:
    with np.load(folder / "checkpoint.npz") as saved:
        return int(saved["rounds"])


def same(left: keras.Model, right: keras.Model) -> bool:
    pairs = zip(left.get_weights(), right.get_weights(), strict=True)
    return all(np.allclose(one, other, atol=1e-6) for one, other in pairs)


def test_it_learns(tmp_path: Path) -> None:
    longer = SCHEDULE.model_copy(update={"epochs": 10.0})
    logits = logits_of(run(tmp_path, longer), tokenizer().windows(["bad cup", "good cup"], 8), LENGTHS)
    assert logits.argmax(axis=1).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("settings", "rounds"),
    [({}, 8), ({"patience": 4}, 5), ({"average": 0.9}, 8), ({"keep": 0.4}, 8)],
    ids=["plain", "patient", "averaged", "mixed"],
)
def test_a_broken_training_ends_where_an_unbroken_one_does(
    tmp_path: Path, settings: dict[str, float], rounds: int
) -> None:
    schedule = SCHEDULE.model_copy(update=settings)
    look = watched([0, 1])
    whole = run(tmp_path / "whole", schedule, look)
    with pytest.raises(PowerCutError):
        run(tmp_path / "broken", schedule, look, rows(BrokenRows))
    assert rounds_of(tmp_path / "broken") == 3
    resumed = run(tmp_path / "broken", schedule, look)
    assert same(resumed, whole)
    assert rounds_of(tmp_path / "broken") == rounds_of(tmp_path / "whole") == rounds


def test_it_is_left_with_the_mean_of_its_weights(tmp_path: Path) -> None:
    """A mean that forgets all at each step is the last weights; one that forgets little lags behind."""
    plain, short, long = (
        run(tmp_path / str(average), SCHEDULE.model_copy(update={"average": average})).get_weights()
        for average in (None, 1e-9, 0.9)
    )
    for begun, ended, last, mean in zip(network().get_weights(), plain, short, long, strict=True):
        np.testing.assert_allclose(last, ended, atol=1e-6)
        assert np.linalg.norm(mean - begun) < np.linalg.norm(ended - begun) or np.array_equal(begun, ended)


def test_it_keeps_as_much_of_the_weights_that_it_began_with_as_is_asked_for(tmp_path: Path) -> None:
    ended, mixed = (run(tmp_path / str(keep), SCHEDULE.model_copy(update={"keep": keep})) for keep in (0.0, 0.25))
    for before, last, kept in zip(network().get_weights(), ended.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_allclose(kept, 0.25 * before + 0.75 * last, atol=1e-6)


def test_the_whole_plan_is_trained_without_patience(tmp_path: Path) -> None:
    """2.5 epochs of three rounds: half of an epoch is rounded to whole rounds."""
    run(tmp_path, look=watched([1, 1]))
    assert rounds_of(tmp_path) == 8


def test_it_is_left_with_its_best_weights(tmp_path: Path) -> None:
    look = watched([1, 1])
    stopped = run(tmp_path, SCHEDULE.model_copy(update={"patience": 1}), look)
    with np.load(tmp_path / "checkpoint.npz") as saved:
        best, last = float(saved["best_loss"]), saved["v0"]
    logits = logits_of(stopped, look.ids, LENGTHS)
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert -np.mean(log_shares[[0, 1], look.labels]) == pytest.approx(best, abs=1e-5)
    assert not np.allclose(stopped.get_weights()[0], last)


def test_one_that_stopped_early_does_not_go_on(tmp_path: Path) -> None:
    patient, look = SCHEDULE.model_copy(update={"patience": 1}), watched([1, 1])
    stopped = run(tmp_path, patient, look)
    rounds = rounds_of(tmp_path)
    assert same(run(tmp_path, patient, look), stopped)
    assert rounds_of(tmp_path) == rounds < 8


def test_patience_without_rows_to_watch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"schedule\.patience needs rows"):
        run(tmp_path, SCHEDULE.model_copy(update={"patience": 1}))


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoint\.npz is of a network of other sizes"):
        fit(network(units=7), rows(), SCHEDULE, tmp_path, jit=False)


def test_rounds_are_logged_for_tensorboard(tmp_path: Path) -> None:
    run(tmp_path, SCHEDULE.model_copy(update={"patience": 9}), watched([0, 2]))
    assert list((tmp_path / "logs" / "train").glob("events*"))
    assert list((tmp_path / "logs" / "validation").glob("events*"))


def test_what_is_logged_is_the_mean_of_a_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, still = network(dropout=0.0), Schedule(rate=1e-12, decay=0, round_rows=len(FRAME))
    taken = TrainingRows(FRAME, np.ones(len(FRAME)), tokenizer(), unchanged, LENGTHS, 1, len(FRAME))
    fit(made, taken, still, tmp_path, jit=False)
    logged = json.loads(capsys.readouterr().err.splitlines()[-1])
    found = logits_of(made, tokenizer().windows(FRAME["text"].tolist(), 8), LENGTHS)
    surprise = np.log(np.exp(found).sum(axis=1)) - found[np.arange(len(found)), FRAME["label"]]
    assert logged["loss"] == pytest.approx(surprise.mean(), abs=2e-4)
    assert logged["accuracy"] == pytest.approx((found.argmax(axis=1) == FRAME["label"]).mean(), abs=1e-4)


def test_the_rate_climbs_then_falls_along_a_cosine() -> None:
    schedule = Schedule(rate=0.2, warm_up=0.1)
    assert [rate_at(schedule, progress) for progress in (0, 0.05, 0.1, 0.55, 1)] == pytest.approx([0, 0.1, 0.2, 0.1, 0])
    assert rate_at(Schedule(rate=0.2, warm_up=0.0), 0) == 0.2
    assert rate_at(schedule, 0.325) == pytest.approx(0.1 * (1 + math.cos(math.pi / 4)))


def test_each_cycle_climbs_half_as_high_as_the_one_before() -> None:
    schedule = Schedule(rate=0.4, warm_up=0.1, cycles=2)
    assert [rate_at(schedule, progress) for progress in (0, 0.05, 0.275)] == pytest.approx([0, 0.4, 0.2])
    assert [rate_at(schedule, progress) for progress in (0.5, 0.55, 0.775, 1)] == pytest.approx([0, 0.2, 0.1, 0])


def test_texts_of_mixed_lengths_are_scored_in_their_order() -> None:
    made, lengths = network(), Lengths((4, 8), 16)
    ids = tokenizer().windows(["good red big cup", "bad", "good", "red big bad cup red", ""], 8)
    alone = np.concatenate([logits_of(made, [one], lengths) for one in ids])
    np.testing.assert_allclose(logits_of(made, ids, lengths), alone, atol=1e-6)
    assert logits_of(made, [], lengths).shape == (0, 3)
