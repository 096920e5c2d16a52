"""What a long text is worth when it is read in windows: each way to combine them, beside reading its head alone.

    python tests/benchmarks/long_texts.py --data FOLDER                  # labelled Parquet files of the catalogue
    python tests/benchmarks/long_texts.py --data FOLDER --model accurate --window 220

Texts of 600 characters and more of the held-out part are scored. Macro-F1 is over the labels that a data set has; the
calibration error is in ten equal bins of the winning probability.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from models.sentiment import LABELS, load
from models.sentiment.contract import SentimentModel
from models.sentiment.staged import Staged
from models.sentiment.windows import Windowed, evidence
from models.training.data.catalogue import read_catalogue
from models.training.data.rows import load_rows

LONG = 600
FEW = 100
TINY = 1e-6


def mean(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """Each window counts by its characters."""
    return np.average(probabilities, axis=0, weights=chars)


def mean_of_logs(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """The geometric mean."""
    powers = np.exp(np.average(np.log(np.maximum(probabilities, TINY)), axis=0, weights=chars))
    return powers / powers.sum()


def product(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """As if the windows were independent."""
    powers = mean_of_logs(probabilities, chars) ** len(chars)
    return powers / powers.sum()


def first_and_last(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """The first and the last window count twice."""
    weights = chars.copy()
    weights[[0, -1]] *= 2
    return np.average(probabilities, axis=0, weights=weights)


def confident(probabilities: np.ndarray, chars: np.ndarray) -> np.ndarray:
    """Each window counts by its characters and by how far it is from knowing nothing (entropy)."""
    entropy = -(probabilities * np.log(np.maximum(probabilities, TINY))).sum(axis=1) / np.log(len(LABELS))
    return np.average(probabilities, axis=0, weights=chars * (1 - entropy) + TINY)


COMBINATIONS = (evidence, mean, mean_of_logs, product, first_and_last, confident)


class Remembering:
    """A model that reads each text once: all ways to combine windows ask for the same ones."""

    labels = LABELS

    def __init__(self, model: SentimentModel) -> None:
        """Read with ``model`` what was not read before."""
        self.model, self.name, self.version = model, model.name, model.version
        self._rows: dict[tuple[str, str, str], np.ndarray] = {}

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the probability of each label, float32 [n, 3]; here languages and kinds must be given."""
        asked = list(zip(texts, languages or (), kinds or (), strict=True))
        if new := sorted(set(asked) - self._rows.keys()):
            self._rows |= zip(new, self.model.predict(*zip(*new, strict=True)), strict=True)
        return np.stack([self._rows[one] for one in asked])


def long_texts(folder: Path, rows: int) -> pd.DataFrame:
    """At most `rows` held-out long texts; data sets with few of them go by one name."""
    frame = load_rows(folder, read_catalogue())
    frame = frame[(frame["part"] == "held_out") & (frame["text"].str.len() >= LONG)]
    frame = frame.sample(n=min(rows, len(frame)), random_state=7).reset_index(drop=True)
    sizes = frame["dataset"].map(frame["dataset"].value_counts())
    return frame.assign(dataset=frame["dataset"].where(sizes >= FEW, "others"))


def measured(frame: pd.DataFrame, probabilities: np.ndarray) -> dict[str, float]:
    """Macro-F1 of each data set and their mean, log loss and calibration error of all rows."""
    labels, found = frame["label"].to_numpy(), probabilities.argmax(axis=1)
    figures = {
        name: 100 * f1_score(labels[rows], found[rows], labels=np.unique(labels[rows]), average="macro")
        for name, rows in frame.groupby("dataset").indices.items()
    }
    figures["mean"] = float(np.mean(list(figures.values())))
    figures["accuracy"] = 100 * float((found == labels).mean())
    figures["log loss"] = float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-6)).mean())
    figures["calibration error"] = calibration_error(probabilities.max(axis=1), found == labels)
    return figures


def calibration_error(certainty: np.ndarray, right: np.ndarray) -> float:
    """Mean distance between certainty and share of right answers, by rows of each bin."""
    bins = np.minimum((certainty * 10).astype(int), 9)
    return float(sum(abs((certainty - right)[bins == one].sum()) for one in np.unique(bins)) / len(right))


def main() -> None:
    """Print one line a way of reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled data sets")
    parser.add_argument("--model", default="balanced", help="packaged model, or the folder of one")
    parser.add_argument("--window", type=int, default=250, help="characters of a window")
    parser.add_argument("--rows", type=int, default=3000, help="texts at most")
    options = parser.parse_args()
    model = load(options.model)
    while isinstance(model, Staged | Windowed):
        model = model.model
    model = Remembering(model)
    frame = long_texts(options.data, options.rows)
    texts, languages, kinds = (frame[name].tolist() for name in ("text", "language", "kind"))
    readers: dict[str, Callable[..., np.ndarray]] = {"as the model reads it": model.predict}
    readers |= {one.__name__: Windowed(model, options.window, one).predict for one in COMBINATIONS}
    lines = {name: measured(frame, read(texts, languages, kinds)) for name, read in readers.items()}
    print(f"{model.version}, windows of {options.window} characters, labels {', '.join(LABELS)}")
    print(frame["dataset"].value_counts().to_string())
    print(pd.DataFrame(lines).T.round(3).to_string())


if __name__ == "__main__":
    main()
