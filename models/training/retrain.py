"""`sentinela-train NAME --data mine.csv`: go on from a packaged model with labels of the user's own.

A part of the user's rows is held out. The new model becomes the next version only if it is better on that part than the
one it came from; else nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from models.language import LANGUAGES, identify
from models.metrics import macro_f1
from models.sentiment.artifact import MANIFEST, sha256, verify, version
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS, SentimentModel
from models.sentiment.loading import open_artifact
from models.training.config import Config
from models.training.data.catalogue import DataError, DatasetInfo
from models.training.data.rows import split_rows
from models.training.families.registry import retrainer
from models.training.job import Job
from models.training.packaging.package import MadeFrom, entry
from models.training.train import package_trained

FEWEST_LEARNT, FEWEST_HELD_OUT = 100, 20
EPOCHS = 3.0
GENTLE = 0.3
"""The share of the first training's learning rate that the second one starts with: what was learnt stays."""

_CONSOLE = Console(stderr=True)
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    # A comma, a semicolon or a tab, whichever the file has.
    ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False, sep=None, engine="python"),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
    ".parquet": pd.read_parquet,
}


class NotBetterError(RuntimeError):
    """The retrained model is no better on the held-out rows than the one it came from."""


def retrain(folder: Path, data: Path, cache: Path) -> Path:
    """Retrain the artefact in ``folder`` (name/version) and publish the next version beside it; returns its folder.

    Raises:
        ConfigError: its family cannot be retrained.
        DataError: the rows cannot be used.
        NotBetterError: with both scores; nothing was written.
    """
    manifest = verify(folder)
    config = Config.model_validate(manifest["config"])
    frame = read_labels(data)
    go_on = retrainer(config.family)
    trained = go_on(folder, Job.kept_in(cache, _gentle(config), frame, start=sha256(folder / MANIFEST)))
    own = entry(_info(data), int((frame["part"] == "train").sum()))
    made_from = MadeFrom(
        [*manifest["training_data"], own], manifest["teacher"], manifest["unlabelled_texts"], version(str(folder))
    )
    before = held_out_score(open_artifact(folder), frame)
    return package_trained(
        trained,
        config,
        frame,
        made_from,
        folder.parent,
        insist=lambda model: _insist(model, frame, before),
        prior=Calibration.from_dict(manifest["calibration"]),
    )


def read_labels(path: Path) -> pd.DataFrame:
    """Read ``text`` and ``label`` (and ``language`` and ``kind``, where given) and split them; see ``load_rows``.

    Raises:
        DataError: an unknown ending, a column or a label that is not there or not known, or too few rows.
    """
    if path.suffix not in _READERS:
        raise DataError(f"{path}: unknown ending {path.suffix!r}; known are {', '.join(_READERS)}")
    try:
        table = _READERS[path.suffix](path).reset_index(drop=True)
    except (ValueError, pd.errors.ParserError) as fault:
        raise DataError(f"{path} cannot be read ({fault}); save it in UTF-8, one header line first") from fault
    missing = sorted({"text", "label"} - set(table.columns))
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    table = table.dropna(subset=["text"]).fillna({"language": "", "kind": ""})
    strange = table.index[~table["label"].isin(LABELS)]
    if len(strange):
        label = table["label"][strange[0]]
        raise DataError(f"{path}: row {strange[0] + 1} has the label {label!r}; expected {', '.join(LABELS)}")
    frame = split_rows(_columns(table, path.stem))
    learnt, held_out = (int((frame["part"] == part).sum()) for part in ("train", "held_out"))
    if learnt < FEWEST_LEARNT or held_out < FEWEST_HELD_OUT:
        raise DataError(
            f"{path}: {len(frame)} different texts give {learnt} to learn from and {held_out} to judge by; "
            f"at least {FEWEST_LEARNT} and {FEWEST_HELD_OUT} are needed, label more"
        )
    return frame


def held_out_score(model: SentimentModel, frame: pd.DataFrame) -> float:
    """Macro-F1 in percent on the rows of part ``held_out``."""
    rows = frame[frame["part"] == "held_out"]
    predicted = model.predict(rows["text"].tolist(), rows["language"].tolist(), rows["kind"].tolist())
    return macro_f1(rows["label"].to_numpy(np.int64), predicted.argmax(axis=1))


def _columns(table: pd.DataFrame, name: str) -> pd.DataFrame:
    texts = table["text"].astype(str).tolist()
    languages = table["language"].tolist() if "language" in table else [""] * len(table)
    unknown = [place for place, language in enumerate(languages) if language not in LANGUAGES]
    for place, found in zip(unknown, identify([texts[place] for place in unknown]), strict=True):
        languages[place] = found
    kinds = [kind or "unknown" for kind in table["kind"]] if "kind" in table else ["unknown"] * len(table)
    return pd.DataFrame(
        {
            "dataset": [f"{name}, {' '.join(group)}" for group in zip(languages, kinds, strict=True)],
            "text": texts,
            "label": table["label"].map(LABELS.index).to_numpy(np.int64),
            "split": None,
            "language": languages,
            "kind": kinds,
            "weight": 1.0,
            "evaluate": True,
        }
    )


def _gentle(config: Config) -> Config:
    # A mean over so few steps would be what they began with.
    gentle = {"epochs": EPOCHS, "rate": GENTLE * config.schedule.rate, "average": None, "keep": 0.0}
    schedule, data = config.schedule.model_copy(update=gentle), config.data.model_copy(update={"rates": {}})
    return config.model_copy(update={"schedule": schedule, "data": data, "start": None})


def _info(path: Path) -> DatasetInfo:
    return DatasetInfo(path.stem, "any", "any", "human", "yours", path.name, non_commercial=False)


def _insist(model: SentimentModel, frame: pd.DataFrame, before: float) -> None:
    after = held_out_score(model, frame)
    if after <= before:
        raise NotBetterError(
            f"not packaged: macro-F1 {after:.1f} on your held-out rows, {before:.1f} before; more labels may help"
        )
    _CONSOLE.print(f"Macro-F1 {after:.1f} on your held-out rows, {before:.1f} before")
