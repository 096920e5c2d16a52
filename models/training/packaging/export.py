"""Turn a trained network into a SavedModel: raw strings in, calibrated probabilities out, weights kept small.

The graph cleans, tokenises, encodes and calibrates by itself; TensorFlow Serving needs nothing beside it. Matrices are
stored as int8 with a scale for each column, pretrained word vectors as 4-bit numbers, and are widened
when a batch is scored: a file a quarter of the size, for one part in fifty of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.text.clean import rewrites_of
from models.training.config import Config
from models.training.networks.encoder import Encoder, EncoderShape
from models.training.networks.pretrained import BLOCK, FourBit, Pretrained, Vocabulary, proto, vocabulary_in
from models.training.networks.stacker import Stacker
from models.training.networks.stored import dense, stored
from models.training.networks.tokens import BEGIN, END, PAD
from models.training.networks.universal import Universal, UniversalShape

Pretraining = Encoder | Universal
"""A network that began with pretrained weights."""

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")
_LANGUAGES = tf.TensorSpec([None], tf.string, name="languages")
_KINDS = tf.TensorSpec([None], tf.string, name="kinds")
# What a core computes with stays near it; larger batches are slower.
_BATCH_TOKENS = 1024


class Served(tf.Module):  # type: ignore[misc]
    """What is packaged: a module from raw strings [n] to logits float32 [n, 3], and its calibration."""

    def __init__(self, reader: tf.Module, calibration: Calibration) -> None:
        super().__init__()
        self.reader = reader
        self._calibration = calibration
        # Of its own, so that both signatures call one copy of the graph.
        self._logits = tf.function(reader.__call__, input_signature=[_TEXTS])

    @tf.function(input_signature=[_TEXTS])  # type: ignore[untyped-decorator]
    def serve(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score raw strings [n]; ``probabilities`` is float32 [n, 3]."""
        return {"probabilities": tf.nn.softmax(self._logits(texts) / self._calibration.temperature)}

    @tf.function(input_signature=[_TEXTS, _LANGUAGES, _KINDS])  # type: ignore[untyped-decorator]
    def serve_with_context(self, texts: tf.Tensor, languages: tf.Tensor, kinds: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score raw strings [n] whose languages [n] and kinds [n] are known; unknown words there do no harm."""
        shifts = tf.zeros(tf.shape(texts))
        for kind, shift in self._calibration.neutral.items():
            shifts = tf.where(kinds == kind, tf.constant(shift, tf.float32), shifts)
        groups = tf.strings.join([languages, kinds], " ")
        temperatures = tf.fill(tf.shape(texts), tf.constant(self._calibration.temperature, tf.float32))
        for group, temperature in self._calibration.groups.items():
            temperatures = tf.where(groups == group, tf.constant(temperature, tf.float32), temperatures)
        toward_neutral = shifts[:, tf.newaxis] * tf.constant([float(label == "neutral") for label in LABELS])
        logits = self._logits(texts) / temperatures[:, tf.newaxis] + toward_neutral
        return {"probabilities": tf.nn.softmax(logits)}


def save(reader: tf.Module, calibration: Calibration, folder: Path) -> None:
    """Write a module from raw strings to logits as a SavedModel with both signatures."""
    served = Served(reader, calibration)
    signatures = {
        "serving_default": served.serve.get_concrete_function(),
        "with_context": served.serve_with_context.get_concrete_function(),
    }
    tf.saved_model.save(served, str(folder), signatures=signatures)
    # It differs from run to run, and nothing reads it.
    (folder / "fingerprint.pb").unlink(missing_ok=True)


class TokenReader(tf.Module):  # type: ignore[misc]
    """Cleans and tokenises raw strings, and hands the ids to a network whose weights are stored small.

    A text of more tokens than the network reads at once is cut in windows; its logits are their mean, weighted by
    their tokens. Memory grows with the longest text then, so split long texts by sentences before.
    """

    def __init__(self, vocabulary: Vocabulary, steps: Sequence[str], longest: int, encode: Stored) -> None:
        """``longest``: tokens of a window, marks of its ends included."""
        super().__init__()
        model = proto(vocabulary)
        # Tokenisers of one name are one in an artefact, whatever their vocabularies.
        self.tokenizer = tensorflow_text.SentencepieceTokenizer(model, name=f"pieces_{sha256(model).hexdigest()[:12]}")
        self.encode = encode
        self._rewrites = rewrites_of(steps)
        self._longest = longest

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Logits float32 [n, 3] of raw strings [n]."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
        for rewrite in self._rewrites:
            texts = tf.strings.regex_replace(texts, rewrite.pattern, rewrite.to)
        windows, owners = _windows(self.tokenizer.tokenize(texts), self._longest - 2)
        ends = tf.ones([windows.nrows(), 1], tf.int32)
        logits = _longest_first(tf.concat([BEGIN * ends, windows, END * ends], axis=1), self.encode.widened())
        sizes = tf.cast(windows.row_lengths() + 1, tf.float32)[:, tf.newaxis]
        return tf.math.segment_sum(logits * sizes, owners) / tf.math.segment_sum(sizes, owners)


class StackReader(tf.Module):  # type: ignore[misc]
    """Several readers of raw strings, and the stacker that makes one answer of theirs."""

    def __init__(self, members: Sequence[TokenReader], stacker: Stacker) -> None:
        super().__init__()
        self.members = list(members)
        self.kernel = tf.Variable(stacker.kernel, trainable=False)
        self.bias = tf.Variable(stacker.bias, trainable=False)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Logits float32 [n, 3] of raw strings [n]."""
        said = [tf.nn.log_softmax(member(texts)) for member in self.members]
        return tf.concat(said, axis=1) @ self.kernel + self.bias


def _windows(ids: tf.RaggedTensor, longest: int) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Cut rows of ids in windows of at most ``longest``, one at least each: the windows, and the row of each."""
    lengths = ids.row_lengths()
    counts = tf.maximum((lengths + longest - 1) // longest, 1)
    owners = tf.repeat(tf.range(tf.size(counts)), counts)
    number = tf.range(tf.size(owners, tf.int64)) - tf.gather(tf.cumsum(counts, exclusive=True), owners)
    left = tf.gather(lengths, owners) - number * longest
    return tf.RaggedTensor.from_row_lengths(ids.flat_values, tf.minimum(left, longest)), owners


def _longest_first(ids: tf.RaggedTensor, encode: EncodeIds) -> tf.Tensor:
    """Logits float32 [n, 3] of rows of ids, those of like length together: on mixed texts, a quarter of what is
    computed would be padding otherwise.
    """
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    ids, lengths = tf.gather(ids, order), tf.gather(lengths, order)
    parts = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[None, len(LABELS)], infer_shape=False)

    def read(start: tf.Tensor, number: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        end = start + tf.maximum(_BATCH_TOKENS // lengths[start], 1)
        return end, number + 1, parts.write(number, encode(ids[start:end].to_tensor(PAD)))

    _, _, parts = tf.while_loop(lambda start, *_: start < tf.size(order), read, (0, 0, parts), parallel_iterations=1)
    return tf.gather(parts.concat(), tf.math.invert_permutation(order))


EncodeIds = Callable[[tf.Tensor], tf.Tensor]
"""From ids int32 [n, length] to logits float32 [n, 3]."""


class Stored(Protocol):
    """A network whose weights are stored small; a tf.Module that owns what it needs."""

    def widened(self) -> EncodeIds:
        """The network with its weights as they are computed with, widened once for many batches."""
        ...


class StoredNetwork(tf.Module):  # type: ignore[misc]
    """Any Keras network over ids, its matrices as int8."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self._run = _untracked(network)
        self.weights = [stored(variable) for variable in network.variables if not _is_seed(variable)]

    def widened(self) -> EncodeIds:
        """The network with dense weights."""
        network = self._run()
        variables = [variable for variable in network.variables if not _is_seed(variable)]
        return _with_weights(variables, self.weights, lambda ids: network(ids, training=False))


class StoredEncoder(tf.Module):  # type: ignore[misc]
    """A pretrained network: word vectors as 4-bit numbers, of which only the batch's own are widened."""

    def __init__(self, network: Pretraining, words: FourBit) -> None:
        super().__init__()
        self._run = _untracked(network)
        self.pairs = tf.Variable(_pack(words.numbers), trainable=False)
        self.scales = tf.Variable(words.scales.astype(np.float16), trainable=False)
        if isinstance(network, Encoder):
            self.heads = tf.Variable(network.blocks[0].heads, trainable=False)
            self.inner = tf.Variable(network.blocks[0].inner.units, trainable=False)
        self.weights = [stored(variable) for variable in trained_weights(network)]

    def widened(self) -> EncodeIds:
        """The network with dense weights; of the word vectors only those of a batch are widened."""
        network = self._run()
        read = partial(network.encode, training=False)
        return _with_weights(trained_weights(network), self.weights, lambda ids: read(self._vectors(ids), ids))

    def _vectors(self, ids: tf.Tensor) -> tf.Tensor:
        """Word vectors float32 [n, length, width]."""
        pairs = tf.gather(self.pairs, ids)
        low = tf.bitwise.bitwise_and(pairs, tf.constant(15, tf.uint8))
        high = tf.bitwise.right_shift(pairs, tf.constant(4, tf.uint8))
        numbers = tf.cast(tf.concat([low, high], axis=-1), tf.float32) - 8.0
        scales = tf.repeat(tf.cast(tf.gather(self.scales, ids), tf.float32), BLOCK, axis=-1)
        return numbers * scales


def _with_weights(variables: Sequence[Any], weights: Sequence[Any], run: EncodeIds) -> EncodeIds:
    """``run`` with stored weights in the place of a network's variables."""
    wide = list(zip(variables, [weight.dense() for weight in weights], strict=True))

    def encode(ids: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope(state_mapping=wide):
            return run(ids)

    return encode


def round_weights(network: keras.Model, but: Sequence[Any] = ()) -> None:
    """Give a network the weights that it will have once it is stored, so that what is measured is what is packaged."""
    kept = {id(variable) for variable in but}
    for variable in network.variables:
        if id(variable) not in kept and not _is_seed(variable):
            variable.assign(stored(variable).dense())


def packaged_words(folder: Path) -> Pretrained:
    """The vocabulary and the word vectors that an artefact reads with."""
    stored = tf.saved_model.load(str(folder)).reader.encode
    words = FourBit(_unpack(stored.pairs.numpy()), stored.scales.numpy())
    heads = int(stored.heads) if hasattr(stored, "heads") else 1
    return Pretrained(words.numbers.shape[1], heads, _packaged_vocabulary(folder), words, {})


def open_encoder(folder: Path, pretrained: Pretrained, shape: EncoderShape, seed: int) -> Encoder:
    """The encoder of an artefact, of which ``pretrained`` are the words, ready to learn on."""
    stored = tf.saved_model.load(str(folder)).reader.encode
    encoder = Encoder(
        len(pretrained.vocabulary.pieces), pretrained.width, int(stored.inner), pretrained.heads, shape, seed
    )
    _give(encoder, pretrained, stored)
    return encoder


def open_universal(folder: Path, pretrained: Pretrained, shape: UniversalShape, seed: int) -> Universal:
    """The sentence encoder of an artefact, of which ``pretrained`` are the words, ready to learn on."""
    network = Universal(len(pretrained.vocabulary.pieces), pretrained.width, shape, seed)
    _give(network, pretrained, tf.saved_model.load(str(folder)).reader.encode)
    return network


def _give(network: Pretraining, pretrained: Pretrained, stored: Any) -> None:
    """Give a network the weights of an artefact."""
    network.words.assign(pretrained.words.dense())
    for variable, weight in zip(trained_weights(network), stored.weights, strict=True):
        variable.assign(dense(weight))


def _packaged_vocabulary(folder: Path) -> Vocabulary:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    nodes = (node for graph in saved.meta_graphs for node in graph.graph_def.node if node.op == "SentencepieceOp")
    return vocabulary_in(next(nodes).attr["model"].s)


def trained_weights(network: Pretraining) -> list[Any]:
    """The variables of a network but for its word vectors and its seeds, in an order that is always the same."""
    return [one for one in network.variables if one is not network.words and not _is_seed(one)]


def _pack(numbers: np.ndarray) -> np.ndarray:
    """Two 4-bit numbers a byte, the first half of a row in the low bits: uint8 [rows, columns / 2]."""
    half = numbers.shape[1] // 2
    return np.asarray(numbers[:, :half] | (numbers[:, half:] << 4), dtype=np.uint8)


def _unpack(pairs: np.ndarray) -> np.ndarray:
    """The inverse of ``_pack``."""
    return np.concatenate([pairs & 15, pairs >> 4], axis=1)


def _is_seed(variable: Any) -> bool:
    return "seed_generator" in str(variable.path)


def _untracked(network: keras.Model) -> Callable[[], Any]:
    """Hide a network from tf.Module, which would store its variables a second time."""
    return lambda: network


def save_sequence(
    network: keras.Model, vocabulary: Vocabulary, config: Config, folder: Path, calibration: Calibration
) -> None:
    """Package a network over token ids whose word vectors were learnt with it."""
    reader = TokenReader(vocabulary, config.text.steps, config.text.buckets[-1], StoredNetwork(network))
    save(reader, calibration, folder)


def save_encoder(
    network: Pretraining, pretrained: Pretrained, config: Config, folder: Path, calibration: Calibration
) -> None:
    """Package a pretrained network, whose word vectors are those of ``pretrained``."""
    save(encoder_reader(network, pretrained, config), calibration, folder)


def save_stack(readers: Sequence[TokenReader], stacker: Stacker, calibration: Calibration, folder: Path) -> None:
    """Package several networks and what joins them."""
    save(StackReader(readers, stacker), calibration, folder)


def encoder_reader(network: Pretraining, pretrained: Pretrained, config: Config) -> TokenReader:
    """Raw strings to the logits of a pretrained network."""
    stored = StoredEncoder(network, pretrained.words)
    return TokenReader(pretrained.vocabulary, config.text.steps, config.text.buckets[-1], stored)
