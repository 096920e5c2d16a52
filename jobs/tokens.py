"""Texts cut into words, all at once: arrays of positions and hashes instead of a list of strings a text.

A word is a run of letters, digits and underscores. It is compared folded: in small letters and without accents, one
character for one, by a table over all of Unicode. What is done with the words (terms, shingles, counts) lies with
those who use them.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Positions = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

OTHER, WORD, MARK, BLANK = range(4)
BLANKS = "\t\n\f\r "
IDEOGRAPHS = slice(0x20000, 0x323B0)
"""Letters all of them, none with a capital or an accent: they need no looking up one by one."""
MIXER = np.uint64(0x9E3779B97F4A7C15)
RADIX = np.uint64(0xD6E8FEB86659FD93)
UNRADIX = np.uint64(pow(int(RADIX), -1, 1 << 64))
"""The inverse of RADIX modulo 2 ** 64: it brings a part of a text to where it would be if it began there."""
POWERS_KEPT = 1 << 20
"""So many powers (8 MB) last for some thousand posts; those for long articles are not kept."""


@dataclass(frozen=True)
class Tokens:
    """The words of some texts, in order; `n` words, `c` characters of all texts together, accents dropped.

    `written` uint32 [c] are the characters as they stand and `kinds` uint8 [c] what they are; text `i` has those from
    `bounds[i]` to `bounds[i + 1]`. `start` and `end` int64 [n] are where each word lies in them, `row` int64 [n] the
    text that it is of, `prefixes` uint64 [c + 1] sums of salt * RADIX ** place: differences are those of parts.
    """

    written: npt.NDArray[np.uint32]
    kinds: npt.NDArray[np.uint8]
    bounds: Positions
    start: Positions
    end: Positions
    row: Positions
    prefixes: Keys

    @property
    def texts(self) -> int:
        """How many texts there are."""
        return len(self.bounds) - 1

    @cached_property
    def key(self) -> Keys:
        """uint64 [n]: a hash of each folded word, the same in every process."""
        return self.begins(self.start, self.end)

    @cached_property
    def count(self) -> Positions:
        """int64 [texts]: how many words each text has."""
        return np.bincount(self.row, minlength=self.texts).astype(np.int64)

    @cached_property
    def joined(self) -> Flags:
        """bool [n]: whether a word follows the one before it with nothing but blanks between them."""
        others = np.concatenate([[0], np.cumsum(self.kinds == OTHER)])
        joined = np.zeros(len(self.row), np.bool_)
        joined[1:] = (others[self.start[1:]] == others[self.end[:-1]]) & (self.row[1:] == self.row[:-1])
        return joined

    @cached_property
    def tagged(self) -> Flags:
        """bool [n]: whether a word is a hashtag."""
        return self._follows("#")

    @cached_property
    def spoken(self) -> Flags:
        """bool [n]: whether a word is neither part of an address nor somebody's name (@ana)."""
        blanks = np.concatenate([[0], np.cumsum(self.kinds == BLANK)])
        apart = np.ones(len(self.row), np.bool_)
        apart[1:] = (blanks[self.start[1:]] > blanks[self.end[:-1]]) | (self.row[1:] != self.row[:-1])
        run = np.cumsum(apart)
        address = np.isin(run, run[_address_keys().find(self.key)[0]])
        return np.asarray(~address & ~self._follows("@"))

    def _follows(self, mark: str) -> Flags:
        """bool [n]: whether `mark` stands right before a word."""
        before = self.written[np.maximum(self.start - 1, 0)]
        marked: Flags = (before == ord(mark)) & (self.start > self.bounds[self.row])
        return marked

    def begins(self, start: Positions, end: Positions) -> Keys:
        """uint64 [parts]: a hash of the folded characters from `start` to `end` (int64 [parts])."""
        return mixed((self.prefixes[end] - self.prefixes[start]) * _powers(UNRADIX, len(self.written))[start])

    def codes(self, places: Positions) -> npt.NDArray[np.uint32]:
        """uint32, as many as `places`: the folded characters that stand there."""
        return _tables()[0][self.written[places]]

    def word(self, place: int) -> str:
        """The folded word at `place`."""
        return self._decoded(self.start[place], self.end[place])

    def text(self, row: int) -> str:
        """The folded text at `row`."""
        return self._decoded(self.bounds[row], self.bounds[row + 1])

    def _decoded(self, start: int, end: int) -> str:
        return _tables()[0][self.written[start:end]].tobytes().decode("utf-32-le", "replace")


