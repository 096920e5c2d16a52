"""Load a packaged model, check that its files are the ones that were packaged, and score texts with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

LABELS = ("negative", "neutral", "positive")
ARTIFACTS = Path(__file__).with_name("artifacts")
MANIFEST = "manifest.json"

_BATCH_TEXTS = 1024
_BATCH_BYTES = 256 * 1024
_DIGEST_CHUNK = 1024 * 1024


class ArtifactError(RuntimeError):
    """A packaged model cannot be used: a file is missing, changed or unreadable."""


class UnknownModelError(LookupError):
    """No packaged model has that name."""


class SentimentModel(Protocol):
    """Anything that scores texts."""

    name: str
    version: str
    labels: tuple[str, str, str]

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``."""
        ...


class PackagedModel:
    """A TensorFlow SavedModel that takes raw strings; use ``load`` to get one."""

    labels = LABELS

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` against its manifest and load the SavedModel.

        Raises:
            ArtifactError: a file is missing or differs from the manifest.
        """
        self.manifest = verify(folder)
        self.name: str = self.manifest["name"]
        self.version = _full_version(self.manifest)
        self._max_bytes: int = self.manifest["max_bytes"]
        self._saved, self._serve = _load_saved_model(folder)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        Any string is accepted, also an empty one or one with lone surrogates. Memory is bounded by a batch,
        whatever the number and length of the texts.
        """
        results = [np.zeros((0, len(LABELS)), np.float32)]
        results += [self._serve(batch) for batch in _batches(texts, self._max_bytes)]
        return np.concatenate(results)


def load(name: str = "bag") -> SentimentModel:
    """Load the newest version of a packaged model, once per process.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
        ArtifactError: the packaged files are damaged.
    """
    return _loaded(_newest(name))


@cache
def _loaded(folder: Path) -> PackagedModel:
    return PackagedModel(folder)


def version(name: str = "bag") -> str:
    """Version of the packaged model that ``load`` would give, without loading it. Raises as ``load`` does."""
    return _full_version(verify(_newest(name)))


def available() -> list[str]:
    """Names of the packaged models, sorted."""
    return sorted(folder.name for folder in ARTIFACTS.glob("*") if folder.is_dir() and _versions(folder))


def verify(folder: Path) -> dict[str, Any]:
    """Compare every file of a packaged model with the manifest's sha256 sums and return the manifest.

    Raises:
        ArtifactError: naming the file that is missing or changed and what to do about it.
    """
    remedy = "restore the folder from version control, or train and package the model again"
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sums: dict[str, str] = manifest["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{path} is missing or unreadable ({error}); {remedy}") from error
    for relative, expected in sums.items():
        file = folder / relative
        if not file.is_file():
            raise ArtifactError(f"{file} is missing; {remedy}")
        if sha256(file) != expected:
            raise ArtifactError(f"{file} differs from the one that was packaged (sha256); {remedy}")
    return manifest


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_DIGEST_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _full_version(manifest: dict[str, Any]) -> str:
    return f"{manifest['name']}-{manifest['version']}"


def _newest(name: str) -> Path:
    """Folder of the newest version of a packaged model; UnknownModelError lists the models there are."""
    if name not in available():
        raise UnknownModelError(f"there is no sentiment model {name!r}; there are: {', '.join(available()) or 'none'}")
    return _versions(ARTIFACTS / name)[-1]


def _versions(folder: Path) -> list[Path]:
    """Version folders (plain numbers, as TensorFlow Serving wants them), oldest first."""
    found = [path for path in folder.iterdir() if path.name.isdecimal() and (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: int(path.name))


def _load_saved_model(folder: Path) -> tuple[Any, Any]:
    """Load a SavedModel: the object, which must outlive its function, and bytes [n] -> float32 [n, 3]."""
    import tensorflow as tf

    saved = tf.saved_model.load(str(folder))
    signature = saved.signatures["serving_default"]

    def serve(batch: list[bytes]) -> np.ndarray:
        probabilities: np.ndarray = signature(texts=tf.constant(batch, tf.string))["probabilities"].numpy()
        return probabilities

    return saved, serve


def _batches(texts: Sequence[str], max_bytes: int) -> Iterator[list[bytes]]:
    """Encode texts, without tails that the model does not read, in batches bounded by number and bytes."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        encoded = text[:max_bytes].encode("utf-8", "replace")
        if batch and (len(batch) == _BATCH_TEXTS or size + len(encoded) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(encoded)
        size += len(encoded)
    if batch:
        yield batch
