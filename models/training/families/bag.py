"""The hashed bag: the fastest model. Several small networks are trained and their scores averaged.

Hashing is most of the work, so each network sees each text augmented once, and other networks see it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from pydantic import Field
from rich.console import Console
from rich.progress import track

from models.sentiment.calibration import Calibration
from models.training.augmentation.changes import augmenter
from models.training.config import Config, network_of
from models.training.data.balance import rates_of, row_weights
from models.training.data.rows import targets_of
from models.training.job import Job
from models.training.networks.bag import Bag, BagNetwork, BagReader, Bags, BagShape, featurise, restore
from models.training.networks.fit import Step, fit
from models.training.networks.tokens import Batch
from models.training.packaging import export

_HASHED_ROWS = 1024
_CONSOLE = Console(stderr=True)


class Network(BagShape):
    """Sizes and regularisation that a configuration may set."""

    members: int = Field(default=2, ge=1)
    batch_rows: int = Field(default=512, ge=1)
    feature_dropout: float = Field(default=0.3, ge=0, lt=1)
    pooled_dropout: float = Field(default=0.3, ge=0, lt=1)


@dataclass(frozen=True)
class TrainedBag:
    """The networks and their sizes."""

    networks: Sequence[BagNetwork]
    shape: BagShape
    format: str = "savedmodel"

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:  # noqa: ARG002
        """Scores float32 [n, 3] as the packaged weights give them."""
        reader = BagReader(self.networks, self.shape)
        encoded = [text.encode("utf-8", "replace") for text in texts]
        starts = range(0, len(texts), _HASHED_ROWS)
        scored = [reader(tf.constant(encoded[start : start + _HASHED_ROWS])).numpy() for start in starts]
        return np.concatenate([np.zeros((0, 3), np.float32), *scored])

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the SavedModel."""
        export.save(BagReader(self.networks, self.shape), calibration, folder)


def train_bag(job: Job) -> TrainedBag:
    """Train the networks one after another, each with a seed of its own."""
    settings = network_of(job.config, Network)
    return _trained(_networks(job.config, settings), job, settings)


def retrain_bag(folder: Path, job: Job) -> TrainedBag:
    """Train the networks that are packaged in ``folder`` further."""
    settings = network_of(job.config, Network)
    networks = _networks(job.config, settings)
    restore(folder, networks)
    return _trained(networks, job, settings)


def _networks(config: Config, settings: Network) -> list[BagNetwork]:
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    return [
        BagNetwork(settings, config.seed + 100 * number, settings.pooled_dropout) for number in range(settings.members)
    ]


def _trained(networks: Sequence[BagNetwork], job: Job, settings: Network) -> TrainedBag:
    config = job.config
    train = job.frame[job.frame["part"] == "train"]
    augment = augmenter(config.augmentation)
    for number, network in enumerate(networks):
        seed = config.seed + 100 * number
        random = Random(seed)
        corpus = Corpus([augment(text, random) for text in train["text"]], settings)
        rows = BagRows(corpus, train, config, settings, seed)
        network.compile(keras.optimizers.AdamW(config.schedule.rate, weight_decay=config.schedule.decay))
        network.optimizer.build(network.trainable_variables)
        fit(network, rows, config.schedule, job.cache / f"network-{number}", step=_training_step(network))
    return TrainedBag(networks, settings)


@cache
def _hashed(shape: BagShape) -> Callable[[tf.Tensor], Bags]:
    """Raw strings [n] -> their bags; a graph that all members share, for tracing it takes seconds."""
    signature = [tf.TensorSpec([None], tf.string)]
    hashed: Callable[[tf.Tensor], Bags] = tf.function(lambda batch: featurise(batch, shape), input_signature=signature)
    return hashed


class Corpus:
    """The hashed bags of many texts, stored flat, from which batches of any rows are cut."""

    def __init__(self, texts: Sequence[str], shape: BagShape) -> None:
        hashed = _hashed(shape)
        ids: list[list[np.ndarray]] = [[] for _ in shape.bits()]
        sizes: list[list[np.ndarray]] = [[] for _ in shape.bits()]
        for start in track(range(0, len(texts), _HASHED_ROWS), "Hashing texts", console=_CONSOLE):
            encoded = [text.encode("utf-8", "replace") for text in texts[start : start + _HASHED_ROWS]]
            for bag, parts in enumerate(hashed(tf.constant(encoded, tf.string))):
                rows = np.concatenate([part.rows.numpy() for part in parts])
                order = np.argsort(rows, kind="stable")
                ids[bag].append(np.concatenate([part.ids.numpy() for part in parts])[order])
                sizes[bag].append(np.bincount(rows, minlength=len(encoded)))
        self._ids = [np.concatenate(parts) for parts in ids]
        self._sizes = [np.concatenate(parts) for parts in sizes]
        self._starts = [np.cumsum(sizes) - sizes for sizes in self._sizes]

    def bags(self, rows: np.ndarray, random: np.random.Generator, dropout: float) -> Bags:
        """Cut the bags of ``rows`` [n], each feature left out with probability ``dropout``."""
        tokens, pairs, runs = ([self._bag(bag, rows, random, dropout)] for bag in range(len(self._ids)))
        return tokens, pairs, runs

    def _bag(self, bag: int, rows: np.ndarray, random: np.random.Generator, dropout: float) -> Bag:
        sizes = self._sizes[bag][rows]
        owners = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        ids = self._ids[bag][within + np.repeat(self._starts[bag][rows], sizes)]
        kept = random.random(len(ids), dtype=np.float32) >= dropout
        return Bag(tf.constant(ids[kept], tf.int32), tf.constant(owners[kept], tf.int32))


class BagRows:
    """The rows to learn from as bags, each row once an epoch; what differs in rate differs in weight."""

    def __init__(self, corpus: Corpus, train: pd.DataFrame, config: Config, settings: Network, seed: int) -> None:
        rates = rates_of(train, config)
        self._corpus, self._settings, self._seed = corpus, settings, seed
        self._round_rows = config.schedule.round_rows
        self._targets = targets_of(train)
        self._weights = (rates * row_weights(train, rates, config.balance.labels)).astype(np.float32)

    def rounds(self, epoch: int) -> list[np.ndarray]:
        """The rows of an epoch, int64, cut in rounds."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._weights))
        return [order[start : start + self._round_rows] for start in range(0, len(order), self._round_rows)]

    def batches(self, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        """The bags of round ``number`` of ``epoch``, each time with other features left out."""
        random, size = np.random.default_rng([self._seed, epoch, number]), self._settings.batch_rows
        for start in range(0, len(rows), size):
            own = rows[start : start + size]
            bags = self._corpus.bags(own, random, self._settings.feature_dropout)
            yield Batch(bags, self._targets[own], self._weights[own])


def _training_step(network: BagNetwork) -> Step:
    optimizer = network.optimizer

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(bags: Bags, targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            scores = network(bags, tf.size(weights), training=True)
            surprise = tf.nn.softmax_cross_entropy_with_logits(targets, scores)
            loss = tf.reduce_mean(weights * surprise)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        right = tf.cast(tf.argmax(scores, 1) == tf.argmax(targets, 1), tf.float32)
        return loss, tf.reduce_sum(weights * right) / tf.reduce_sum(weights)

    def learn(batch: Batch) -> dict[str, float]:
        loss, accuracy = step(batch.ids, tf.constant(batch.targets), tf.constant(batch.weights))
        return {"loss": float(loss), "accuracy": float(accuracy)}

    return learn
