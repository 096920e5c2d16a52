"""A packaged pipeline: the same numbers as before it was packaged, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.sentiment.artifact import MANIFEST, sha256
from models.sentiment.calibration import Calibration
from models.sentiment.contract import ArtifactError
from models.sentiment.estimator import PIPELINE, SETTINGS, EstimatorModel
from models.sentiment.loading import open_artifact
from models.text.chain import Chain
from models.training.config import Config
from models.training.families.classical import TrainedEstimator
from models.training.packaging import package

CALIBRATION = Calibration(1.7, {"pt review": 0.8})
TEXTS = ["copo bom", "copo ruim", "@bom", "", "bom \ud800", "a" * 50_000]


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression())
    pipeline.fit(["ruim", "ruim copo", "copo", "mesa", "bom", "bom copo"], [0, 0, 1, 1, 2, 2])
    return TrainedEstimator(pipeline, Chain(clean=("mentions",), stem=True))


@pytest.fixture
def folder(trained: TrainedEstimator, tmp_path: Path) -> Path:
    identity = package.Identity(Config(name="tiny", family="tfidf"), "3", CALIBRATION, package.MadeFrom([]))
    package.write_files(tmp_path / "3", trained, identity)
    return tmp_path / "3"


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Change a file and its checksum, as someone does who means it."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["sha256"][name] = sha256(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def test_it_predicts_the_same_once_packaged(trained: TrainedEstimator, folder: Path) -> None:
    model = open_artifact(folder)
    assert isinstance(model, EstimatorModel)
    assert (model.name, model.version, model.labels) == ("tiny", "tiny-3", ("negative", "neutral", "positive"))
    assert model.unsure_below == package.UNSURE_BELOW
    logits = trained.logits(TEXTS, None)
    probabilities = model.predict(TEXTS)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, CALIBRATION.apply(logits), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    context = ["pt"] * len(TEXTS), ["review"] * len(TEXTS)
    logits = trained.logits(TEXTS, context[0])
    np.testing.assert_allclose(model.predict(TEXTS, *context), CALIBRATION.apply(logits, *context), atol=1e-6)


def test_no_texts_give_no_rows(folder: Path) -> None:
    assert open_artifact(folder).predict([]).shape == (0, 3)


@pytest.mark.parametrize("name", [PIPELINE, SETTINGS, "calibration.json"])
def test_a_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name} differs"):
        open_artifact(folder)


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._witness,)


def test_a_changed_pipeline_is_never_unpickled(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    joblib.dump(Trap(witness), folder / PIPELINE)
    with pytest.raises(ArtifactError, match="differs"):
        open_artifact(folder)
    assert not witness.exists()
    joblib.load(folder / PIPELINE)
    assert witness.exists()


def test_another_version_of_scikit_learn_is_refused(folder: Path) -> None:
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    rewrite(folder, SETTINGS, json.dumps(settings | {"scikit_learn": "0.1"}).encode())
    with pytest.raises(ArtifactError, match=r"trained with scikit-learn 0\.1 .* train the model again"):
        open_artifact(folder)


def test_without_scikit_learn_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ArtifactError, match=r"pip install scikit-learn==\d"):
        open_artifact(folder)
