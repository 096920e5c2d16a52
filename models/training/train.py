"""From labelled rows to an artefact: learn, calibrate, measure, package; the same rows and seed give the same model."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from models.sentiment.artifact import MANIFEST, folder_of, sha256
from models.sentiment.calibration import Calibration, softmax
from models.sentiment.contract import SentimentModel
from models.sentiment.loading import load, open_artifact
from models.sentiment.staged import Sure, mixed
from models.training.config import Config, ConfigError, Distillation, Stage
from models.training.data.catalogue import again, read_catalogue, seen
from models.training.data.distil import UNLABELLED, Teachers, distilled, seldom_where_sure
from models.training.data.lexicon import LEXICON, with_lexicon
from models.training.data.made import MADE, with_made
from models.training.data.rows import capped, development_rows, load_rows, load_unseen, read_texts, thinned
from models.training.data.turned import turned
from models.training.families.registry import retrainer, trainer
from models.training.job import Job, Trained
from models.training.packaging import package, spread
from models.training.packaging.calibrate import calibrate, temperature
from models.training.packaging.measure import measure
from models.training.packaging.spread import MOST_OF_A_SOURCE, SpreadError

_CONSOLE = Console(stderr=True)


def train(config: Config, data: Path, unlabelled: Path | None, out: Path, cache: Path, catalogue: Path) -> Path:
    """Do the whole: read, train, calibrate, measure what is packaged, publish; returns the artefact's folder."""
    known = read_catalogue(catalogue)
    _CONSOLE.print(f"Reading and splitting the rows of {data}")
    if strange := sorted(set(config.data.rates) - set(known)):
        raise ConfigError(f"{config.name}, [data.rates]: {', '.join(strange)} is not in {catalogue}")
    if config.data.all_sources:
        known = seen(known, known)
    if config.data.again:
        known = again(known)
    frame = load_rows(data, known)
    unseen = thinned(load_unseen(data, known, frame), MOST_OF_A_SOURCE)
    texts = read_texts(unlabelled) if unlabelled else []
    if config.distillation and config.distillation.turned:  # of rows, too, that there are too many of to learn from
        texts = [*texts, *turned(frame, config.distillation.turned)]
    frame = capped(frame, config.data.most_rows)
    made_from = package.MadeFrom(package.entries(frame[frame["part"] == "train"], known))
    if config.distillation:
        frame, made_from = _taught(config.distillation, frame, texts, made_from, cache)
    if config.data.made:
        frame = with_made(frame, config.data.made)
        made_from = made_from.also(MADE, frame)
    if config.data.lexicon:
        frame = with_lexicon(frame, config.data.lexicon)
        made_from = made_from.also(LEXICON, frame)
    if config.members:
        made_from = made_from.of_members([folder_of(name) for name in config.members])
    if config.start:
        start = folder_of(config.start)
        made_from = made_from.going_on(start)
        job = Job.kept_in(cache, config, frame, texts, start=sha256(start / MANIFEST))
        trained = retrainer(config.family)(start, job)
    else:
        trained = trainer(config.family)(Job.kept_in(cache, config, frame, texts))
    return package_trained(trained, config, frame, made_from, out / config.name, unseen=unseen)


def _taught(
    asked: Distillation, frame: pd.DataFrame, texts: list[str], made_from: package.MadeFrom, cache: Path
) -> tuple[pd.DataFrame, package.MadeFrom]:
    """Rows and texts as the teachers see them."""
    folders = [folder_of(name) for name in asked.teachers]
    teachers = Teachers([open_artifact(folder) for folder in folders])
    frame = distilled(frame, texts, teachers, asked, cache / "teachers" / _together(folders))
    if asked.first:
        frame = seldom_where_sure(frame, load(asked.first), asked)
    count = int((frame["dataset"] == UNLABELLED).sum())
    return frame, replace(made_from, teacher=teachers.version, unlabelled_texts=count)


