"""What is packaged scores raw strings as the trained model did, whatever their length and company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.sentiment.calibration import Calibration
from models.training.config import Config
from models.training.families.encoder import TrainedEncoder
from models.training.networks.encoder import EncoderShape, from_pretrained
from models.training.networks.pretrained import Pretrained
from models.training.packaging.export import open_encoder, packaged_words, round_weights

CALIBRATION = Calibration(1.5, {"pt post": 0.5}, neutral={"news": 0.4})
CONFIG = Config.model_validate({"name": "tiny", "family": "encoder", "text": {"buckets": [8, 16]}})
SHAPE = EncoderShape(depth=2, filters=4)
TEXTS = [
    "bom bom",
    "não é ruim!",
    "olha @maria https://exemplo.com.br/a?b=c 😀",
    "<b>good</b> &amp; bad",
    "",
    "a\ud800b",
    "中文",
]


@pytest.fixture(scope="module")
def trained(tiny_pretrained: Pretrained) -> TrainedEncoder:
    network = from_pretrained(tiny_pretrained, SHAPE, seed=1)
    head = np.random.default_rng(1).normal(size=(36, 3)).astype(np.float32)
    network.head.set_weights([head, np.array([0.1, 0.2, -0.3], np.float32)])
    round_weights(network, but=[network.embedding.words])
    return TrainedEncoder(network, tiny_pretrained, CONFIG)


@pytest.fixture(scope="module")
def saved(trained: TrainedEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    trained.save(folder, CALIBRATION)
    return folder


@pytest.fixture(scope="module")
def signatures(saved: Path) -> dict[str, tf.types.experimental.ConcreteFunction]:
    loaded = tf.saved_model.load(str(saved))
    return {"loaded": loaded, **loaded.signatures}


def score(signatures: dict[str, tf.types.experimental.ConcreteFunction], texts: list[str]) -> np.ndarray:
    encoded = tf.constant([text.encode("utf-8", "replace") for text in texts])
    return signatures["serving_default"](texts=encoded)["probabilities"].numpy()


def test_saving_and_loading_changes_nothing(trained: TrainedEncoder, signatures: dict) -> None:  # type: ignore[type-arg]
    expected = CALIBRATION.apply(trained.logits(TEXTS, ["pt"] * len(TEXTS)))
    np.testing.assert_allclose(score(signatures, TEXTS), expected, atol=1e-6)


def test_language_and_kind_choose_the_calibration(trained: TrainedEncoder, signatures: dict) -> None:  # type: ignore[type-arg]
    languages, kinds = ["pt", "pt", "en"], ["post", "news", "?"]
    given = {"texts": TEXTS[:3], "languages": languages, "kinds": kinds}
    found = signatures["with_context"](**{name: tf.constant(values) for name, values in given.items()})
    expected = CALIBRATION.apply(trained.logits(TEXTS[:3], languages), languages, kinds)
    np.testing.assert_allclose(found["probabilities"].numpy(), expected, atol=1e-6)


def test_company_does_not_matter(signatures: dict) -> None:  # type: ignore[type-arg]
    alone = np.concatenate([score(signatures, [text]) for text in TEXTS])
    np.testing.assert_allclose(score(signatures, TEXTS), alone, atol=1e-6)


def test_a_long_text_is_read_to_its_end(signatures: dict) -> None:  # type: ignore[type-arg]
    start = "bom " * 14
    plain, other_end = score(signatures, [start + "bom " * 40, start + "ruim " * 40])
    assert np.abs(plain - other_end).max() > 1e-3


def test_a_long_text_is_the_mean_of_its_windows(trained: TrainedEncoder, signatures: dict) -> None:  # type: ignore[type-arg]
    first, rest = "bom " * 14, "ruim " * 5
    logits = trained.logits([first, rest], ["pt"] * 2)
    mean = (15 * logits[0] + 6 * logits[1]) / 21
    np.testing.assert_allclose(score(signatures, [first + rest])[0], CALIBRATION.apply(mean[None])[0], atol=1e-5)


def test_the_files_are_those_that_tensorflow_serving_reads(saved: Path) -> None:
    assert (saved / "saved_model.pb").is_file()
    assert (saved / "variables" / "variables.index").is_file()


def test_a_packaged_encoder_can_learn_on(trained: TrainedEncoder, saved: Path) -> None:
    pretrained = packaged_words(saved)
    network = open_encoder(saved, pretrained, SHAPE, seed=2)
    again = TrainedEncoder(network, pretrained, CONFIG)
    np.testing.assert_allclose(again.logits(TEXTS, []), trained.logits(TEXTS, []), atol=1e-6)
    assert pretrained.vocabulary.pieces == trained.pretrained.vocabulary.pieces
