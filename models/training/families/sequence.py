"""Networks that learn their word vectors from scratch: recurrent, convolutional and attentive ones.

All of them are Keras layers alone, so that they train on any backend; packaging, which needs TensorFlow, is imported
when it is due. What a text scores never depends on how far its batch is padded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from keras import layers, ops
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.text.clean import cleaner
from models.training.config import Config, network_of
from models.training.data.catalogue import DataError
from models.training.job import Job
from models.training.networks.encoder import Block
from models.training.networks.fit import Watched, fit, insist_on_tensorflow, logits_of
from models.training.networks.pretrained import PIECES, Vocabulary, find, kept_pieces, read
from models.training.networks.tokens import PAD, Tokenizer, TrainingRows, lengths_of, weighted

_NOT_ATTENDED = -1e9


class Sizes(BaseModel):
    """What the ``[network]`` section of every family sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=96, ge=1)
    """Numbers in a word vector."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of the word vectors' columns, and of what the last layer reads, left out of a text at each step."""


class Recurrent(Sizes):
    """SimpleRNN, LSTM and GRU: the state after the last token is what is classified."""

    units: int = Field(default=96, ge=1)
    layers: int = Field(default=1, ge=1)
    l2: float = Field(default=0.0, ge=0)
    """L2 on the kernels; word vectors and biases know the optimizer's weight decay alone."""
    recurrent_dropout: float = Field(default=0.0, ge=0, lt=1)
    orthogonal: bool = True
    """Whether recurrent kernels start orthogonal (Saxe et al., 2014, https://arxiv.org/abs/1312.6120) or uniform."""


class Attentive(Recurrent):
    """The bidirectional LSTM: its states are averaged by attention."""

    attention: int = Field(default=64, ge=1)
    """Hidden units of the net that says how much a token counts."""


class Convolutional(Sizes):
    """The text CNN: ``filters`` for each number of tokens from ``narrowest`` to ``widest``."""

    filters: int = Field(default=96, ge=1)
    narrowest: int = Field(default=2, ge=1)
    widest: int = Field(default=4, ge=1)
    l2: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.narrowest > self.widest:
            raise ValueError(f"narrowest ({self.narrowest}) is wider than widest ({self.widest})")
        return self


class Attending(Sizes):
    """The Transformer encoder: ``layers`` blocks, then the mean of the tokens."""

    heads: int = Field(default=4, ge=1)
    layers: int = Field(default=2, ge=1)
    inner: int = Field(default=192, ge=1)
    """Hidden units of a block's feed-forward net."""

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width ({self.width}) must be a multiple of twice the heads ({self.heads})")
        return self


@dataclass(frozen=True)
class TrainedSequence:
    """A trained network with the vocabulary that it reads with."""

    network: keras.Model
    vocabulary: Vocabulary
    config: Config
    format: str = "savedmodel"

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:  # noqa: ARG002
        """Scores float32 [n, 3] of the heads of texts; the longest window is all that is read."""
        tokenizer, lengths = Tokenizer.of(self.config, self.vocabulary), lengths_of(self.config)
        return logits_of(self.network, tokenizer.windows(texts, lengths.buckets[-1]), lengths)

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the SavedModel."""
        from models.training.packaging.export import save_sequence

        save_sequence(self._still(), self.vocabulary, self.config, folder, calibration)

    def _still(self) -> keras.Model:
        """The same network without recurrent dropout, for which Keras draws random numbers even outside training."""
        if "recurrent_dropout" not in self.config.network:
            return self.network
        sizes = self.config.network | {"recurrent_dropout": 0.0}
        still = build(self.config.model_copy(update={"network": sizes}), len(self.vocabulary.pieces))
        still.set_weights(self.network.get_weights())
        return still


def train_sequence(job: Job, vocabulary: Vocabulary | None = None) -> TrainedSequence:
    """Train the network of a configuration from scratch, with pieces of its own choice or with those of a vocabulary.

    Raises:
        ConfigError: a size that the family does not know, or out of bounds.
        DataError: the schedule has patience and there are no calibration rows.
        PretrainedError: the pieces to choose from are not installed.
    """
    config = job.config
    vocabulary = vocabulary or vocabulary_for(job)
    network = build(config, len(vocabulary.pieces))
    tokenizer = Tokenizer.of(config, vocabulary)
    rows = TrainingRows.of(config, job.frame, tokenizer)
    watched = _watched(job, tokenizer) if config.schedule.patience else None
    # TensorFlow's own kernels run these small networks as fast as XLA, which compiles for half a minute before.
    fit(network, rows, config.schedule, job.cache, jit=keras.config.backend() != "tensorflow", watched=watched)
    insist_on_tensorflow(job.cache)
    _round(network)
    return TrainedSequence(network, vocabulary, config)


def vocabulary_for(job: Job) -> Vocabulary:
    """The pretrained encoder's pieces that the training texts use most, as many as the configuration wants."""
    job.cache.mkdir(parents=True, exist_ok=True)
    return kept_pieces(read(find()), _cleaned(job), job.config.text.pieces, job.cache / PIECES).vocabulary


