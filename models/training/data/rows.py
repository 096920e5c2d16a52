"""Labelled rows for training: load, clean, drop repeats, and split so that near duplicates stay together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from models.sentiment.contract import LABELS
from models.training.data.catalogue import DataError, DatasetInfo
from models.training.data.duplicates import near_duplicate_groups, normalise, stable_fraction

PARTS = ("train", "calibration", "held_out")

_CALIBRATION_SHARE = 0.04
_RUN = 4


def load_rows(folder: Path, catalogue: dict[str, DatasetInfo]) -> pd.DataFrame:
    """Read the catalogued Parquet files of a folder into one frame, without repeats, each row with its part.

    Columns: ``dataset``, ``text``, ``label`` (index into LABELS), ``language``, ``kind``, ``weight``,
    ``part`` (one of PARTS) and ``evaluate``. Files of the catalogue that the folder lacks are passed over, and those
    that ``load_unseen`` reads.

    Raises:
        DataError: the folder holds no Parquet file, one that the catalogue does not name, or an unknown
        label.
    """
    paths = _paths(folder, catalogue)
    learnt = [info for name, info in catalogue.items() if name in paths and not (info.skip or info.unseen)]
    whole = [_read(paths[info.name], info) for info in learnt if not info.phrases]
    phrases = [_read(paths[info.name], info) for info in learnt if info.phrases]
    frame = split_rows(pd.concat(whole, ignore_index=True))
    return _cap(_with_phrases(frame, phrases), catalogue)


def load_unseen(folder: Path, catalogue: dict[str, DatasetInfo], frame: pd.DataFrame) -> pd.DataFrame:
    """Read the files that the catalogue keeps from training; of ``load_rows``' columns all but ``part``.

    Without repeats, and without texts whose words are in ``frame``, what ``load_rows`` gave. Raises as that does.
    """
    paths = _paths(folder, catalogue)
    frames = [_read(paths[name], info) for name, info in catalogue.items() if name in paths and info.unseen]
    if not frames:
        return frame.iloc[:0].drop(columns="part")
    unseen = pd.concat(frames, ignore_index=True)
    keys = pd.Series([normalise(text) for text in unseen["text"]])
    known = set(map(normalise, frame["text"]))
    kept = (keys != "") & ~keys.duplicated() & ~keys.isin(known)
    return unseen[kept].drop(columns="split").reset_index(drop=True)


def split_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop texts without words and repeats, and give each row its part; ``split`` may say ``validation``."""
    frame = frame.assign(key=[normalise(text) for text in frame["text"]])
    frame = frame[frame["key"] != ""].drop_duplicates("key", keep="first").reset_index(drop=True)
    frame["part"] = _split(frame) if len(frame) else ""
    return frame.drop(columns=["key", "split"])


def capped(frame: pd.DataFrame, most_rows: int | None) -> pd.DataFrame:
    """Keep at most ``most_rows`` training rows, those with the smallest hash; the other parts stay whole."""
    train = frame.index[frame["part"] == "train"]
    if most_rows is None or len(train) <= most_rows:
        return frame
    hashes = np.array([stable_fraction(f"subset {text}") for text in frame.loc[train, "text"]])
    left_out = train[np.argsort(hashes, kind="stable")[most_rows:]]
    return frame.drop(index=left_out).reset_index(drop=True)


def development_rows(frame: pd.DataFrame, sample: int | None = None) -> pd.DataFrame:
    """The held-out rows that may be measured on; of each data set at most ``sample``, chosen by hash."""
    return thinned(frame[(frame["part"] == "held_out") & frame["evaluate"]], sample)


def thinned(rows: pd.DataFrame, most: int | None) -> pd.DataFrame:
    """At most so many rows of each data set, those with the smallest hash, in their order; None keeps all."""
    if most is None:
        return rows.reset_index(drop=True)
    hashes = rows["text"].map(lambda text: stable_fraction(f"sample {text}"))
    return rows[hashes.groupby(rows["dataset"]).rank(method="first") <= most].reset_index(drop=True)


def read_texts(folder: Path) -> list[str]:
    """Every distinct value of the columns ``title`` and ``text`` of a folder's Parquet files, in order of appearance.

    Raises:
        DataError: no file has such a column.
    """
    texts: dict[str, None] = {}
    for path in sorted(folder.glob("*.parquet")):
        columns = [name for name in ("title", "text") if name in pq.read_schema(path).names]
        table = pd.read_parquet(path, columns=columns)
        for name in columns:
            texts |= dict.fromkeys(str(text) for text in table[name].dropna())
    if not texts:
        raise DataError(f"{folder} holds no Parquet file with a column title or text")
    return list(texts)


