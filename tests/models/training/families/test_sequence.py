"""The networks that learn from scratch: what all of them promise, on texts made up here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from models.sentiment.calibration import Calibration
from models.training.config import Config, ConfigError, Schedule, Text, read_config
from models.training.data.catalogue import DataError
from models.training.families.sequence import TrainedSequence, build, train_sequence
from models.training.job import Job
from models.training.networks.fit import fit
from models.training.networks.pretrained import Vocabulary
from models.training.networks.tokens import PAD, Batch, Tokenizer, TrainingRows

SIZES: dict[str, dict[str, int | float | bool | str]] = {
    "simple_rnn": {"units": 8, "l2": 1e-4, "recurrent_dropout": 0.1},
    "lstm": {"units": 8, "recurrent_dropout": 0.1},
    "gru": {"units": 8, "layers": 2, "l2": 1e-4, "recurrent_dropout": 0.1},
    "bilstm": {"units": 8, "attention": 8, "recurrent_dropout": 0.1},
    "cnn": {"filters": 8, "l2": 1e-4},
    "transformer": {"heads": 2, "layers": 2, "inner": 16},
}
FAMILIES = sorted(SIZES)
WORDS = {0: ["awful", "broken"], 1: ["blue", "square"], 2: ["great", "lovely"]}
THINGS = ["cup", "plate", "lamp", "clock"]
STEPS = ("html", "addresses", "mentions")
KNOWN = [*THINGS, *(word for words in WORDS.values() for word in words)]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz", *(f"▁{word}" for word in KNOWN)]
VOCABULARY = Vocabulary(PIECES, np.linspace(-9, -1, len(PIECES), dtype=np.float32))


class PowerCutError(Exception):
    """The power went off."""


class BrokenRows(TrainingRows):
    """Rows that end after the first round."""

    def batches(self, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        if number:
            raise PowerCutError
        return super().batches(rows, epoch, number)


def config(family: str, **changes: object) -> Config:
    settings: dict[str, object] = {
        "network": {"width": 8, "dropout": 0.1, **SIZES[family]},
        "text": Text(steps=STEPS, buckets=(8, 16), batch_tokens=256),
        "schedule": Schedule(epochs=12, rate=0.005 if family == "transformer" else 0.02, round_rows=150),
    }
    return Config.model_validate({"name": f"my_{family}", "family": family, **settings, **changes})


def frame() -> pd.DataFrame:
    made = [
        (f"{first} {word} {second} {word} {third}", label)
        for label, words in WORDS.items()
        for word in words
        for first, second, third in itertools.permutations(THINGS, 3)
    ]
    parts = ["train"] * 5 + ["calibration"]
    table = pd.DataFrame(made, columns=["text", "label"]).sample(frac=1, random_state=1, ignore_index=True)
    part = [parts[row % 6] for row in range(len(table))]
    return table.assign(part=part, dataset="made up", weight=1.0, language="en", kind="post")


def logits(network: keras.Model, ids: np.ndarray) -> np.ndarray:
    return np.asarray(network(ids, training=False))


QUICK = "gru"
"""The family that is trained in every run of the tests; the others are slow."""
TRAINED = [family if family == QUICK else pytest.param(family, marks=pytest.mark.slow) for family in FAMILIES]


@pytest.fixture(scope="module", params=TRAINED)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainedSequence:
    folder = tmp_path_factory.mktemp(request.param)
    return train_sequence(Job(config(request.param), frame(), folder), VOCABULARY)


def test_it_learns_what_words_mean(trained: TrainedSequence) -> None:
    rows = frame()
    rows = rows[rows["part"] == "calibration"]
    found = trained.logits(rows["text"].tolist(), rows["language"].tolist())
    assert found.shape == (len(rows), 3)
    assert found.dtype == np.float32
    assert (found.argmax(axis=1) == rows["label"]).mean() > 0.9


def test_order_and_company_do_not_matter(trained: TrainedSequence) -> None:
    texts = ["a great cup", "awful", "the lamp and the clock and the plate are blue", "", "lovely " * 30]
    together = trained.logits(texts, ["en"] * 5)
    alone = np.concatenate([trained.logits([text], ["en"]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_packaged_it_says_the_same(trained: TrainedSequence, tmp_path: Path) -> None:
    import tensorflow as tf

    trained.save(tmp_path, Calibration.identity())
    texts = ["a great cup", "awful plate", "a blue lamp, a blue clock, a square cup"]
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](texts=tf.constant(texts))
    expected = tf.nn.softmax(trained.logits(texts, ["en"] * 3))
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing(family: str) -> None:
    network = build(config(family), len(PIECES))
    ids = np.random.default_rng(1).integers(2, len(PIECES), (3, 6)).astype(np.int32)
    ids[0, 2:] = PAD
    padded = np.pad(ids, ((0, 0), (0, 17)), constant_values=PAD)
    np.testing.assert_allclose(logits(network, padded), logits(network, ids), atol=1e-5)
    np.testing.assert_allclose(logits(network, ids[:1, :2]), logits(network, ids)[:1], atol=1e-5)
    assert np.ptp(logits(network, ids), axis=0).min() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_of_words_is_seen(family: str) -> None:
    network = build(config(family), len(PIECES))
    ids = np.arange(4, 12, dtype=np.int32)[np.newaxis]
    assert np.abs(logits(network, ids) - logits(network, ids[:, ::-1])).max() > 1e-5


@pytest.mark.parametrize("family", [QUICK, pytest.param("transformer", marks=pytest.mark.slow)])
def test_a_training_taken_up_again_ends_the_same(family: str, tmp_path: Path) -> None:
    sizes = SIZES[family] | {"layers": 1}
    text, schedule = Text(steps=STEPS, buckets=(16,), batch_tokens=256), Schedule(epochs=1, round_rows=60)
    settings = config(family, network=sizes, text=text, schedule=schedule, augmentation={"keyboard_noise": 0.5})

    def run(folder: str, kind: type[TrainingRows] = TrainingRows) -> list[np.ndarray]:
        network = build(settings, len(PIECES))
        rows = kind.of(settings, frame(), Tokenizer(VOCABULARY, str.lower))
        fit(network, rows, settings.schedule, tmp_path / folder, jit=False)
        # Weights and the seeds of dropout.
        return [np.asarray(variable) for variable in network.variables]

    whole = run("whole")
    with pytest.raises(PowerCutError):
        run("broken", BrokenRows)
    for one, other in zip(run("broken"), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_decides(family: str) -> None:
    first, again, other = (build(config(family, seed=seed), 40).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shipped_configuration_builds(family: str) -> None:
    shipped = read_config(family)
    assert shipped.family == family
    assert shipped.schedule.patience
    assert build(shipped, 100).output_shape == (None, 3)


@pytest.mark.parametrize(
    ("family", "sizes", "told"),
    [
        ("cnn", {"units": 8}, "my_cnn.*network.*units"),
        ("gru", {"heads": 2}, "my_gru.*network.*heads"),
        ("transformer", {"l2": 1e-4}, "my_transformer.*network.*l2"),
        ("lstm", {"dropout": 1.5}, "my_lstm.*network.*dropout"),
        ("cnn", {"narrowest": 5, "widest": 3}, "my_cnn.*network.*narrowest"),
        ("transformer", {"width": 10, "heads": 4}, "my_transformer.*network.*width"),
    ],
)
def test_sizes_that_a_family_does_not_know_are_refused(family: str, sizes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){told}"):
        build(config(family, network=sizes), 40)


def test_early_stopping_watches_the_calibration_rows(tmp_path: Path) -> None:
    rows = frame()
    swapped = rows["part"] == "calibration"
    rows.loc[swapped, "label"] = (rows.loc[swapped, "label"] + 1) % 3
    schedule = Schedule(epochs=12, rate=0.02, round_rows=60, patience=2)
    train_sequence(Job(config("cnn", schedule=schedule), rows, tmp_path), VOCABULARY)
    with np.load(tmp_path / "checkpoint.npz") as saved:
        assert int(saved["rounds"]) < 12


def test_patience_without_calibration_rows_is_refused(tmp_path: Path) -> None:
    settings = config("cnn", schedule=Schedule(patience=2))
    with pytest.raises(DataError, match=r"my_cnn: schedule\.patience needs calibration rows"):
        train_sequence(Job(settings, frame().assign(part="train"), tmp_path), VOCABULARY)
