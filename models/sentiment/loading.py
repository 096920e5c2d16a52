"""Open a model by its name, its folder, or what a user asked for: the one place that knows every kind of model.

The kinds know nothing of it, nor of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

from models.sentiment.artifact import DEFAULT, folder_of, stage_folder, verify, version
from models.sentiment.calibration import Calibration
from models.sentiment.cascade import ACCURATE, CASCADE, FAST, Cascade
from models.sentiment.contract import ArtifactError, SentimentModel
from models.sentiment.savedmodel import SavedModel
from models.sentiment.staged import Staged, Sure
from models.sentiment.windows import Windowed

_one_at_a_time = RLock()


def open_model(name: str, budget_minutes: float) -> SentimentModel:
    """The model that a user names: a packaged one, the folder of one, or ``cascade``, which alone has a budget.

    Raises as ``load`` does.
    """
    return Cascade(load(FAST), load(ACCURATE), budget_minutes) if name == CASCADE else load(name)


def lineage(name: str, budget_minutes: float) -> str:
    """All that decides what ``open_model`` answers, without loading anything. Raises as ``load`` does."""
    return f"{version(FAST)}+{version(ACCURATE)}, {budget_minutes} minutes" if name == CASCADE else version(name)


def load(name: str = DEFAULT) -> SentimentModel:
    """Load the newest version of a packaged model, or the artefact in a folder, once per process.

    Args:
        name: one of ``artifact.available()``, or a path to an artefact's folder (anything with a ``/`` in it).

    Raises:
        UnknownModelError: no such model; the message lists those there are.
        ArtifactError: the packaged files are damaged.
    """
    return _loaded(folder_of(name))


def open_artifact(folder: Path) -> SentimentModel:
    """Load the artefact in a folder, whatever its format; a text that is longer than its window is read in parts.

    Raises:
        ArtifactError: a file is missing, changed or unreadable, also one of a model that reads before or after it.
    """
    manifest = verify(folder)
    serving = manifest["serving"]
    model: SentimentModel = _kind_of(manifest["format"])(folder)
    if serving["window_chars"]:
        model = Windowed(model, serving["window_chars"])
    return _among_others(folder, manifest, model)


def _among_others(folder: Path, manifest: dict[str, Any], own: SentimentModel) -> SentimentModel:
    """The model itself between those that read before and after it, where its manifest names some."""
    model = own
    for name, mixture in (("first", "mixed"), ("last", "mixed_last")):
        if stage := manifest["serving"].get(name):
            other = _loaded(stage_folder(folder, stage))
            temperature = getattr(Calibration.from_dict(manifest["calibration"]), mixture)
            pair = (other, model) if name == "first" else (model, other)
            model = Staged(*pair, Sure(**stage["sure_from"]), stage["share"], temperature, known_as=own)
    return model


def _loaded(folder: Path) -> SentimentModel:
    with _one_at_a_time:
        return _opened(folder)


@cache
def _opened(folder: Path) -> SentimentModel:
    return open_artifact(folder)


def _kind_of(form: str) -> Callable[[Path], SentimentModel]:
    """What opens artefacts of a format. Two of them need NLTK, which takes seconds to import: it is for those alone."""
    if form == "estimator":
        from models.sentiment.estimator import EstimatorModel

        return EstimatorModel
    if form == "rules":
        from models.sentiment.rules import RulesModel

        return RulesModel
    if form == "savedmodel":
        return SavedModel
    raise ArtifactError(f"this version of Sentinela reads no models of the format {form!r}; update it")
