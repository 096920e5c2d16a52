"""Texts to padded batches of token ids, the same ones whenever a training with the same seed passes by.

An epoch takes each row as often as its data set's weight says, in an order of its own. It is cut in rounds; within a
round texts of like length share a batch, so that little is padding and a compiled network sees few shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import sentencepiece

from models.sentiment.contract import LABELS
from models.text.clean import cleaner
from models.training.augmentation.changes import augmenter
from models.training.config import Config
from models.training.data.balance import rates_of, row_weights
from models.training.data.rows import targets_of
from models.training.networks.pretrained import Vocabulary, proto

BEGIN, PAD, END = 0, 1, 2
_THREADS = 2


class Batch(NamedTuple):
    """Ids int32 [n, length] (or bags of features), targets float32 [n, 3], weights float32 [n].

    Rows of weight 0 only fill the batch up.
    """

    ids: Any
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Lengths:
    """Lengths that batches are padded to, ascending, and how many tokens a batch holds at most."""

    buckets: tuple[int, ...] = (16, 24, 32, 48, 64)
    batch_tokens: int = 2048

    def bucket(self, length: int) -> int:
        """The shortest bucket that a text fits in."""
        return next(bucket for bucket in self.buckets if length <= bucket)

    def rows(self, bucket: int) -> int:
        """How many rows a batch of that bucket has."""
        return max(1, self.batch_tokens // bucket)


class Tokenizer:
    """Cleaned text to ids, with the pieces of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary, clean: Callable[[str], str]) -> None:
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=proto(vocabulary))
        self._clean = clean

    @classmethod
    def of(cls, config: Config, vocabulary: Vocabulary) -> Tokenizer:
        """With the cleaning that a configuration describes."""
        return cls(vocabulary, cleaner(config.text.steps))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without marks of beginning and end; half a character counts as a question mark."""
        whole = [text.encode("utf-8", "replace").decode() for text in texts]
        ids: list[list[int]] = self._processor.encode([self._clean(text) for text in whole], num_threads=_THREADS)
        return ids

    def windows(self, texts: Sequence[str], longest: int) -> list[list[int]]:
        """Ids of the head of each text between their marks, ``longest`` at most; what is beyond is not read."""
        return [with_ends(ids[: longest - 2]) for ids in self.encode(texts)]


class TrainingRows:
    """The rows to learn from, and how an epoch walks over them."""

    def __init__(
        self,
        frame: pd.DataFrame,
        row_weights: np.ndarray,
        tokenizer: Tokenizer,
        augment: Callable[[str, Random], str],
        lengths: Lengths,
        seed: int,
        round_rows: int,
    ) -> None:
        """``frame`` has ``text``, what ``targets_of`` needs, and ``weight`` (how often an epoch takes the row)."""
        self._texts = frame["text"].tolist()
        self._targets = targets_of(frame)
        self._rates = frame["weight"].to_numpy(np.float64)
        self._weights = row_weights.astype(np.float32)
        self._tokenizer = tokenizer
        self._augment = augment
        self._lengths = lengths
        self._seed = seed
        self._round_rows = round_rows

    @classmethod
    def of(cls, config: Config, frame: pd.DataFrame, tokenizer: Tokenizer) -> TrainingRows:
        """The rows of part ``train``, weighted, augmented and batched as the configuration says."""
        train, weights = weighted(config, frame, "train")
        augment, seed, size = augmenter(config.augmentation), config.seed, config.schedule.round_rows
        return cls(train, weights, tokenizer, augment, lengths_of(config), seed, size)

    def rounds(self, epoch: int) -> list[np.ndarray]:
        """The rows of an epoch, int64, cut in rounds."""
        random = np.random.default_rng([self._seed, epoch])
        times = np.floor(self._rates + random.random(len(self._rates))).astype(np.int64)
        order = random.permutation(np.repeat(np.arange(len(times)), times))
        return [order[start : start + self._round_rows] for start in range(0, len(order), self._round_rows)]

    def batches(self, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        """Augment, tokenise and batch the rows of round ``number`` of ``epoch``."""
        random = Random(f"{self._seed} {epoch} {number}")
        texts = [self._augment(self._texts[row], random) for row in rows]
        longest = self._lengths.buckets[-1]
        ids = [with_ends(crop(one, longest - 2, random)) for one in self._tokenizer.encode(texts)]
        batches = list(group([len(one) for one in ids], self._lengths))
        random.shuffle(batches)
        for places, bucket in batches:
            yield self._batch(rows[places], [ids[place] for place in places], bucket)

    def _batch(self, rows: np.ndarray, ids: list[list[int]], bucket: int) -> Batch:
        count = self._lengths.rows(bucket)
        targets, weights = np.zeros((count, len(LABELS)), np.float32), np.zeros(count, np.float32)
        targets[: len(rows)] = self._targets[rows]
        weights[: len(rows)] = self._weights[rows]
        return Batch(pad(ids, bucket, count), targets, weights)


def lengths_of(config: Config) -> Lengths:
    """The lengths and the size of a batch that a configuration sets."""
    return Lengths(config.text.buckets, config.text.batch_tokens)


def weighted(config: Config, frame: pd.DataFrame, part: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of a part, how often an epoch takes them in ``weight``; and how much each then counts, float [n]."""
    rows = frame[frame["part"] == part].reset_index(drop=True)
    rates = rates_of(rows, config)
    return rows.assign(weight=rates), row_weights(rows, rates, config.balance.labels)


def group(lengths: Sequence[int], plan: Lengths) -> Iterator[tuple[np.ndarray, int]]:
    """Places of texts that go into one batch, with the batch's bucket; each place comes once."""
    buckets = np.array([plan.bucket(length) for length in lengths])
    for bucket in plan.buckets:
        places = np.flatnonzero(buckets == bucket)
        size = plan.rows(bucket)
        for start in range(0, len(places), size):
            yield places[start : start + size], bucket


def pad(ids: Sequence[Sequence[int]], length: int, rows: int) -> np.ndarray:
    """Ids int32 [rows, length], filled up with PAD; a row without a text is one PAD beside an END."""
    padded = np.full((rows, length), PAD, np.int32)
    padded[len(ids) :, 0] = END
    for place, one in enumerate(ids):
        padded[place, : len(one)] = one
    return padded


def crop(ids: Sequence[int], longest: int, random: Random) -> Sequence[int]:
    """The head of a long text half of the time, else a window anywhere in it: so it is scored in the end."""
    start = 0 if len(ids) <= longest or random.random() < 0.5 else random.randrange(len(ids) - longest + 1)
    return ids[start : start + longest]


def with_ends(ids: Sequence[int]) -> list[int]:
    """Put the marks of beginning and end around ids."""
    return [BEGIN, *ids, END]
