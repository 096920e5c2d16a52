"""The bag model: text to hashed features to probabilities, every step a TensorFlow operation.

A text is cleaned, decoded to code points and folded through a table (lower case, compatibility forms, no
accents). Runs of letters, runs of punctuation and single symbols such as emoji become tokens. Three bags
are hashed into buckets: tokens, pairs of tokens (neighbours, and neighbours but one), and runs of three to
five characters inside tokens. The buckets' vectors are summed a bag, scaled by the square root of the bag's
size, and read by a linear and a small hidden layer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field

from models.sentiment.contract import LABELS
from models.training.networks.stored import Bytes, dense

_POINTS = 0x20000
_DROP, _SPACE, _LETTER, _MARK, _SYMBOL = range(5)
_FACTOR = 0x2545F4914F6CDD1D
_ROLLING = 0x01000193
_LONGEST_TOKEN = 64
_REWRITES = (
    (r"(?i)(?:https?://|www\.)[^\s<>]+", " \ue000 "),
    (r"[\w.+-]*@[\w.]+", " \ue001 "),
    (r"</?[A-Za-z][^<>]{0,80}>", " "),
    (r"(?i)&lt;", "<"),
    (r"(?i)&gt;", ">"),
    (r"(?i)&#?\w{2,8};", " "),
    (r"(\pL)['’](\pL)", r"\1\2"),
)


class BagShape(BaseModel):
    """Sizes of the network; tables have two to the power of their bits rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_bits: int = Field(default=17, ge=4, le=24)
    pair_bits: int = Field(default=18, ge=4, le=24)
    chars_bits: int = Field(default=18, ge=4, le=24)
    width: int = Field(default=6, ge=1)
    hidden: int = Field(default=32, ge=1)
    max_bytes: int = Field(default=8000, ge=100)

    def bits(self) -> tuple[int, int, int]:
        """Bits of the three bags' tables, in the order of ``Bags``."""
        return (self.token_bits, self.pair_bits, self.chars_bits)


class Bag(NamedTuple):
    """Hashed features of many texts: bucket ids int32 [k] and the text of each, ascending, int32 [k]."""

    ids: tf.Tensor
    rows: tf.Tensor


Bags = tuple[Sequence[Bag], Sequence[Bag], Sequence[Bag]]


def featurise(texts: tf.Tensor, shape: BagShape) -> Bags:
    """Turn raw UTF-8 strings [n] into bags of tokens, pairs and character runs, each in one or more parts."""
    points, kinds, rows = _characters(_clean(texts, shape.max_bytes))
    tokens, token_rows = _tokens(points, kinds, rows)
    hashed = ([(tokens, token_rows)], _pairs(tokens, token_rows), _runs(points, kinds, rows))
    token_bags, pair_bags, run_bags = (
        [Bag(_bucket(hashes, bits), owners) for hashes, owners in parts]
        for parts, bits in zip(hashed, shape.bits(), strict=True)
    )
    return token_bags, pair_bags, run_bags


def pool(table: tf.Tensor, parts: Sequence[Bag], count: tf.Tensor) -> tf.Tensor:
    """Sum a bag's vectors for each text and scale by the root of the bag's size: float32 [count, width]."""
    total = tf.add_n([tf.sparse.segment_sum(table, bag.ids, bag.rows, num_segments=count) for bag in parts])
    return total * _scale(parts, count)


def _scale(parts: Sequence[Bag], count: tf.Tensor) -> tf.Tensor:
    """One over the root of the size of each text's bag: float32 [count, 1]."""
    ones = [tf.ones_like(bag.rows, tf.float32) for bag in parts]
    sizes = [tf.math.unsorted_segment_sum(one, bag.rows, count) for one, bag in zip(ones, parts, strict=True)]
    return tf.math.rsqrt(tf.maximum(tf.add_n(sizes), 1.0))[:, tf.newaxis]


