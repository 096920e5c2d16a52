"""The encoder: what it starts from, what stays as it came, and that padding changes nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from models.training.config import Schedule
from models.training.networks.encoder import EncoderShape, from_pretrained
from models.training.networks.optimizer import optimizer_for
from models.training.networks.pretrained import Pretrained
from models.training.networks.tokens import pad

IDS = [[0, 8, 9, 2], [0, 12, 2], [0, 5, 6, 7, 9, 10, 2]]


@pytest.mark.parametrize(
    "shape", [EncoderShape(depth=2), EncoderShape(depth=1, filters=4), EncoderShape(depth=2, inner=16)]
)
def test_padding_changes_nothing(shape: EncoderShape, tiny_pretrained: Pretrained) -> None:
    network = from_pretrained(tiny_pretrained, shape, seed=1)
    short, long = (np.asarray(network(pad(IDS, length, 3))) for length in (8, 16))
    assert (short.shape, short.dtype) == ((3, 3), np.float32)
    np.testing.assert_allclose(short, long, atol=1e-5)


def test_the_seed_decides_the_head_and_the_pretrained_weights_all_else(tiny_pretrained: Pretrained) -> None:
    first, same, other = (from_pretrained(tiny_pretrained, EncoderShape(depth=2), seed) for seed in (1, 1, 2))
    for left, right in zip(first.weights, same.weights, strict=True):
        np.testing.assert_array_equal(left, right)
    differing = [
        left.path for left, right in zip(first.weights, other.weights, strict=True) if not np.array_equal(left, right)
    ]
    assert {path.split("/")[-2] for path in differing if "seed" not in path} == {"head"}


def test_word_vectors_and_frozen_layers_stay_as_they_came(tiny_pretrained: Pretrained) -> None:
    network = from_pretrained(tiny_pretrained, EncoderShape(depth=2, frozen=1), seed=1)
    network.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    parts = {"embedding": network.embedding, "first": network.blocks[0], "second": network.blocks[1]}
    before = {name: [np.array(weight) for weight in part.weights] for name, part in parts.items()}
    network.train_on_batch(pad(IDS, 8, 3), np.array([0, 1, 2]))
    same = {name: all(map(np.array_equal, before[name], part.weights)) for name, part in parts.items()}
    assert same == {"embedding": True, "first": True, "second": False}


def test_lower_layers_move_less(tiny_pretrained: Pretrained) -> None:
    network = from_pretrained(tiny_pretrained, EncoderShape(depth=2, dropout=0), seed=1)
    optimizer = optimizer_for(network, Schedule(rate=1e-3, layer_decay=0.1, decay=0))
    network.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    parts = [network.embedding.positions, *(block.inner.kernel for block in network.blocks), network.head.kernel]
    before = [np.array(part) for part in parts]
    network.train_on_batch(pad(IDS, 8, 3), np.array([0, 1, 2]))
    moved = [np.abs(np.array(part) - old).max() for part, old in zip(parts, before, strict=True)]
    np.testing.assert_allclose(moved, [1e-6, 1e-5, 1e-4, 1e-3], rtol=0.05)


def test_a_narrow_feed_forward_net_keeps_its_strongest_units(tiny_pretrained: Pretrained) -> None:
    tensors = dict(tiny_pretrained.tensors)
    tensors["l0.fi.w"] = np.where(np.arange(64)[:, None] % 4 == 1, 10, 1) * tensors["l0.fi.w"]
    strong = Pretrained(32, 2, tiny_pretrained.vocabulary, tiny_pretrained.words, tensors)
    block = from_pretrained(strong, EncoderShape(depth=1, inner=16), seed=1).blocks[0]
    np.testing.assert_allclose(np.asarray(block.inner.kernel), tensors["l0.fi.w"][1::4].T)
    np.testing.assert_allclose(np.asarray(block.outer.kernel), tensors["l0.fo.w"][:, 1::4].T)


def test_more_units_than_there_are_is_all_of_them(tiny_pretrained: Pretrained) -> None:
    assert from_pretrained(tiny_pretrained, EncoderShape(depth=1, inner=9_999), seed=1).blocks[0].inner.units == 64


@pytest.mark.parametrize("sizes", [{"depth": 13}, {"dropout": 1.0}, {"inner": 0}, {"colour": 1}])
def test_sizes_out_of_bounds_are_refused(sizes: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(sizes))):
        EncoderShape.model_validate(sizes)