class KeySet:
    """A set of keys that says of many keys at once where they are in it."""

    def __init__(self, values: Iterable[int]) -> None:
        self.values: Keys = np.unique(np.fromiter(values, np.uint64))
        self._likely = np.zeros(1 << 16, np.bool_)
        self._likely[_slot(self.values)] = True

    def find(self, keys: Keys) -> tuple[Positions, Positions]:
        """Places in `keys` of those that are in the set, and their places in `values`: int64 [found] both."""
        likely = np.flatnonzero(self._likely[_slot(keys)])
        at = np.searchsorted(self.values, keys[likely])
        hit = self.values[np.minimum(at, len(self.values) - 1)] == keys[likely] if len(self.values) else at < 0
        return likely[hit], at[hit]


def tokens(texts: pa.Array) -> Tokens:
    """The words of `texts` (strings [texts], none of them null)."""
    _, kinds_of, salt = _tables()
    raw = np.frombuffer(_joined(texts).encode("utf-32-le"), np.uint32)
    bounds = np.concatenate([[0], np.cumsum(pc.utf8_length(texts).to_numpy(), dtype=np.int64)])
    kinds = kinds_of[raw]
    kept = kinds != MARK
    if not kept.all():
        bounds = np.concatenate([[0], np.cumsum(kept)])[bounds]
        raw, kinds = raw[kept], kinds[kept]
    inside = kinds == WORD
    edges = np.zeros(len(raw) + 1, np.bool_)
    edges[bounds] = True
    before = np.concatenate([[False], inside])
    start = np.flatnonzero(inside & (~before[:-1] | edges[:-1]))
    end = np.flatnonzero(before[1:] & (~np.concatenate([inside[1:], [False]]) | edges[1:])) + 1
    row = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(start, bounds)))
    return Tokens(raw, kinds, bounds, start, end, row, _prefixes(salt, raw))


def key_of(word: str) -> np.uint64:
    """The key that Tokens gives the folded `word`."""
    _, _, salt = _tables()
    codes = np.frombuffer(word.encode("utf-32-le"), np.uint32)
    return np.uint64(mixed(np.sum(salt[codes] * _powers(RADIX, len(codes)), dtype=np.uint64, keepdims=True))[0])


def mixed(values: Keys) -> Keys:
    """`values` (uint64, any shape) with every bit depending on all others (the end of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    ended: Keys = values ^ (values >> np.uint64(31))
    return ended


def _slot(keys: Keys) -> Keys:
    return (keys * MIXER) >> np.uint64(48)


def _joined(texts: pa.Array) -> str:
    """All texts as one, straight from Arrow's memory."""
    if not len(texts):
        return ""
    large = texts.cast(pa.large_string())
    _, offsets, characters = large.buffers()
    bounds = np.frombuffer(offsets, np.int64)[large.offset : large.offset + len(large) + 1]
    return str(memoryview(characters)[bounds[0] : bounds[-1]], "utf-8") if characters else ""


def _prefixes(salt: Keys, raw: npt.NDArray[np.uint32]) -> Keys:
    prefixes = np.zeros(len(raw) + 1, np.uint64)
    np.cumsum(salt[raw] * _powers(RADIX, len(raw)), out=prefixes[1:])
    return prefixes


def _powers(base: np.uint64, count: int) -> Keys:
    """uint64 [count]: `base` to the power of 0, 1, 2, ..., modulo 2 ** 64."""
    return _kept_powers(base)[:count] if count <= POWERS_KEPT else _new_powers(base, count)


@cache
def _kept_powers(base: np.uint64) -> Keys:
    return _new_powers(base, POWERS_KEPT)


def _new_powers(base: np.uint64, count: int) -> Keys:
    return np.multiply.accumulate(np.concatenate([[np.uint64(1)], np.full(count - 1, base)]))


@cache
def _address_keys() -> KeySet:
    return KeySet([int(key_of(word)) for word in ("http", "https", "www")])


@cache
def _tables() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8], Keys]:
    """Of every character: what it is folded to, what it is, and the random number that stands for the folded one."""
    fold = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    kinds = np.full(sys.maxunicode + 1, OTHER, np.uint8)
    kinds[IDEOGRAPHS] = WORD
    for code in range(IDEOGRAPHS.start):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cs":
            continue
        fold[code] = ord(_base(character))
        if category[0] in "LN" or character == "_":
            kinds[code] = WORD
        elif category[0] == "M":
            kinds[code] = MARK
    kinds[[ord(blank) for blank in BLANKS]] = BLANK
    return fold, kinds, mixed((fold.astype(np.uint64) + np.uint64(1)) * MIXER)


def _base(character: str) -> str:
    """The small letter without its accents; what has several letters (Hangul) stays."""
    small = character.lower()
    if len(small) == 1 and not unicodedata.decomposition(small):
        return small
    bare = [part for part in unicodedata.normalize("NFD", small) if unicodedata.category(part)[0] != "M"]
    return bare[0] if len(bare) == 1 else character
