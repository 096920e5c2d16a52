"""The pretrained encoder: what the installed package holds is read as it is meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from models.training.networks.encoder import EncoderShape, from_pretrained
from models.training.networks.pretrained import (
    SPECIAL,
    FourBit,
    Pretrained,
    PretrainedError,
    find,
    proto,
    prune,
    read,
    used_pieces,
    vocabulary_in,
)
from models.training.networks.tokens import Tokenizer, pad, with_ends

PAIRS = [
    ("The coffee arrived cold and late.", "O café chegou frio e atrasado."),
    ("The central bank raised interest rates.", "O banco central aumentou os juros."),
    ("My dog loves to swim in the sea.", "Meu cachorro adora nadar no mar."),
    ("The phone's battery lasts two days.", "A bateria do telefone dura dois dias."),
]
TEXTS = [text for pair in PAIRS for text in pair]


@pytest.fixture(scope="module")
def whole() -> Pretrained:
    return read(find())


@pytest.fixture(scope="module")
def pruned(whole: Pretrained) -> Pretrained:
    return prune(whole, used_pieces(whole.vocabulary, TEXTS))


def encode(model: Pretrained, texts: list[str]) -> list[list[int]]:
    return Tokenizer(model.vocabulary, str).encode(texts)


def test_it_has_the_published_sizes(whole: Pretrained) -> None:
    assert (whole.width, whole.heads) == (384, 12)
    assert whole.vocabulary.pieces[:SPECIAL] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert len(whole.vocabulary.pieces) == 250_002
    assert whole.words.numbers.shape == (250_037, 384)  # the last ones have no piece
    assert whole.tensors["l11.fi.w"].shape == (1536, 384)


def test_a_sentence_is_nearest_to_its_translation(pruned: Pretrained) -> None:
    network = from_pretrained(pruned, EncoderShape(), seed=1)
    network.head.set_weights([np.eye(384, 3, dtype=np.float32), np.zeros(3, np.float32)])
    ids = [with_ends(one) for one in encode(pruned, [f"query: {text}" for text in TEXTS])]
    network.head = lambda vectors: vectors  # the mean of the tokens itself
    vectors = np.asarray(network(pad(ids, 32, len(ids))))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    english, portuguese = vectors[::2], vectors[1::2]
    assert (english @ portuguese.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_pruning_changes_no_piece_of_the_texts_it_was_made_for(whole: Pretrained, pruned: Pretrained) -> None:
    assert len(pruned.vocabulary.pieces) < 4_000
    for model_ids, pruned_ids in zip(encode(whole, TEXTS), encode(pruned, TEXTS), strict=True):
        pieces = [whole.vocabulary.pieces[one] for one in model_ids]
        assert [pruned.vocabulary.pieces[one] for one in pruned_ids] == pieces
        np.testing.assert_array_equal(whole.words.numbers[model_ids], pruned.words.numbers[pruned_ids])


def test_signs_and_emoji_stay_whatever_the_texts_hold(pruned: Pretrained) -> None:
    unknown = pruned.vocabulary.pieces.index("<unk>")
    for ids in encode(pruned, ["#café @ana _x_ 😀 👍 ❤ ñ ç"]):
        assert unknown not in ids


def test_the_most_frequent_pieces_are_kept(whole: Pretrained) -> None:
    few, more = (used_pieces(whole.vocabulary, ["bom bom bom ruim"], most) for most in (1, None))
    assert set(few) < set(more)
    assert whole.vocabulary.pieces.index("▁bom") in few


def test_a_vocabulary_survives_its_serialisation(pruned: Pretrained) -> None:
    model = proto(pruned.vocabulary)
    again = vocabulary_in(model)
    assert again.pieces == pruned.vocabulary.pieces
    np.testing.assert_array_equal(again.scores, pruned.vocabulary.scores)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    assert (processor.bos_id(), processor.pad_id(), processor.eos_id(), processor.unk_id()) == (0, 1, 2, 3)


def test_four_bits_come_near_and_give_themselves_back() -> None:
    matrix = np.random.default_rng(0).normal(0, 1, (50, 64)).astype(np.float32)
    four = FourBit.of(matrix)
    assert (four.numbers.max(), four.numbers.dtype, four.scales.shape) == (15, np.uint8, (50, 2))
    farthest = np.abs(matrix).reshape(50, 2, 32).max(axis=2).repeat(32, axis=1)
    assert (np.abs(four.dense() - matrix) < 0.13 * farthest).all()
    np.testing.assert_allclose(FourBit.of(four.dense()).dense(), four.dense(), rtol=1e-3)
    assert not FourBit.of(np.zeros((2, 32), np.float32)).dense().any()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(PretrainedError, match=r"weights\.bin does not begin with E5S1"):
        read(path)
