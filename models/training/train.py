"""Train, calibrate, measure and package the bag model.

Run ``python -m models.training.train --data FOLDER --out models/sentiment/artifacts``; the same data, seed
and machine give the same weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from models.training import package
from models.training.architecture import CLASSES, Bag, BagNetwork, Bags, RawTextModel, Shape, featurise
from models.training.data import CATALOGUE, load, read_catalogue
from models.training.evaluate import baseline_scores, by_dataset, by_group, calibration_error

_PREDICT_ROWS = 1024
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Recipe:
    """How the network is trained; what is given here won on held-out rows."""

    members: int = 2
    epochs: int = 2
    batch: int = 512
    rate: float = 0.002
    decay: float = 0.5
    feature_dropout: float = 0.3
    pooled_dropout: float = 0.3
    class_balance: float = 0.75


class Corpus:
    """The hashed bags of many texts, stored flat, from which batches of any rows are cut."""

    def __init__(self, texts: Sequence[str], shape: Shape) -> None:
        hashed = tf.function(lambda batch: featurise(batch, shape), input_signature=[tf.TensorSpec([None], tf.string)])
        ids: list[list[np.ndarray]] = [[] for _ in shape.bits()]
        sizes: list[list[np.ndarray]] = [[] for _ in shape.bits()]
        for start in track(range(0, len(texts), _PREDICT_ROWS), "Hashing texts", console=_CONSOLE):
            encoded = [text.encode("utf-8", "replace") for text in texts[start : start + _PREDICT_ROWS]]
            for bag, parts in enumerate(hashed(tf.constant(encoded, tf.string))):
                rows = np.concatenate([part.rows.numpy() for part in parts])
                order = np.argsort(rows, kind="stable")
                ids[bag].append(np.concatenate([part.ids.numpy() for part in parts])[order])
                sizes[bag].append(np.bincount(rows, minlength=len(encoded)))
        self._ids = [np.concatenate(parts) for parts in ids]
        self._sizes = [np.concatenate(parts) for parts in sizes]
        self._starts = [np.cumsum(sizes) - sizes for sizes in self._sizes]

    def bags(self, rows: np.ndarray, random: np.random.Generator | None = None, dropout: float = 0.0) -> Bags:
        """Cut the bags of ``rows`` [n], each feature left out with probability ``dropout``."""
        tokens, pairs, runs = ([self._bag(bag, rows, random, dropout)] for bag in range(len(self._ids)))
        return tokens, pairs, runs

    def _bag(self, bag: int, rows: np.ndarray, random: np.random.Generator | None, dropout: float) -> Bag:
        sizes = self._sizes[bag][rows]
        owners = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        ids = self._ids[bag][within + np.repeat(self._starts[bag][rows], sizes)]
        if random is not None and dropout:
            kept = random.random(len(ids), dtype=np.float32) >= dropout
            ids, owners = ids[kept], owners[kept]
        return Bag(tf.constant(ids, tf.int32), tf.constant(owners, tf.int32))


def row_weights(train: pd.DataFrame, balance: float) -> np.ndarray:
    """Weight rows by data set and, by ``balance`` (0 none, 1 full), rare labels within it: float32 [n]."""
    rows = train.groupby("dataset")["label"].transform("size")
    labels = train.groupby("dataset")["label"].transform("nunique")
    same = train.groupby(["dataset", "label"])["text"].transform("size")
    rarity = (rows / (labels * same)).to_numpy(dtype=np.float64)
    weights = train["weight"].to_numpy(dtype=np.float64) * rarity**balance
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def fit(network: BagNetwork, corpus: Corpus, frame: pd.DataFrame, recipe: Recipe, seed: int) -> None:
    """Train the network on the rows of part ``train``."""
    rows = np.flatnonzero(frame["part"] == "train")
    labels = frame["label"].to_numpy()
    weights = np.zeros(len(frame), np.float32)
    weights[rows] = row_weights(frame.iloc[rows], recipe.class_balance)
    random = np.random.default_rng(seed)
    steps = -(-len(rows) // recipe.batch) * recipe.epochs
    rate = keras.optimizers.schedules.PolynomialDecay(recipe.rate, steps, recipe.rate / 50)
    step = _training_step(network, keras.optimizers.AdamW(rate, weight_decay=recipe.decay))
    batches = _batches(rows, recipe, random)
    for chosen in track(batches, "Training", total=steps, console=_CONSOLE):
        bags = corpus.bags(chosen, random, recipe.feature_dropout)
        step(bags, tf.constant(labels[chosen]), tf.constant(weights[chosen]))


def mean_logits(networks: Sequence[BagNetwork], corpus: Corpus, rows: np.ndarray) -> np.ndarray:
    """Score rows of the corpus by all networks: float32 [n, 3]."""
    scored = [np.zeros((0, CLASSES), np.float32)]
    for start in range(0, len(rows), _PREDICT_ROWS):
        chunk = rows[start : start + _PREDICT_ROWS]
        bags = corpus.bags(chunk)
        scored.append(np.mean([network(bags, tf.constant(len(chunk))).numpy() for network in networks], axis=0))
    return np.concatenate(scored)


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature that makes the labels [n] most likely under logits [n, 3]; 1.0 without rows."""
    if not len(labels):
        return 1.0
    candidates = np.geomspace(0.25, 4.0, 401)
    return float(candidates[np.argmin([_loss(scores / candidate, labels) for candidate in candidates])])


