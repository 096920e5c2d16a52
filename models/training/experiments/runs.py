"""Numbers of finished runs, kept by what they were made from, so that a broken experiment goes on where it broke."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from models.files import write_whole
from models.training.data.duplicates import stable_fraction
from models.training.data.rows import capped

CACHE = Path.home() / ".cache" / "sentinela" / "experiments"

_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Runs:
    """A folder with one JSON file a finished run."""

    folder: Path

    def numbers(self, name: str, settings: dict[str, Any], run: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What ``run`` returned for these settings, now or earlier; it may keep checkpoints in the folder it gets."""
        digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()
        path = self.folder / f"{name}-{digest}.json"
        if not path.exists():
            _CONSOLE.print(f"Running {name}", soft_wrap=True)
            checkpoints = self.folder / path.stem
            checkpoints.mkdir(parents=True, exist_ok=True)
            write_json(path, run(checkpoints))
            shutil.rmtree(checkpoints)
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept


def write_json(path: Path, values: Any) -> None:
    """Write a file whole or not at all."""
    write_whole(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def subset(frame: pd.DataFrame, train: int, held_out: int | None) -> pd.DataFrame:
    """At most so many rows to learn from, and of the held-out ones that count in evaluations, chosen by hash."""
    measured = frame[(frame["part"] == "held_out") & frame["evaluate"]]
    hashes = np.array([stable_fraction(f"experiment {text}") for text in measured["text"]])
    learnt = capped(frame[frame["part"] == "train"], train)
    return pd.concat([learnt, measured.iloc[np.argsort(hashes, kind="stable")[:held_out]]], ignore_index=True)


def fingerprint(frame: pd.DataFrame) -> str:
    """Changes when a text, a label or a part does."""
    hashes = pd.util.hash_pandas_object(frame[["text", "label", "part"]], index=False)
    return hashlib.blake2b(hashes.to_numpy().tobytes(), digest_size=8).hexdigest()
