"""Pretrained networks, fine-tuned: the encoder, most accurate and slowest, and the universal sentence encoder.

They train on any backend of Keras; packaging, which needs TensorFlow, is imported when it is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np

from models.sentiment.artifact import verify
from models.sentiment.calibration import Calibration
from models.text.clean import cleaner
from models.training.config import PRETRAINED, Config, ConfigError, network_of
from models.training.job import Job
from models.training.networks.encoder import Encoder, EncoderShape, from_pretrained
from models.training.networks.fit import fit, insist_on_tensorflow, logits_of
from models.training.networks.pretrained import PIECES, FourBit, Pretrained, find, kept_pieces, read
from models.training.networks.tokens import Tokenizer, TrainingRows, lengths_of
from models.training.networks.universal import (
    Universal,
    UniversalShape,
    find_universal,
    read_universal,
    universal_from,
)


@dataclass(frozen=True)
class TrainedEncoder:
    """A network with the vocabulary and the word vectors it reads with."""

    network: Encoder | Universal
    pretrained: Pretrained
    config: Config
    format: str = "savedmodel"

    def logits(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:  # noqa: ARG002
        """Scores float32 [n, 3] of the heads of texts; the longest window is all that is read."""
        tokenizer, lengths = Tokenizer.of(self.config, self.pretrained.vocabulary), lengths_of(self.config)
        return logits_of(self.network, tokenizer.windows(texts, lengths.buckets[-1]), lengths)

    def save(self, folder: Path, calibration: Calibration) -> None:
        """Write the SavedModel."""
        from models.training.packaging.export import save_encoder

        save_encoder(self.network, self.pretrained, self.config, folder, calibration)


def train_encoder(job: Job) -> TrainedEncoder:
    """Fine-tune the first layers of the pretrained encoder on the training rows."""
    pretrained = _with_kept_pieces(read(find()), job)
    begin = partial(from_pretrained, pretrained, network_of(job.config, EncoderShape), job.config.seed)
    return _fitted(begin, pretrained, job)


def train_universal(job: Job) -> TrainedEncoder:
    """Fine-tune the universal sentence encoder, its word vectors too, on the training rows."""
    pretrained = _with_kept_pieces(read_universal(find_universal()), job)
    begin = partial(universal_from, pretrained, network_of(job.config, UniversalShape), job.config.seed)
    return _fitted(begin, pretrained, job)


def retrain_pretrained(folder: Path, job: Job) -> TrainedEncoder:
    """Fine-tune the network of either kind that is packaged in ``folder``."""
    pretrained, begin = _packaged(folder, job.config)
    return _fitted(begin, pretrained, job)


def open_trained(folder: Path) -> TrainedEncoder:
    """The pretrained network that is packaged in ``folder``, as its training left it.

    Raises:
        ConfigError: it is of another family.
    """
    config = Config.model_validate(verify(folder)["config"])
    if config.family not in PRETRAINED:
        raise ConfigError(f"{folder} is of the family {config.family}; needed is one of {', '.join(PRETRAINED)}")
    pretrained, begin = _packaged(folder, config)
    return TrainedEncoder(begin(), pretrained, config)


def _packaged(folder: Path, config: Config) -> tuple[Pretrained, Callable[[], Encoder | Universal]]:
    """The words of an artefact, and what gives its network."""
    from models.training.packaging.export import open_encoder, open_universal, packaged_words

    pretrained = packaged_words(folder)
    if config.family == "universal":
        shape = network_of(config, UniversalShape)
        return pretrained, partial(open_universal, folder, pretrained, shape, config.seed)
    return pretrained, partial(open_encoder, folder, pretrained, network_of(config, EncoderShape), config.seed)


def _fitted(begin: Callable[[], Encoder | Universal], pretrained: Pretrained, job: Job) -> TrainedEncoder:
    """What ``begin`` gives, trained; always computed in float32, whatever it learnt in."""
    config = job.config
    rows = TrainingRows.of(config, job.frame, Tokenizer.of(config, pretrained.vocabulary))
    with _computed_in(config.schedule.precision):
        learner = begin()
        fit(learner, rows, config.schedule, job.cache, jit=_compiles(config.schedule.precision))
    insist_on_tensorflow(job.cache)
    network = begin()
    network.set_weights(learner.get_weights())
    return rounded(network, pretrained, config)


def rounded(network: Encoder | Universal, pretrained: Pretrained, config: Config) -> TrainedEncoder:
    """A network with the weights that it will have once it is stored, so that what is measured is what is packaged.

    Word vectors that did not learn are those of ``pretrained``.
    """
    from models.training.packaging.export import round_weights

    if network.words.trainable:
        pretrained = replace(pretrained, words=FourBit.of(np.asarray(network.words)))
        network.words.assign(pretrained.words.dense())
    round_weights(network, but=[network.words])
    return TrainedEncoder(network, pretrained, config)


@contextmanager
def _computed_in(precision: str) -> Iterator[None]:
    """Layers that are built inside compute so, and keep their weights in float32."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{precision}" if precision != usual.compute_dtype else usual)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _compiles(precision: str) -> bool:
    """XLA on a processor reckons with bfloat16 half as fast as TensorFlow's own kernels do."""
    return precision == "float32" or keras.config.backend() != "tensorflow"


def _with_kept_pieces(full: Pretrained, job: Job) -> Pretrained:
    """Pretrained weights with the pieces that the labelled and the unlabelled texts use.

    No label is looked at, so that texts of every part may say which pieces there are.
    """
    return kept_pieces(full, _cleaned(job), job.config.text.pieces, job.cache / PIECES)


def _cleaned(job: Job) -> Iterator[str]:
    clean = cleaner(job.config.text.steps)
    return (clean(text) for texts in (job.frame["text"], job.unlabelled) for text in texts)