def build(config: Config, pieces: int) -> keras.Model:
    """The untrained network of a configuration: ids int32 [n, length], padded with PAD, to logits float32 [n, 3].

    Its weights and its dropout follow from ``config.seed``; Keras' global seed is set.

    Raises:
        ConfigError: a size that the family does not know, or out of bounds.
    """
    kind, pool = _FAMILIES[config.family]
    sizes = network_of(config, kind)
    keras.utils.set_random_seed(config.seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    words = layers.Embedding(pieces, sizes.width, name="words")(ids)
    words = layers.SpatialDropout1D(sizes.dropout)(words)
    pooled = layers.Dropout(sizes.dropout)(pool(sizes, words, ops.not_equal(ids, PAD)))
    return keras.Model(ids, layers.Dense(len(LABELS), kernel_regularizer=_l2(sizes), name="head")(pooled))


def _cleaned(job: Job) -> Iterator[str]:
    clean = cleaner(job.config.text.steps)
    return (clean(text) for text in job.frame.loc[job.frame["part"] == "train", "text"])


def _watched(job: Job, tokenizer: Tokenizer) -> Watched:
    if not (job.frame["part"] == "calibration").any():
        raise DataError(f"{job.config.name}: schedule.patience needs calibration rows to watch; unset it or add rows")
    rows, weights = weighted(job.config, job.frame, "calibration")
    lengths = lengths_of(job.config)
    ids = tokenizer.windows(rows["text"].tolist(), lengths.buckets[-1])
    return Watched(ids, rows["label"].to_numpy(np.int64), weights * rows["weight"].to_numpy(), lengths)


def _round(network: keras.Model) -> None:
    from models.training.packaging.export import round_weights

    round_weights(network)


def _recurrent(cell: type[Any], sizes: Recurrent, words: Any, real: Any) -> Any:
    for place in range(sizes.layers):
        words = _layer(cell, sizes, return_sequences=place + 1 < sizes.layers, name=f"states_{place}")(words, mask=real)
    return words


def _bidirectional(sizes: Attentive, words: Any, real: Any) -> Any:
    """Additive attention over the states (Yang et al., 2016, https://aclanthology.org/N16-1174)."""
    for place in range(sizes.layers):
        both = layers.Bidirectional(_layer(layers.LSTM, sizes, return_sequences=True), name=f"states_{place}")
        words = both(words, mask=real)
    thought = layers.Dense(sizes.attention, activation="tanh", kernel_regularizer=_l2(sizes), name="thought")(words)
    scores = layers.Dense(1, use_bias=False, kernel_regularizer=_l2(sizes), name="scores")(thought)
    shares = ops.softmax(ops.where(ops.expand_dims(real, -1), scores, _NOT_ATTENDED), axis=1)
    return ops.sum(shares * words, axis=1)


def _convolutional(sizes: Convolutional, words: Any, real: Any) -> Any:
    """The most that each filter found anywhere (Kim, 2014, https://aclanthology.org/D14-1181)."""
    here = ops.expand_dims(real, -1)
    words = ops.where(here, words, 0.0)
    found = [
        layers.Conv1D(
            sizes.filters, size, padding="same", activation="relu", kernel_regularizer=_l2(sizes), name=f"runs_{size}"
        )(words)
        for size in range(sizes.narrowest, sizes.widest + 1)
    ]
    # A filter finds 0 at least, so padding that finds 0 does not show.
    return ops.max(ops.where(here, ops.concatenate(found, axis=-1), 0.0), axis=1)


def _attending(sizes: Attending, words: Any, real: Any) -> Any:
    """Sines for positions (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762), blocks with the norm after."""
    here = ops.expand_dims(ops.cast(real, "float32"), -1)
    rates = np.power(1e4, -np.arange(0, sizes.width, 2) / sizes.width).astype(np.float32)
    angles = ops.cumsum(here, axis=1) * rates
    words = words * sizes.width**0.5 + ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
    words = layers.LayerNormalization(name="norm")(words)
    mask = ops.where(ops.expand_dims(real, (1, 2)), 0.0, _NOT_ATTENDED)
    for place in range(sizes.layers):
        words = Block(sizes.width, sizes.inner, sizes.heads, sizes.dropout, name=f"block_{place}")(words, mask)
    return ops.sum(words * here, axis=1) / ops.sum(here, axis=1)


def _layer(cell: type[Any], sizes: Recurrent, **options: Any) -> Any:
    return cell(
        sizes.units,
        recurrent_dropout=sizes.recurrent_dropout,
        kernel_regularizer=_l2(sizes),
        recurrent_regularizer=_l2(sizes),
        recurrent_initializer="orthogonal" if sizes.orthogonal else "random_uniform",
        **options,
    )


def _l2(sizes: Sizes) -> Any:
    strength = getattr(sizes, "l2", 0.0)
    return keras.regularizers.L2(strength) if strength else None


_FAMILIES: dict[str, tuple[type[Sizes], Callable[[Any, Any, Any], Any]]] = {
    "simple_rnn": (Recurrent, partial(_recurrent, layers.SimpleRNN)),
    "lstm": (Recurrent, partial(_recurrent, layers.LSTM)),
    "gru": (Recurrent, partial(_recurrent, layers.GRU)),
    "bilstm": (Attentive, _bidirectional),
    "cnn": (Convolutional, _convolutional),
    "transformer": (Attending, _attending),
}