class BagNetwork(keras.Model):  # type: ignore[misc]
    """Bags in, logits float32 [n, 3] out."""

    def __init__(self, shape: BagShape, seed: int, dropout: float) -> None:
        super().__init__()
        small = keras.initializers.RandomUniform(-0.01, 0.01, seed=seed)
        glorot = keras.initializers.GlorotUniform(seed=seed + 1)
        pooled = len(shape.bits()) * shape.width
        self.tables = [
            self.add_weight(shape=(2**bits, shape.width), initializer=small, name=name)
            for name, bits in zip(("tokens", "pairs", "runs"), shape.bits(), strict=True)
        ]
        self.layers_weights = [
            self.add_weight(shape=(pooled, shape.hidden), initializer=glorot, name="hidden"),
            self.add_weight(shape=(shape.hidden,), initializer="zeros", name="hidden_bias"),
            self.add_weight(shape=(shape.hidden, len(LABELS)), initializer=glorot, name="from_hidden"),
            self.add_weight(shape=(pooled, len(LABELS)), initializer=glorot, name="from_bags"),
            self.add_weight(shape=(len(LABELS),), initializer="zeros", name="bias"),
        ]
        self.dropout = keras.layers.Dropout(dropout, seed=seed + 2)
        self.built = True

    def call(self, bags: Bags, count: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Score ``count`` texts from their bags."""
        pooled = [
            pool(tf.convert_to_tensor(table), parts, count) for table, parts in zip(self.tables, bags, strict=True)
        ]
        features = self.dropout(tf.concat(pooled, axis=1), training=training)
        return _logits([tf.convert_to_tensor(weight) for weight in self.layers_weights], features)


class BagReader(tf.Module):  # type: ignore[misc]
    """Raw strings to logits: what is packaged, weights kept as int8.

    The logits of several networks are averaged. Their tables lie side by side, so that a bucket is read once.
    """

    def __init__(self, networks: Sequence[BagNetwork], shape: BagShape) -> None:
        super().__init__()
        self._shape = shape
        side_by_side = zip(*(network.tables for network in networks), strict=True)
        self.tables = [_Table(np.concatenate([np.asarray(one) for one in row], 1)) for row in side_by_side]
        self.layers = [[_half(weight) for weight in network.layers_weights] for network in networks]

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Logits float32 [n, 3] of raw strings [n]."""
        bags = featurise(texts, self._shape)
        pooled = [table.pool(parts, tf.size(texts)) for table, parts in zip(self.tables, bags, strict=True)]
        shares = zip(*(tf.split(part, len(self.layers), axis=1) for part in pooled), strict=True)
        logits = [
            _logits([tf.cast(weight, tf.float32) for weight in layers], tf.concat(share, axis=1))
            for layers, share in zip(self.layers, shares, strict=True)
        ]
        return tf.add_n(logits) / len(logits)


def restore(folder: Path, networks: Sequence[BagNetwork]) -> None:
    """Give networks of the same shape the weights that are packaged in ``folder``."""
    reader = tf.saved_model.load(str(folder)).reader
    for place, stored in enumerate(reader.tables):
        for network, own in zip(networks, np.split(dense(stored), len(networks), axis=1), strict=True):
            network.tables[place].assign(own)
    for network, layers in zip(networks, reader.layers, strict=True):
        for variable, stored in zip(network.layers_weights, layers, strict=True):
            variable.assign(tf.cast(stored, tf.float32))


class _Table(Bytes):
    """A table of buckets' vectors, of which only those of a batch are widened."""

    def pool(self, parts: Sequence[Bag], count: tf.Tensor) -> tf.Tensor:
        """As ``pool``; the buckets are widened after they are gathered, which is a fifth faster than before."""
        sums = [tf.math.segment_sum(tf.cast(tf.gather(self.numbers, bag.ids), tf.float32), bag.rows) for bag in parts]
        total = tf.add_n([tf.pad(one, [[0, count - tf.shape(one)[0]], [0, 0]]) for one in sums])
        return total * _scale(parts, count) * self.scale


def _half(weight: Any) -> tf.Variable:
    return tf.Variable(tf.cast(tf.convert_to_tensor(weight), tf.float16), trainable=False)


def _logits(weights: Sequence[tf.Tensor], features: tf.Tensor) -> tf.Tensor:
    hidden, hidden_bias, from_hidden, from_bags, bias = weights
    activity = tf.nn.relu(features @ hidden + hidden_bias)
    return activity @ from_hidden + features @ from_bags + bias


def _clean(texts: tf.Tensor, max_bytes: int) -> tf.Tensor:
    """Keep the head of each text, repair its UTF-8, and fold addresses, mentions, tags and entities."""
    texts = tf.strings.unicode_transcode(tf.strings.substr(texts, 0, max_bytes), "UTF-8", "UTF-8", errors="ignore")
    for pattern, rewrite in _REWRITES:
        texts = tf.strings.regex_replace(texts, pattern, rewrite)
    return texts


def _characters(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decode and fold: code points, their kinds and their texts, all int32 [k], a space around each text."""
    ragged = tf.strings.unicode_decode(tf.strings.join([" ", texts, " "]), "UTF-8")
    points = tf.minimum(ragged.flat_values, _POINTS - 1)
    rows = tf.cast(ragged.value_rowids(), tf.int32)
    folded, kinds = (tf.gather(tf.constant(column), points) for column in _folding())
    keep = tf.not_equal(kinds, _DROP)
    points, kinds, rows = (tf.boolean_mask(value, keep) for value in (folded, kinds, rows))
    keep = tf.logical_not(_repeated(points, kinds, rows))
    return tuple(tf.boolean_mask(value, keep) for value in (points, kinds, rows))


def _repeated(points: tf.Tensor, kinds: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Mark the third and later of equal characters in a row, and all spaces but the first; digits stay."""
    twice = _same(points, 1) & _same(rows, 1)
    thrice = twice & _same(points, 2) & _same(rows, 2)
    digit = (points >= ord("0")) & (points <= ord("9"))
    return (thrice & tf.logical_not(digit)) | (twice & tf.equal(kinds, _SPACE))


def _same(values: tf.Tensor, distance: int) -> tf.Tensor:
    """Whether each value equals the one ``distance`` before it; false for the first ones."""
    equal = tf.equal(values[distance:], values[:-distance])
    return tf.concat([tf.zeros([tf.minimum(distance, tf.size(values))], tf.bool), equal], axis=0)


def _tokens(points: tf.Tensor, kinds: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut where the kind changes: token hashes int64 [k] and their texts int32 [k]; spaces are no tokens."""
    starts = tf.logical_not(_same(kinds, 1) & _same(rows, 1)) | tf.equal(kinds, _SYMBOL)
    token_of = tf.cumsum(tf.cast(starts, tf.int32)) - 1
    first = tf.boolean_mask(tf.range(tf.size(points)), starts)
    place = tf.minimum(tf.range(tf.size(points)) - tf.gather(first, token_of), _LONGEST_TOKEN - 1)
    terms = tf.cast(points + 1, tf.int64) * tf.gather(tf.constant(_powers(_LONGEST_TOKEN)), place)
    hashes = tf.math.segment_sum(terms, token_of)
    solid = tf.not_equal(tf.gather(kinds, first), _SPACE)
    return tf.boolean_mask(hashes, solid), tf.boolean_mask(tf.gather(rows, first), solid)


def _pairs(tokens: tf.Tensor, rows: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Join each token with the next, and with the next but one, of its text."""
    parts = []
    for distance, factor in ((1, 0x1B873593), (2, 0x5851F42D)):
        joined = _mixed(tokens[:-distance]) * factor + tokens[distance:]
        together = tf.equal(rows[:-distance], rows[distance:])
        parts.append((tf.boolean_mask(joined, together), tf.boolean_mask(rows[distance:], together)))
    return parts


def _runs(points: tf.Tensor, kinds: tf.Tensor, rows: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Hash the runs of three, four and five characters that hold spaces at their ends only."""
    values = tf.cast(points + 1, tf.int64)
    spaces = tf.cumsum(tf.cast(tf.equal(kinds, _SPACE), tf.int32))
    parts = []
    rolling = values[:-1] * _ROLLING + values[1:]
    for last in range(2, 5):
        rolling = rolling[:-1] * _ROLLING + values[last:]
        solid = tf.equal(spaces[last - 1 : -1], spaces[:-last]) & tf.equal(rows[:-last], rows[last:])
        parts.append((tf.boolean_mask(rolling + last, solid), tf.boolean_mask(rows[last:], solid)))
    return parts


def _mixed(hashes: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(hashes, tf.bitwise.right_shift(hashes, tf.constant(29, tf.int64))) * _FACTOR


def _bucket(hashes: tf.Tensor, bits: int) -> tf.Tensor:
    """Reduce int64 hashes to bucket numbers int32 below 2**bits."""
    high = tf.bitwise.right_shift(_mixed(hashes), tf.constant(64 - 1 - bits, tf.int64))
    return tf.cast(tf.bitwise.bitwise_and(high, tf.constant(2**bits - 1, tf.int64)), tf.int32)


@cache
def _folding() -> tuple[np.ndarray, np.ndarray]:
    """For each code point what it becomes and its kind, both int32; higher points share the last entry."""
    folded = np.arange(_POINTS, dtype=np.int32)
    kinds = np.full(_POINTS, _SYMBOL, dtype=np.int32)
    for point in range(_POINTS):
        folded[point], kinds[point] = _fold(chr(point))
    return folded, kinds


def _fold(char: str) -> tuple[int, int]:
    category = unicodedata.category(char)
    if category in ("Cf", "Cs", "Mn", "Me", "Sk") and char not in "^`":
        return 0, _DROP
    if category[0] == "Z" or category == "Cc":
        return ord(" "), _SPACE
    plain = unicodedata.normalize("NFKD", char).casefold()
    base = next((one for one in plain if not unicodedata.combining(one)), char)
    if base.isspace():
        return ord(" "), _SPACE
    if base.isalnum():
        return ord(base), _LETTER
    return ord(base), _MARK if unicodedata.category(base)[0] in "PS" and ord(base) < 0x2190 else _SYMBOL


def _powers(count: int) -> np.ndarray:
    """The first powers of the hash factor, wrapped to int64 [count]."""
    values = [1]
    for _ in range(count - 1):
        values.append(values[-1] * _FACTOR % 2**64)
    return np.array(values, dtype=np.uint64).astype(np.int64)
