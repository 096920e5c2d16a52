"""Labelled rows for training: load, clean, drop repeats, and split so that near duplicates stay together.

The catalogue (``datasets.toml``) names every file that may be used, with its licence; a file that the
catalogue does not know is refused, because the model card could not name its licence.
"""

from __future__ import annotations

import hashlib
import html
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from models.sentiment.contract import LABELS

CATALOGUE = Path(__file__).with_name("datasets.toml")
PARTS = ("train", "calibration", "held_out")

_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|@\w+")
_WORD = re.compile(r"[^\W_]+")
_PERMUTATIONS = 24
_ROWS_PER_BAND = 3
_SIMILAR = 0.6
_CALIBRATION_SHARE = 0.04


class DataError(ValueError):
    """Labelled data that cannot be used; the message says which file and what to do."""


@dataclass(frozen=True)
class DatasetInfo:
    """What the catalogue says of one labelled file."""

    name: str
    language: str
    kind: str
    labels: Literal["human", "stars", "machine-translated"]
    licence: str
    source: str
    non_commercial: bool
    weight: float = 1.0
    max_rows: int | None = None
    evaluate: bool = True
    skip: str | None = None


def read_catalogue(path: Path = CATALOGUE) -> dict[str, DatasetInfo]:
    """Return the catalogue's entries by name, in order of precedence."""
    with path.open("rb") as file:
        entries = tomllib.load(file)
    return {name: DatasetInfo(name=name, **entry) for name, entry in entries.items()}


def load(folder: Path, catalogue: dict[str, DatasetInfo]) -> pd.DataFrame:
    """Read the catalogued Parquet files of a folder into one frame, without repeats, each row with its part.

    Columns: ``dataset``, ``text``, ``label`` (index into LABELS), ``language``, ``kind``, ``weight``,
    ``part`` (one of PARTS) and ``evaluate``. Files of the catalogue that the folder lacks are passed over.

    Raises:
        DataError: the folder holds no Parquet file, one that the catalogue does not name, or an unknown
        label.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    if not paths:
        raise DataError(f"{folder} holds no Parquet file; pass the folder of the labelled data sets")
    unknown = sorted(set(paths) - set(catalogue))
    if unknown:
        raise DataError(f"{', '.join(unknown)}: not in the catalogue; add an entry with its licence, or move it away")
    frames = [_read(paths[name], info) for name, info in catalogue.items() if name in paths and info.skip is None]
    frame = split_rows(pd.concat(frames, ignore_index=True))
    return _cap(frame, catalogue)


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


def normalise(text: str) -> str:
    """Reduce a text to its words: lower case, no accents, addresses, mentions or punctuation."""
    plain = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    plain = _ADDRESS.sub(" ", "".join(char for char in plain if not unicodedata.combining(char)))
    return " ".join(_WORD.findall(plain))


def stable_fraction(text: str) -> float:
    """Map a text to a number in [0, 1) that is the same on every machine and in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def near_duplicate_groups(keys: Sequence[str]) -> np.ndarray:
    """Group normalised texts whose three-word shingles overlap by about 60 % or more.

    Returns:
        int64 [n]: for each text the position of the first text of its group.
    """
    signatures = _signatures(keys)
    parent = np.arange(len(keys))
    for start in range(0, _PERMUTATIONS, _ROWS_PER_BAND):
        seen: dict[bytes, int] = {}
        band = np.ascontiguousarray(signatures[:, start : start + _ROWS_PER_BAND])
        for index in range(len(keys)):
            first = seen.setdefault(band[index].tobytes(), index)
            if first != index and np.mean(signatures[first] == signatures[index]) >= _SIMILAR:
                _join(parent, first, index)
    return np.array([_root(parent, index) for index in range(len(keys))], dtype=np.int64)


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
            "split": table["split"].to_numpy(dtype=object),
            "language": info.language,
            "kind": info.kind,
            "weight": info.weight,
            "evaluate": info.evaluate,
        }
    )


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


def _signatures(keys: Sequence[str]) -> np.ndarray:
    """Return the min-hash signature of each text: uint64 [n, permutations]."""
    counts: list[int] = []
    hashes: list[int] = []
    known: dict[str, int] = {}
    for key in keys:
        shingles = set(_shingles(key.split()))
        counts.append(len(shingles))
        for shingle in sorted(shingles):
            if shingle not in known:
                known[shingle] = int(stable_fraction(shingle) * 2**62)
            hashes.append(known[shingle])
    values = np.array(hashes, dtype=np.uint64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    random = np.random.default_rng(20260101)
    signatures = np.empty((len(keys), _PERMUTATIONS), dtype=np.uint64)
    for column in range(_PERMUTATIONS):
        factor = np.uint64(random.integers(1, 2**62) * 2 + 1)
        mixed = (values ^ (values >> np.uint64(29))) * factor
        signatures[:, column] = np.minimum.reduceat(mixed ^ (mixed >> np.uint64(32)), starts)
    return signatures


def _shingles(words: list[str]) -> Iterable[str]:
    if len(words) < 3:
        return [" ".join(words)]
    return (" ".join(words[start : start + 3]) for start in range(len(words) - 2))


def _root(parent: np.ndarray, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = int(parent[index])
    return index


def _join(parent: np.ndarray, left: int, right: int) -> None:
    """Join two groups under the smaller position, so that a group is named by its first text."""
    first, second = sorted((_root(parent, left), _root(parent, right)))
    parent[second] = first
