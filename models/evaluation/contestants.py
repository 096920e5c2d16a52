"""Who takes part: packaged models, artefact folders and baselines, each with what the leaderboard must know of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.evaluation import baselines
from models.evaluation.baselines import TextBlob, TfIdf, Vader
from models.files import whole
from models.sentiment.artifact import folder_of, stage_folder, verify, version
from models.sentiment.contract import SentimentModel
from models.sentiment.loading import load
from models.training.data.lexicon import LEXICON
from models.training.data.made import MADE
from models.training.packaging.card import CARD

_MODELS = Path(__file__).parents[1]
_CODE = ("sentiment", "text")
VADER, _TEXTBLOB = "baseline:vader", "baseline:textblob"
_PICKLED = ".joblib"


class MissingPackageError(RuntimeError):
    """A baseline cannot take part: its package is not installed."""


@dataclass(frozen=True)
class Contestant:
    """A model that is measured."""

    spec: str
    """What ``open_spec`` takes; a plain string, so that another process can open it too."""

    name: str
    version: str
    digest: str
    """Changes with the model's files and with the code that predicts; names its scores in the cache."""

    size_mb: float | None = None
    """Megabytes on disk, None for rules without a file of their own."""

    baseline: bool = True
    probabilistic: bool = True
    """False where the rows order texts but are not meant as probabilities."""

    unsure_below: float | None = None
    training_rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of each data set it was trained on, where its manifest says so."""

    def strange_sets(self, trained: Mapping[str, int]) -> tuple[str, ...]:
        """Data sets of which it was trained on another number of rows than ``trained`` says of a split.

        What no file holds, and no split therefore has, is none of them.
        """
        known = {name: rows for name, rows in self.training_rows.items() if name not in (MADE.name, LEXICON.name)}
        return tuple(sorted(name for name in known if known[name] != trained.get(name, 0)))


def open_spec(spec: str) -> SentimentModel:
    """The model of a contestant. Raises as ``models.sentiment.load`` does."""
    if spec == VADER:
        return Vader()
    if spec == _TEXTBLOB:
        return TextBlob()
    return TfIdf.read(Path(spec)) if spec.endswith(_PICKLED) else load(spec)


def packaged(name: str) -> Contestant:
    """A packaged model by name, or an artefact by its folder (with a ``/`` in it).

    Raises:
        UnknownModelError: no packaged model has that name.
        ArtifactError: its files are damaged.
    """
    folder = folder_of(name)
    manifest = verify(folder)
    trained = {str(one["name"]): int(one["rows"]) for one in manifest.get("training_data", [])}
    code = [path for part in _CODE for path in sorted((_MODELS / part).rglob("*.py"))]
    return Contestant(
        spec=name,
        name=manifest["name"],
        version=version(name),
        digest=_digest(code, _what_scores(folder, manifest).encode()),
        size_mb=sum(path.stat().st_size for path in _files(folder, manifest)) / 1e6,
        baseline=False,
        unsure_below=manifest.get("unsure_below"),
        training_rows=trained,
    )


def lexicons() -> list[Contestant]:
    """VADER and TextBlob. MissingPackageError: one is not installed."""
    return [_lexicon(VADER, Vader.name, "vaderSentiment"), _lexicon(_TEXTBLOB, TextBlob.name, "textblob")]


def tfidf(train: pd.DataFrame, cache: Path) -> Contestant:
    """TF-IDF with logistic regression, trained on rows (``text``, ``label``), or read from the cache."""
    hashes = pd.util.hash_pandas_object(train[["text", "label"]], index=False).to_numpy(np.uint64)
    digest = _digest([Path(baselines.__file__)], hashes.tobytes(), _release("scikit-learn").encode())
    path = cache / f"tfidf-{digest}{_PICKLED}"
    if not path.exists():
        with whole(path) as aside:
            TfIdf.train(train).write(aside)
    return Contestant(str(path), TfIdf.name, TfIdf.version, digest, path.stat().st_size / 1e6)


def _files(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """The files of an artefact, and those of the models that read before and after it."""
    folders = [folder, *(stage_folder(folder, stage) for stage in _stages(manifest))]
    return [path for one in folders for path in one.rglob("*") if path.is_file()]


def _what_scores(folder: Path, manifest: Mapping[str, Any]) -> str:
    """All of a manifest that decides what the model answers; its card, measures and spread do not."""
    sums = {file: digest for file, digest in manifest["sha256"].items() if file != CARD}
    told = [manifest["format"], manifest.get("calibration"), sums, {**manifest["serving"], "first": None, "last": None}]
    for stage in _stages(manifest):
        other = stage_folder(folder, stage)
        told += [{**stage, "sha256": None}, _what_scores(other, verify(other))]
    return json.dumps(told, sort_keys=True)


def _stages(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a manifest says of the models that read before and after its own."""
    return [stage for name in ("first", "last") if (stage := manifest["serving"].get(name))]


def _lexicon(spec: str, name: str, package: str) -> Contestant:
    release = _release(package)
    digest = _digest([Path(baselines.__file__)], release.encode(), spec.encode())
    return Contestant(spec, name, f"{name} {release}", digest, probabilistic=False)


def _release(package: str) -> str:
    try:
        return package_version(package)
    except PackageNotFoundError:
        remedy = "install Sentinela with its extra 'training', or leave the baselines out"
        raise MissingPackageError(f"a baseline needs the package {package}; {remedy}") from None


def _digest(files: Sequence[Path], *more: bytes) -> str:
    digest = hashlib.sha256(b"\0".join(more))
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