def package_trained(
    trained: Trained,
    config: Config,
    frame: pd.DataFrame,
    made_from: package.MadeFrom,
    versions: Path,
    insist: Callable[[SentimentModel], None] = lambda _: None,
    prior: Calibration | None = None,
    unseen: pd.DataFrame | None = None,
) -> Path:
    """Calibrate, save, measure and publish as the next version under ``versions``; returns its folder.

    ``insist`` sees the model as it was packaged and may refuse it by raising; then nothing is published. ``prior`` is
    the calibration of the model that this one goes on from; ``unseen`` are rows of data sets that none learnt from.
    """
    number = str(package.newest_version(versions) + 1)
    identity = package.Identity(config, number, _calibration(trained, config, frame, prior), made_from)
    versions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=versions, prefix=".") as aside:
        folder = Path(aside) / number
        package.write_files(folder, trained, identity)
        model = open_artifact(folder)
        insist(model)
        _CONSOLE.print(f"Measuring {config.name} on the held-out rows")
        measures = _measures(model, frame, unseen) | {"former": package.former(versions)}
        package.write_measures(folder, identity, measures)
        package.publish(folder, versions / number)
    return versions / number


def _measures(model: SentimentModel, frame: pd.DataFrame, unseen: pd.DataFrame | None) -> dict[str, Any]:
    """For the manifest: its ``metrics`` and, where there are data sets enough, its ``spread``."""
    held_out = development_rows(frame)
    asked = held_out if unseen is None else pd.concat([held_out, unseen], ignore_index=True)
    probabilities = model.predict(*_columns(asked))
    measures: dict[str, Any] = {"metrics": measure(held_out, probabilities[: len(held_out)])}
    learnt_from = set(frame.loc[frame["part"] == "train", "dataset"])
    try:
        found = spread.measure(spread.sources(asked, probabilities), learnt_from)
    except SpreadError as fault:
        _CONSOLE.print(f"What people would say cannot be told with it: {fault}")
        return measures
    return measures | {"spread": spread.stored(found)}


def _calibration(trained: Trained, config: Config, frame: pd.DataFrame, prior: Calibration | None) -> Calibration:
    """Longer texts are read in windows; the temperature is that of one. Of texts that another model reads first, it
    is that of those which are read again, and their mixture has one more.
    """
    longest = config.serving.window_chars or frame["text"].str.len().max()
    rows = frame[(frame["part"] == "calibration") & frame["evaluate"] & (frame["text"].str.len() <= longest)]
    first = config.serving.first
    if first:
        read = load(first.model).predict(*_columns(rows))
        again = ~Sure(**first.sure_from.model_dump()).of(read, rows["text"].tolist())
        rows, read = rows[again], read[again]
    texts, languages, kinds = _columns(rows)
    labels, logits = rows["label"].to_numpy(np.int64), trained.logits(texts, languages)
    neutral = {str(kind): shift for kind, shift in config.serving.neutral.items()}
    calibration = replace(calibrate(logits, labels, languages, kinds, prior), neutral=neutral)
    scored = calibration.apply(logits, languages, kinds)
    if first:
        mixture = mixed(read, scored, first.share)
        calibration = replace(calibration, mixed=temperature(mixture, labels, calibration.mixed))
        scored = softmax(mixture / calibration.mixed)
    return _with_last(calibration, rows, scored, config.serving.last)


def _with_last(calibration: Calibration, rows: pd.DataFrame, scored: np.ndarray, last: Stage | None) -> Calibration:
    """With the temperature of the mixture of what was ``scored`` [n, 3] and what ``last`` reads of the unsure rows."""
    if last is None:
        return calibration
    again = ~Sure(**last.sure_from.model_dump()).of(scored, rows["text"].tolist())
    rows, scored = rows[again], scored[again]
    mixture = mixed(scored, load(last.model).predict(*_columns(rows)), last.share)
    found = temperature(mixture, rows["label"].to_numpy(np.int64), calibration.mixed_last)
    return replace(calibration, mixed_last=found)


def _together(folders: Sequence[Path]) -> str:
    """A name that tells the artefacts in ``folders`` from all others; of one alone it is the sum of its manifest."""
    sums = [sha256(folder / MANIFEST) for folder in folders]
    return (sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest())[:12]


def _columns(rows: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    return rows["text"].tolist(), rows["language"].tolist(), rows["kind"].tolist()