def targets_of(frame: pd.DataFrame) -> np.ndarray:
    """What is learnt of each row, a probability for each of LABELS: float32 [n, 3].

    They are the columns called as the labels, where the frame has them, else the label of the row for certain.
    """
    if set(LABELS) <= set(frame.columns):
        return frame[list(LABELS)].to_numpy(np.float32)
    certain: np.ndarray = np.eye(len(LABELS), dtype=np.float32)[frame["label"]]
    return certain


def with_targets(frame: pd.DataFrame, targets: np.ndarray) -> pd.DataFrame:
    """The frame with float [n, 3], a probability for each of LABELS, in the columns that ``targets_of`` reads."""
    return frame.assign(**dict(zip(LABELS, targets.astype(np.float32).T, strict=True)))


def _paths(folder: Path, catalogue: dict[str, DatasetInfo]) -> dict[str, Path]:
    paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    if not paths:
        raise DataError(f"{folder} holds no Parquet file; pass the folder of the labelled data sets")
    unknown = sorted(set(paths) - set(catalogue))
    if unknown:
        raise DataError(f"{', '.join(unknown)}: not in the catalogue; add an entry with its licence, or move it away")
    return paths


def _read(path: Path, info: DatasetInfo) -> pd.DataFrame:
    table = pd.read_parquet(path, columns=["text", "label", "split"]).dropna(subset=["text", "label"])
    strange = sorted(set(table["label"]) - set(LABELS))
    if strange:
        raise DataError(f"{path}: unknown labels {', '.join(map(str, strange))}; expected {', '.join(LABELS)}")
    table = table[table["split"] != "test"]
    return pd.DataFrame(
        {
            "dataset": info.name,
            "text": table["text"].to_numpy(dtype=object),
            "label": table["label"].map(LABELS.index).to_numpy(dtype=np.int64),
            "split": table["split"].to_numpy(dtype=object) if info.validation else None,
            "language": info.language,
            "kind": info.kind,
            "weight": info.weight,
            "evaluate": info.evaluate,
        }
    )


def _with_phrases(frame: pd.DataFrame, read: list[pd.DataFrame]) -> pd.DataFrame:
    """Add phrases to the training rows: each once, and none whose every run of words stands in a text of another part.

    Near duplicates are not asked for: a phrase is seldom one of the sentence that it is from.
    """
    if not read:
        return frame
    phrases = pd.concat(read, ignore_index=True)
    keys = phrases["text"].map(normalise)
    apart = {run for text in frame.loc[frame["part"] != "train", "text"] for run in _runs(normalise(text))}
    fresh = (keys != "") & ~keys.duplicated() & ~keys.isin(set(frame["text"].map(normalise)))
    fresh &= ~keys.map(lambda key: apart.issuperset(_runs(key)))
    learnt = phrases[fresh].drop(columns="split").assign(part="train", evaluate=False)
    return pd.concat([frame, learnt], ignore_index=True)


def _runs(key: str) -> set[str]:
    """The runs of four words of a normalised text; one of fewer words is one run."""
    words = key.split()
    return {" ".join(words[start : start + _RUN]) for start in range(max(1, len(words) - _RUN + 1))}


def _split(frame: pd.DataFrame) -> list[str]:
    """Choose a part for each group: a published validation row holds its group out, else a hash decides."""
    groups = near_duplicate_groups(list(frame["key"]))
    validation = frame["split"].eq("validation").to_numpy()
    held_out = set(groups[validation].tolist())
    with_validation = set(frame.loc[validation, "dataset"])
    sizes = frame["dataset"].value_counts()
    part_of: dict[int, str] = {}
    datasets, keys = frame["dataset"].tolist(), frame["key"].tolist()
    for group in np.unique(groups).tolist():
        dataset = datasets[group]
        share = 0.0 if dataset in with_validation else _held_out_share(int(sizes[dataset]))
        fraction = stable_fraction(keys[group])
        part_of[group] = "held_out" if group in held_out else _part(fraction, share)
    return [part_of[group] for group in groups.tolist()]


def _held_out_share(rows: int) -> float:
    """Hold out about 600 rows of a data set, but never less than 6 % nor more than a quarter of it."""
    return min(0.25, max(0.06, 600 / rows))


def _part(fraction: float, share: float) -> str:
    if fraction < share:
        return "held_out"
    return "calibration" if fraction < share + _CALIBRATION_SHARE else "train"


def _cap(frame: pd.DataFrame, catalogue: dict[str, DatasetInfo]) -> pd.DataFrame:
    """Keep at most ``max_rows`` training rows of a data set, those with the smallest hash."""
    hashes = np.array([stable_fraction(f"cap {normalise(text)}") for text in frame["text"]])
    kept = np.ones(len(frame), dtype=bool)
    for info in catalogue.values():
        rows = np.flatnonzero((frame["part"] == "train") & (frame["dataset"] == info.name))
        if info.max_rows is not None:
            kept[rows[np.argsort(hashes[rows], kind="stable")][info.max_rows :]] = False
    return frame[kept].reset_index(drop=True)
