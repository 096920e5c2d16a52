"""The encoder network: token ids to logits, in Keras operations alone, so that it trains on any backend.

It is BERT's post-norm encoder (Devlin et al., 2019, https://arxiv.org/abs/1810.04805) with the mean of the tokens as
the text's vector. Word vectors are not trained: they stay the 4-bit numbers they came as.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from pydantic import BaseModel, ConfigDict, Field

from models.sentiment.contract import LABELS
from models.training.config import LONGEST
from models.training.networks.pretrained import Pretrained
from models.training.networks.tokens import PAD

POSITIONS = LONGEST
_EPSILON = 1e-12
_NOT_ATTENDED = -1e9


class EncoderShape(BaseModel):
    """Sizes and regularisation that a configuration may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = Field(default=12, ge=1, le=12)
    """Layers, the first of the pretrained ones."""
    frozen: int = Field(default=0, ge=0, le=12)
    """Layers from the bottom that stay as they came; more than none freezes the positions too."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    inner: int | None = Field(default=None, ge=1)
    """Hidden units of a layer's feed-forward net that are kept, those with the largest weights; None keeps all."""
    filters: int = Field(default=0, ge=0)
    """Convolutions of three neighbours over the last layer, whose maxima are read beside the mean; 0 for none."""


class Embedding(layers.Layer):  # type: ignore[misc]
    """Word vectors float32 [n, length, width] to normalised ones with their positions; the words' table is frozen."""

    def __init__(self, pieces: int, width: int, dropout: float, **options: Any) -> None:
        super().__init__(**options)
        self.words = self.add_weight(shape=(pieces, width), trainable=False, name="words")
        self.positions = self.add_weight(shape=(POSITIONS, width), name="positions")
        self.norm = layers.LayerNormalization(epsilon=_EPSILON, name="norm")
        self.norm.build((None, None, width))
        self.dropout = layers.Dropout(dropout)
        self.built = True

    def call(self, words: Any, training: bool = False) -> Any:
        """Add the positions and normalise."""
        return self.dropout(self.norm(words + self.positions[: ops.shape(words)[1]]), training=training)


