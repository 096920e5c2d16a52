"""Write a trained model as a checked artefact: its files, a manifest with checksums, and a model card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.sentiment.calibration import Calibration
from models.sentiment.predict import LABELS, MANIFEST, sha256
from models.training.card import CARD, card
from models.training.config import Config
from models.training.data import DatasetInfo
from models.training.families import Trained

UNSURE_BELOW = 0.5
"""Calibrated, a label with less than this is more often wrong than right."""


@dataclass(frozen=True)
class Identity:
    """What tells one packaged model from another, and what it was made from."""

    config: Config
    version: str
    calibration: Calibration
    training_data: dict[DatasetInfo, int]
    """Training rows of each data set."""


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


def write_measures(folder: Path, identity: Identity, metrics: dict[str, Any]) -> None:
    """Add the measures to the manifest of an artefact, and its model card beside it."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / CARD).write_text(card(manifest | {"metrics": metrics}), encoding="utf-8")
    _write_manifest(folder, manifest["format"], identity, metrics)


def publish(aside: Path, folder: Path) -> None:
    """Move a finished artefact to its place on the same disk; FileExistsError when something lies there."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists; choose another version or remove it")
    aside.rename(folder)


def rows_by_dataset(train: pd.DataFrame, catalogue: dict[str, DatasetInfo]) -> dict[DatasetInfo, int]:
    """Count the training rows of each data set, in the catalogue's order."""
    counts = train["dataset"].value_counts()
    return {info: int(counts[name]) for name, info in catalogue.items() if name in counts}


def _write_manifest(folder: Path, form: str, identity: Identity, metrics: dict[str, Any]) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = {
        "name": identity.config.name,
        "version": identity.version,
        "format": form,
        "labels": list(LABELS),
        "serving": identity.config.serving.model_dump(),
        "unsure_below": UNSURE_BELOW,
        "calibration": identity.calibration.as_dict(),
        "config": identity.config.model_dump(mode="json", exclude_defaults=True),
        "training_data": [_provenance(info, rows) for info, rows in identity.training_data.items()],
        "metrics": metrics,
        "sha256": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _provenance(info: DatasetInfo, rows: int) -> dict[str, Any]:
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
