"""Sentiment by a TensorFlow SavedModel that takes raw strings; TensorFlow is imported when one is opened."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from models.sentiment.contract import ArtifactError, Texts
from models.sentiment.packaged import Packaged


class SavedModel(Packaged):
    """A packaged SavedModel; ``loading.open_artifact`` gives one."""

    def __init__(self, folder: Path) -> None:
        """Check the files under ``folder`` and load the SavedModel; raises ArtifactError."""
        super().__init__(folder)
        self._saved = _load(folder)

    def _score(self, given: Texts) -> np.ndarray:
        import tensorflow as tf

        tensors = {"texts": tf.constant([text.encode("utf-8", "replace") for text in given.texts])}
        score = self._saved.signatures["serving_default"]
        if given.languages is not None and given.kinds is not None and "with_context" in self._saved.signatures:
            tensors |= {"languages": tf.constant(given.languages), "kinds": tf.constant(given.kinds)}
            score = self._saved.signatures["with_context"]
        probabilities: np.ndarray = score(**tensors)["probabilities"].numpy()
        return probabilities


def _load(folder: Path) -> Any:
    """The object of a SavedModel; it must outlive its functions."""
    # TensorFlow's oneDNN keeps something for each number of texts and their length, so memory grows with every batch.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import tensorflow as tf

    tf.load_op_library(_tokenizer())
    try:
        return tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ArtifactError(f"{folder} holds no SavedModel that this TensorFlow can read: {error}") from error


def _tokenizer() -> str:
    """The tokeniser's operations in TensorFlow Text: to import the package loads all of it, another 110 MB."""
    package = find_spec("tensorflow_text")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the package tensorflow-text is not installed")
    return str(Path(package.origin).with_name("python") / "ops" / "_sentencepiece_tokenizer.so")
