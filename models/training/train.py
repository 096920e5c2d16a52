"""From labelled rows to an artefact: learn, calibrate, measure, package; the same rows and seed give the same model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from models.sentiment.calibration import Calibration
from models.sentiment.predict import SentimentModel, open_artifact
from models.sentiment.predict import load as load_model
from models.training import package
from models.training.calibrate import calibrate
from models.training.config import Config
from models.training.data import DatasetInfo, capped, load, read_catalogue, read_texts
from models.training.distil import distilled
from models.training.families import Job, Trained
from models.training.families.registry import trainer
from models.training.measure import measure

_CONSOLE = Console(stderr=True)


def train(config: Config, data: Path, unlabelled: Path | None, out: Path, cache: Path, catalogue: Path) -> Path:
    """Do the whole: read, train, calibrate, measure what is packaged, publish; returns the artefact's folder."""
    known = read_catalogue(catalogue)
    _CONSOLE.print(f"Reading and splitting the rows of {data}")
    frame = capped(load(data, known), config.data.most_rows)
    used = package.rows_by_dataset(frame[frame["part"] == "train"], known)
    texts = read_texts(unlabelled) if unlabelled else []
    if config.distillation:
        teacher = load_model(config.distillation.teacher)
        frame = distilled(frame, texts, teacher, config.distillation, cache / "teachers")
    trained = trainer(config.family)(Job.kept_in(cache, config, frame, texts))
    return package_trained(trained, config, frame, used, out / config.name)


def package_trained(
    trained: Trained,
    config: Config,
    frame: pd.DataFrame,
    used: dict[DatasetInfo, int],
    versions: Path,
    judge: Callable[[SentimentModel], None] = lambda _: None,
) -> Path:
    """Calibrate, save, measure and publish as the next version under ``versions``; returns its folder.

    ``judge`` sees the model as it was packaged and may refuse it by raising; then nothing is published.
    """
    version = str(package.newest_version(versions) + 1)
    identity = package.Identity(config, version, _calibration(trained, frame), used)
    versions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=versions, prefix=".") as aside:
        folder = Path(aside) / version
        package.write_files(folder, trained, identity)
        model = open_artifact(folder)
        judge(model)
        package.write_measures(folder, identity, measure(model, frame))
        package.publish(folder, versions / version)
    return versions / version


def _calibration(trained: Trained, frame: pd.DataFrame) -> Calibration:
    rows = frame[(frame["part"] == "calibration") & frame["evaluate"]]
    languages, kinds = rows["language"].tolist(), rows["kind"].tolist()
    logits = trained.logits(rows["text"].tolist(), languages)
    return calibrate(logits, rows["label"].to_numpy(np.int64), languages, kinds)