@dataclass(frozen=True)
class Job:
    """One training: what is read, what is written, how."""

    data: Path
    out: Path
    catalogue: Path = CATALOGUE
    version: str = "1"
    seed: int = 20260101
    baseline: Path | None = None
    recipe: Recipe = field(default_factory=Recipe)
    shape: Shape = field(default_factory=Shape)


def train(job: Job) -> Path:
    """Do the whole: read, train, calibrate, measure beside the baseline, package; return the folder."""
    keras.utils.set_random_seed(job.seed)
    tf.config.experimental.enable_op_determinism()
    catalogue = read_catalogue(job.catalogue)
    _CONSOLE.print(f"Reading and splitting the rows of {job.data}")
    frame = load(job.data, catalogue)
    corpus = Corpus(list(frame["text"]), job.shape)
    networks = [_member(job, corpus, frame, job.seed + 100 * number) for number in range(job.recipe.members)]
    temperature = _calibrate(networks, corpus, frame)
    model = RawTextModel(networks, job.shape, temperature)
    metrics = _measure(model, frame, job.baseline)
    identity = package.Identity("bag", job.version, job.seed, job.shape, temperature)
    used = package.rows_by_dataset(frame[frame["part"] == "train"], catalogue)
    return package.write(job.out, model, identity, used, metrics)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train, calibrate, measure and package the bag sentiment model.")
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled Parquet files")
    parser.add_argument("--out", type=Path, required=True, help="folder of artefacts; name/version is made in it")
    parser.add_argument("--version", default=Job.version, help="version of the artefact, a whole number")
    parser.add_argument("--catalogue", type=Path, default=Job.catalogue, help="TOML file that names the data sets")
    parser.add_argument("--seed", type=int, default=Job.seed)
    parser.add_argument("--baseline", type=Path, help="JSON of the baseline's scores, made there if absent")
    options = parser.parse_args()
    if not options.version.isdecimal():
        parser.error("--version must be a whole number")
    folder = train(Job(**vars(options)))
    _CONSOLE.print(f"Packaged in {folder}")


def _batches(rows: np.ndarray, recipe: Recipe, random: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(recipe.epochs):
        order = random.permutation(rows)
        yield from (order[start : start + recipe.batch] for start in range(0, len(order), recipe.batch))


def _training_step(network: BagNetwork, optimizer: keras.optimizers.Optimizer) -> Any:
    optimizer.build(network.trainable_variables)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(bags: Bags, labels: tf.Tensor, weights: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            scores = network(bags, tf.size(labels), training=True)
            surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
            loss = tf.reduce_mean(weights * surprise)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    return step


def _member(job: Job, corpus: Corpus, frame: pd.DataFrame, seed: int) -> BagNetwork:
    network = BagNetwork(job.shape, seed, job.recipe.pooled_dropout)
    fit(network, corpus, frame, job.recipe, seed)
    return network


def _calibrate(networks: Sequence[BagNetwork], corpus: Corpus, frame: pd.DataFrame) -> float:
    rows = np.flatnonzero((frame["part"] == "calibration") & frame["evaluate"])
    return fit_temperature(mean_logits(networks, corpus, rows), frame["label"].to_numpy()[rows])


def _loss(scores: np.ndarray, labels: np.ndarray) -> float:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]))


def _measure(model: RawTextModel, frame: pd.DataFrame, baseline: Path | None) -> dict[str, Any]:
    """Score the held-out rows with what is packaged, beside the baseline if a file is given for it."""
    held_out = frame[(frame["part"] == "held_out") & frame["evaluate"]]
    texts = [text.encode("utf-8", "replace") for text in held_out["text"]]
    scored = [
        model.serve(tf.constant(texts[start : start + _PREDICT_ROWS]))["probabilities"].numpy()
        for start in range(0, len(texts), _PREDICT_ROWS)
    ]
    probabilities = np.concatenate(scored)
    table = by_dataset(held_out, probabilities)
    metrics: dict[str, Any] = {
        "measure": "macro-F1 in percent, mean over the data sets of a group; mean is over data sets",
        "held_out_rows": len(held_out),
        "calibration_error": round(calibration_error(held_out["label"].to_numpy(), probabilities), 4),
        "model": by_group(table),
        "baseline": None,
    }
    if baseline is not None:
        table["baseline"] = table["dataset"].map(baseline_scores(frame, baseline))
        metrics["baseline"] = by_group(table, "baseline")
    table = table.round(2)
    _CONSOLE.print(table.to_string(index=False))
    return {**metrics, "datasets": table.to_dict(orient="records")}


if __name__ == "__main__":
    main()
