"""Fine-tuned networks of either kind: trained, packaged, opened again and trained further, on made-up rows."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.loading import open_artifact
from models.training.config import Config
from models.training.families.encoder import TrainedEncoder
from models.training.families.registry import retrainer, trainer
from models.training.job import Job
from models.training.packaging import package

pytestmark = pytest.mark.slow

_COMMON = {
    "name": "tiny",
    "text": {"buckets": [16], "batch_tokens": 512},
    "schedule": {"epochs": 2, "rate": 3e-3},
}
ENCODER = Config.model_validate({**_COMMON, "family": "encoder", "network": {"depth": 1, "inner": 64, "filters": 8}})
UNIVERSAL = Config.model_validate({**_COMMON, "family": "universal"})
TEXTS = ["copo ótimo prato ótimo mesa", "copo horrível prato horrível mesa", "copo azul prato azul mesa"]


@pytest.fixture(scope="module", params=[ENCODER, UNIVERSAL], ids=lambda config: config.family)
def config(request: pytest.FixtureRequest) -> Config:
    chosen: Config = request.param
    return chosen


@pytest.fixture(scope="module")
def cache(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(config.family)


@pytest.fixture(scope="module")
def trained(config: Config, cache: Path) -> TrainedEncoder:
    return train(job(config, cache))


@pytest.fixture(scope="module")
def folder(config: Config, trained: TrainedEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "1"
    package.write_files(folder, trained, package.Identity(config, "1", Calibration(), package.MadeFrom([])))
    return folder


def train(job: Job) -> TrainedEncoder:
    trained = trainer(job.config.family)(job)
    assert isinstance(trained, TrainedEncoder)
    return trained


def job(config: Config, cache: Path, swapped: bool = False) -> Job:
    words = {"negative": "horrível", "neutral": "azul", "positive": "ótimo"}
    things = ["copo", "prato", "mesa", "livro", "lamp", "chair", "clock", "fan"]
    made = [
        (f"{first} {word} {second} {word}", LABELS.index(label))
        for label, word in words.items()
        for first in things
        for second in things
    ]
    frame = pd.DataFrame(made, columns=["text", "label"])
    if swapped:
        frame["label"] = 2 - frame["label"]
    return Job(config, frame.assign(dataset="one", weight=1.0, part="train"), cache)


@pytest.mark.slow
def test_it_learns(trained: TrainedEncoder) -> None:
    logits = trained.logits(TEXTS, [])
    assert (logits.shape, logits.dtype) == ((3, 3), np.float32)
    assert logits.argmax(axis=1).tolist() == [2, 0, 1]


def test_once_packaged_it_says_the_same(trained: TrainedEncoder, folder: Path) -> None:
    expected = Calibration().apply(trained.logits(TEXTS, []))
    np.testing.assert_allclose(open_artifact(folder).predict(TEXTS), expected, atol=1e-6)


def test_a_training_taken_up_again_reads_with_the_same_pieces(
    config: Config, trained: TrainedEncoder, cache: Path
) -> None:
    again = train(job(config, cache))
    assert again.pretrained.vocabulary.pieces == trained.pretrained.vocabulary.pieces
    np.testing.assert_allclose(again.logits(TEXTS, []), trained.logits(TEXTS, []), atol=1e-6)


@pytest.mark.slow
def test_it_learns_on_from_what_is_packaged(
    config: Config, trained: TrainedEncoder, folder: Path, tmp_path: Path
) -> None:
    further = retrainer(config.family)(folder, job(config, tmp_path, swapped=True))
    assert isinstance(further, TrainedEncoder)
    assert further.pretrained.vocabulary.pieces == trained.pretrained.vocabulary.pieces
    assert further.logits(TEXTS[:2], []).argmax(axis=1).tolist() == [0, 2]


def test_what_learnt_in_bfloat16_computes_in_float32(config: Config, tmp_path: Path) -> None:
    schedule = config.schedule.model_copy(update={"precision": "bfloat16"})
    trained = train(job(config.model_copy(update={"schedule": schedule}), tmp_path))
    assert trained.network.compute_dtype == keras.config.dtype_policy().compute_dtype == "float32"
    assert trained.logits(TEXTS, []).argmax(axis=1).tolist() == [2, 0, 1]