class Block(layers.Layer):  # type: ignore[misc]
    """Self-attention and a feed-forward net, each with a shortcut and a norm after it."""

    def __init__(self, width: int, inner: int, heads: int, dropout: float, **options: Any) -> None:
        super().__init__(**options)
        self.heads = heads
        self.width = width
        self.attention_in = layers.Dense(3 * width, name="attention_in")
        self.attention_out = layers.Dense(width, name="attention_out")
        self.attention_norm = layers.LayerNormalization(epsilon=_EPSILON, name="attention_norm")
        self.inner = layers.Dense(inner, name="inner")
        self.outer = layers.Dense(width, name="outer")
        self.outer_norm = layers.LayerNormalization(epsilon=_EPSILON, name="outer_norm")
        for layer in (self.attention_in, self.attention_out, self.attention_norm, self.inner, self.outer_norm):
            layer.build((None, None, width))
        self.outer.build((None, None, inner))
        self.dropout = layers.Dropout(dropout)
        self.built = True

    def call(self, vectors: Any, mask: Any, training: bool = False) -> Any:
        """``mask`` is added to the attention scores: float32 [n, 1, 1, length]."""
        length = ops.shape(vectors)[1]
        parts = ops.reshape(self.attention_in(vectors), (-1, length, 3, self.heads, self.width // self.heads))
        queries, keys, values = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)))
        scale = (self.width // self.heads) ** -0.5
        shares = ops.softmax(ops.matmul(queries * scale, ops.swapaxes(keys, -1, -2)) + mask)
        seen = ops.reshape(ops.transpose(ops.matmul(shares, values), (0, 2, 1, 3)), (-1, length, self.width))
        seen = self.dropout(self.attention_out(seen), training=training)
        vectors = self.attention_norm(vectors + seen)
        # The tanh form of GELU: as good after fine-tuning, and a fifth faster than the error function.
        thought = self.outer(ops.gelu(self.inner(vectors), approximate=True))
        return self.outer_norm(vectors + self.dropout(thought, training=training))


class Encoder(keras.Model):  # type: ignore[misc]
    """Ids int32 [n, length], padded with PAD, to logits float32 [n, 3]."""

    def __init__(self, pieces: int, width: int, inner: int, heads: int, shape: EncoderShape, seed: int) -> None:
        super().__init__()
        keras.utils.set_random_seed(seed)
        self.embedding = Embedding(pieces, width, shape.dropout, name="embedding")
        self.blocks = [Block(width, inner, heads, shape.dropout, name=f"block_{place}") for place in range(shape.depth)]
        self.convolution = None
        if shape.filters:
            self.convolution = layers.Conv1D(shape.filters, 3, padding="same", activation="relu", name="convolution")
            self.convolution.build((None, None, width))
        self.dropout = layers.Dropout(shape.dropout)
        self.head = layers.Dense(len(LABELS), name="head")
        self.head.build((None, width + shape.filters))
        self.built = True
        self.embedding.trainable = not shape.frozen
        for block in self.blocks[: shape.frozen]:
            block.trainable = False

    @property
    def words(self) -> Any:
        """The table of word vectors, float32 [pieces, width]."""
        return self.embedding.words

    def layers_above(self) -> list[int]:
        """For each trainable variable, how many layers lie above its own, the head counted as one."""
        layered: list[layers.Layer] = [self.embedding, *self.blocks]
        above = {id(one): len(layered) - place for place, layer in enumerate(layered) for one in layer.variables}
        return [above.get(id(variable), 0) for variable in self.trainable_variables]

    def call(self, ids: Any, training: bool = False) -> Any:
        """Encode, average the tokens, and classify."""
        words = ops.take(self.embedding.words, ids, axis=0)
        return self.encode(ops.cast(words, self.compute_dtype), ids, training)

    def encode(self, words: Any, ids: Any, training: bool = False) -> Any:
        """The same from word vectors that were looked up already, float32 [n, length, width]."""
        real = ops.cast(ops.not_equal(ids, PAD), self.compute_dtype)
        mask = (1.0 - real)[:, None, None, :] * _NOT_ATTENDED
        vectors = self.embedding(words, training=training)
        for block in self.blocks:
            vectors = block(vectors, mask, training=training)
        vectors = vectors * real[:, :, None]
        read = ops.sum(vectors, axis=1) / ops.sum(real, axis=1, keepdims=True)
        if self.convolution is not None:
            found = ops.max(self.convolution(vectors) * real[:, :, None], axis=1)
            read = ops.concatenate([read, found], axis=1)
        return self.head(self.dropout(read, training=training))


def from_pretrained(model: Pretrained, shape: EncoderShape, seed: int) -> Encoder:
    """An encoder that starts from the pretrained one; its head, and convolutions, start from the seed."""
    whole = len(model.tensors["l0.fi.b"])
    inner = min(shape.inner or whole, whole)
    encoder = Encoder(len(model.vocabulary.pieces), model.width, inner, model.heads, shape, seed)
    tensors, width = model.tensors, model.width
    positions = tensors["emb.pos"].reshape(-1, width)[:POSITIONS] + tensors["emb.type"][:width]
    encoder.embedding.words.assign(model.words.dense())
    encoder.embedding.positions.assign(positions)
    encoder.embedding.norm.set_weights([tensors["emb.ln.w"], tensors["emb.ln.b"]])
    for place, block in enumerate(encoder.blocks):
        _fill(block, {name.split(".", 1)[1]: value for name, value in tensors.items() if name.startswith(f"l{place}.")})
    return encoder


def _fill(block: Block, tensors: dict[str, np.ndarray]) -> None:
    together = [np.concatenate([tensors[f"{name}.{part}"] for name in "qkv"]) for part in "wb"]
    block.attention_in.set_weights([together[0].T, together[1]])
    block.attention_out.set_weights([tensors["ao.w"].T, tensors["ao.b"]])
    kept = _strongest(tensors, block.inner.units)
    block.inner.set_weights([tensors["fi.w"][kept].T, tensors["fi.b"][kept]])
    block.outer.set_weights([tensors["fo.w"][:, kept].T, tensors["fo.b"]])
    block.attention_norm.set_weights([tensors["aln.w"], tensors["aln.b"]])
    block.outer_norm.set_weights([tensors["oln.w"], tensors["oln.b"]])


def _strongest(tensors: dict[str, np.ndarray], count: int) -> np.ndarray:
    """The hidden units of a feed-forward net whose weights into and out of them are largest, int64 [count]."""
    strength = np.linalg.norm(tensors["fi.w"], axis=1) * np.linalg.norm(tensors["fo.w"], axis=0)
    return np.sort(np.argsort(-strength, kind="stable")[:count])
