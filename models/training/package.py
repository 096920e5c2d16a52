"""Write a trained model as a checked artefact: SavedModel, manifest with checksums, and model card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow as tf

from models.sentiment.predict import LABELS, MANIFEST, sha256
from models.training.architecture import RawTextModel, Shape
from models.training.data import DatasetInfo
from models.training.evaluate import BASELINE

CARD = "MODEL_CARD.md"


@dataclass(frozen=True)
class Identity:
    """What tells one packaged model from another."""

    name: str
    version: str
    seed: int
    shape: Shape
    temperature: float


def write(
    out: Path,
    model: RawTextModel,
    identity: Identity,
    used: dict[DatasetInfo, int],
    metrics: dict[str, Any],
) -> Path:
    """Save under ``out/name/version`` and return that folder.

    Args:
        used: training rows of each data set.
        metrics: ``model`` and ``baseline`` (macro-F1 by group; the baseline may be None), ``datasets``,
            ``calibration_error`` and ``held_out_rows``.

    Raises:
        FileExistsError: that version is there already; versions are never overwritten.
    """
    folder = out / identity.name / identity.version
    if folder.exists():
        raise FileExistsError(f"{folder} exists; choose another version or remove it")
    signature = model.serve.get_concrete_function()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": signature})
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    (folder / CARD).write_text(_card(identity, used, metrics), encoding="utf-8")
    manifest = _manifest(folder, identity, used, metrics)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder


def _manifest(
    folder: Path, identity: Identity, used: dict[DatasetInfo, int], metrics: dict[str, Any]
) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "name": identity.name,
        "version": identity.version,
        "labels": list(LABELS),
        "seed": identity.seed,
        "tensorflow": tf.__version__,
        "max_bytes": identity.shape.max_bytes,
        "shape": identity.shape.as_dict(),
        "calibration_temperature": identity.temperature,
        "metrics": metrics,
        "training_data": [_provenance(info, rows) for info, rows in used.items()],
        "sha256": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }


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


def _card(identity: Identity, used: dict[DatasetInfo, int], metrics: dict[str, Any]) -> str:
    baseline: dict[str, float] | None = metrics["baseline"]
    groups = [
        f"| {group} | {score:.1f} | {'-' if baseline is None else format(baseline[group], '.1f')} |"
        for group, score in metrics["model"].items()
    ]
    sets = [
        f"| {info.name}{' **NC**' if info.non_commercial else ''} | {info.language} {info.kind} | {rows} "
        f"| {info.labels} | {info.licence} |"
        for info, rows in used.items()
    ]
    return _CARD.format(
        name=identity.name,
        version=identity.version,
        shape=", ".join(f"{key} {value}" for key, value in identity.shape.as_dict().items()),
        seed=identity.seed,
        temperature=identity.temperature,
        max_bytes=identity.shape.max_bytes,
        rows=sum(used.values()),
        held_out=metrics["held_out_rows"],
        error=metrics["calibration_error"],
        baseline=BASELINE,
        groups="\n".join(groups),
        sets="\n".join(sets),
    )


def rows_by_dataset(train: pd.DataFrame, catalogue: dict[str, DatasetInfo]) -> dict[DatasetInfo, int]:
    """Count the training rows of each data set, in the catalogue's order."""
    counts = train["dataset"].value_counts()
    return {info: int(counts[name]) for name, info in catalogue.items() if name in counts}


_CARD = """# Sentiment model {name}, version {version}

Negative, neutral or positive: a probability for each, of a raw text in Portuguese or English (Spanish too,
less tried).

**What it is.** Hashed bags of words, word pairs and character runs, with one small hidden layer ({shape}).
The first {max_bytes} bytes of a text are read. Seed {seed}. Probabilities are calibrated by one
temperature, {temperature:.3f}, fitted on rows used for nothing else.

**What it is for.** Following the mood of many texts over time. A single text's label is often wrong: irony,
mixed opinions and the question *about whom* are beyond it. In reviews it has seen few neutral texts.

## How good it is

Macro-F1 in percent, mean over the data sets of a group, on {held_out} held-out rows (groups of near
duplicates never span training and held-out rows). `mean` is over data sets. Beside it {baseline}, trained
on the same rows. Model choices were made on these rows, so expect a little less elsewhere; a test of a few
hundred rows is uncertain by 2 to 4 points.

| group | this model | baseline |
|---|---|---|
{groups}

Expected calibration error of the winning label: {error:.3f}.

## What it was trained on

{rows} rows. Licences are given as their publishers state them; **NC** marks data whose licence forbids
commercial use, by statement or as remembered. No text of these data is stored in the model.

| data set | group | rows | labels from | licence |
|---|---|---|---|---|
{sets}
"""
