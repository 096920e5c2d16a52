"""How an artefact keeps arrays: large ones as int8 with a scale for each column, small ones as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_SMALL = 4096


class Whole(tf.Module):  # type: ignore[misc]
    """A small array kept as it is."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__()
        self.value = tf.Variable(value, trainable=False)

    def dense(self) -> tf.Tensor:
        """The array."""
        return tf.convert_to_tensor(self.value)


class Bytes(tf.Module):  # type: ignore[misc]
    """An array as int8, with a scale for each index of its last axis."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__()
        most = np.abs(value).max(axis=tuple(range(value.ndim - 1)))
        scale = np.where(most > 0, most / 127, 1).astype(np.float32)
        self.numbers = tf.Variable(np.rint(value / scale).astype(np.int8), trainable=False)
        self.scale = tf.Variable(scale, trainable=False)

    def dense(self) -> tf.Tensor:
        """The array as float32."""
        return tf.cast(self.numbers, tf.float32) * self.scale


def stored(variable: Any) -> Whole | Bytes:
    """Keep a matrix of many numbers as int8, everything else whole."""
    value = np.asarray(variable)
    return Bytes(value) if value.ndim > 1 and value.size > _SMALL else Whole(value)


def dense(weight: Any) -> np.ndarray:
    """A restored ``Bytes`` or ``Whole``, whole."""
    if hasattr(weight, "numbers"):
        return np.asarray(weight.numbers.numpy() * weight.scale.numpy(), np.float32)
    return np.asarray(weight.value.numpy())
