"""Load a packaged model, check that its files are the ones that were packaged, and score texts with it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

LABELS = ("negative", "neutral", "positive")
ARTIFACTS = Path(__file__).with_name("artifacts")
MANIFEST = "manifest.json"
DEFAULT = "balanced"

_CHUNK_TEXTS = 4096
_DIGEST_CHUNK = 1024 * 1024
_REQUIRED = {"name": str, "version": str, "format": str, "labels": list, "serving": dict, "sha256": dict}


class ArtifactError(RuntimeError):
    """A packaged model cannot be used: a file is missing, changed or unreadable."""


class UnknownModelError(LookupError):
    """No packaged model has that name."""


class SentimentModel(Protocol):
    """Anything that scores texts."""

    name: str
    version: str
    labels: tuple[str, str, str]

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        ``languages`` (pt, en, es, other) and ``kinds`` (post, review, news) are of the texts, where they are known.
        """
        ...


class Packaged(ABC):
    """A model read from an artefact's folder: what its manifest says of it, and scoring by batches."""

    labels = LABELS

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` against its manifest.

        Raises:
            ArtifactError: a file is missing or differs from the manifest.
        """
        self.manifest = verify(folder)
        self.name: str = self.manifest["name"]
        self.version = _full_version(self.manifest)
        self.unsure_below: float = self.manifest.get("unsure_below", 0.0)
        serving = self.manifest["serving"]
        self.rate_chars_per_second: float | None = serving["chars_per_second"]
        self._batch_chars: int = serving["batch_chars"]

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label: float32 [n, 3], rows sum to 1, in the order of ``texts``.

        Any string is accepted, also an empty one or one with lone surrogates. Texts of like length are scored
        together, so that little is padding; memory is bounded by a batch, whatever the number of the texts.
        """
        scored = np.zeros((len(texts), len(LABELS)), np.float32)
        for places in _batches(texts, self._batch_chars):
            batch = [texts[place] for place in places]
            scored[places] = self._score(batch, taken(languages, places), taken(kinds, places))
        return scored

    @abstractmethod
    def _score(self, texts: Sequence[str], languages: Sequence[str] | None, kinds: Sequence[str] | None) -> np.ndarray:
        """As ``predict``, of one batch."""


class PackagedModel(Packaged):
    """A TensorFlow SavedModel that takes raw strings; use ``load`` to get one."""

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` and load the SavedModel; raises ArtifactError."""
        super().__init__(folder)
        self._saved = _load_saved_model(folder)

    def _score(self, texts: Sequence[str], languages: Sequence[str] | None, kinds: Sequence[str] | None) -> np.ndarray:
        import tensorflow as tf

        given = {"texts": tf.constant([text.encode("utf-8", "replace") for text in texts])}
        score = self._saved.signatures["serving_default"]
        if languages is not None and kinds is not None and "with_context" in self._saved.signatures:
            given |= {"languages": tf.constant(languages), "kinds": tf.constant(kinds)}
            score = self._saved.signatures["with_context"]
        probabilities: np.ndarray = score(**given)["probabilities"].numpy()
        return probabilities


def load(name: str = DEFAULT) -> SentimentModel:
    """Load the newest version of a packaged model, or the artefact in a folder, once per process.

    Args:
        name: one of ``available()``, or a path to an artefact's folder (anything with a ``/`` in it).

    Raises:
        UnknownModelError: no such model; the message lists those there are.
        ArtifactError: the packaged files are damaged.
    """
    return _loaded(folder_of(name))


def version(name: str = DEFAULT) -> str:
    """Version of the model that ``load`` would give, without loading it. Raises as ``load`` does."""
    return _full_version(verify(folder_of(name)))


def available() -> list[str]:
    """Names of the packaged models, sorted."""
    return sorted(folder.name for folder in ARTIFACTS.glob("*") if folder.is_dir() and _versions(folder))


def open_artifact(folder: Path) -> SentimentModel:
    """Load the artefact in a folder, whatever its format; a text that is longer than its window is read in parts.

    Raises:
        ArtifactError: a file is missing, changed or unreadable, also one of the model that reads before it.
    """
    manifest = verify(folder)
    serving = manifest["serving"]
    model: SentimentModel = _reader(manifest["format"])(folder)
    if serving["window_chars"]:
        from models.sentiment.windows import Windowed

        model = Windowed(model, serving["window_chars"])
    if before := serving.get("first"):
        from models.sentiment.calibration import Calibration
        from models.sentiment.staged import Staged, Sure

        sure, temperature = Sure(**before["sure_from"]), Calibration.from_dict(manifest["calibration"]).mixed
        return Staged(_first(folder, before), model, sure, before["share"], temperature)
    return model


def _first(folder: Path, before: dict[str, Any]) -> SentimentModel:
    """The very model that read before the one in ``folder`` when that was packaged, and no later version of it."""
    path = ARTIFACTS / before["model"] / before["version"]
    if not path.is_dir() or sha256(path / MANIFEST) != before["sha256"]:
        raise ArtifactError(
            f"{folder} reads what {before['model']}-{before['version']} is not sure of, and {path} is not there as it "
            "was then; restore it from version control, or train and package the model again"
        )
    return _loaded(path)


def _reader(form: str) -> Callable[[Path], SentimentModel]:
    """What reads artefacts of a format; the libraries that some need are imported for those alone."""
    if form == "estimator":
        from models.sentiment.estimator import EstimatorModel

        return EstimatorModel
    if form == "rules":
        from models.sentiment.rules import RulesModel

        return RulesModel
    if form == "savedmodel":
        return PackagedModel
    raise ArtifactError(f"this version of Sentinela reads no models of the format {form!r}; update it")


def verify(folder: Path) -> dict[str, Any]:
    """Compare every file of a packaged model with the manifest's sha256 sums and return the manifest.

    Raises:
        ArtifactError: naming the file that is missing, changed or unknown and what to do about it.
    """
    remedy = "restore the folder from version control, or train and package the model again"
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        wrong = [key for key, kind in _REQUIRED.items() if not isinstance(manifest[key], kind)]
        sums: dict[str, str] = manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is missing or unreadable ({error}); {remedy}") from error
    if wrong or tuple(manifest["labels"]) != LABELS:
        raise ArtifactError(f"{path}: {', '.join(wrong) or 'labels'} is not what this version expects; {remedy}")
    known = {folder / relative for relative in sums} | {path}
    if unknown := sorted(file for file in folder.rglob("*") if file.is_file() and file not in known):
        raise ArtifactError(f"{unknown[0]} was not packaged with the others; {remedy}")
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


@cache
def _loaded(folder: Path) -> SentimentModel:
    return open_artifact(folder)


def _full_version(manifest: dict[str, Any]) -> str:
    return f"{manifest['name']}-{manifest['version']}"


def folder_of(name: str) -> Path:
    """Folder of an artefact: the path that ``name`` is, or the newest version of a packaged model.

    Raises:
        UnknownModelError: no such model; the message lists those there are.
    """
    if "/" in name:
        return Path(name)
    if name not in available():
        raise UnknownModelError(f"there is no sentiment model {name!r}; there are: {', '.join(available()) or 'none'}")
    return _versions(ARTIFACTS / name)[-1]


def _versions(folder: Path) -> list[Path]:
    """Version folders (plain numbers, as TensorFlow Serving wants them), oldest first."""
    found = [path for path in folder.iterdir() if path.name.isdecimal() and (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: int(path.name))


def _load_saved_model(folder: Path) -> Any:
    """The object of a SavedModel; it must outlive its functions."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers the operations of the tokeniser

    try:
        return tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ArtifactError(f"{folder} holds no SavedModel that this TensorFlow can read: {error}") from error


def _batches(texts: Sequence[str], batch_chars: int) -> Iterator[list[int]]:
    """Places of texts of like length, in batches of at most so many characters, padding included."""
    for start in range(0, len(texts), _CHUNK_TEXTS):
        places = sorted(range(start, min(start + _CHUNK_TEXTS, len(texts))), key=lambda place: len(texts[place]))
        batch: list[int] = []
        for place in places:
            if batch and (len(batch) + 1) * len(texts[place]) > batch_chars:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch


def taken(values: Sequence[str] | None, places: Sequence[int]) -> list[str] | None:
    """The values at some places; None of None."""
    return None if values is None else [values[place] for place in places]
