"""Texts that say the same: how a text is reduced to its words, and which texts are near duplicates of each other."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|@\w+")
_WORD = re.compile(r"[^\W_]+")
_PERMUTATIONS = 24
_ROWS_PER_BAND = 3
_SIMILAR = 0.6


def normalise(text: str) -> str:
    """Reduce a text to its words: lower case, no accents, addresses, mentions or punctuation."""
    plain = unicodedata.normalize("NFKD", html.unescape(text)).casefold()
    plain = _ADDRESS.sub(" ", "".join(char for char in plain if not unicodedata.combining(char)))
    return " ".join(_WORD.findall(plain))


def stable_fraction(text: str) -> float:
    """Map a text to a number in [0, 1) that is the same on every machine and in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def near_duplicate_groups(keys: Sequence[str]) -> np.ndarray:
    """Group normalised texts whose three-word shingles overlap by about 60 % or more.

    Returns:
        int64 [n]: for each text the position of the first text of its group.
    """
    signatures = _signatures(keys)
    parent = np.arange(len(keys))
    for start in range(0, _PERMUTATIONS, _ROWS_PER_BAND):
        seen: dict[bytes, int] = {}
        band = np.ascontiguousarray(signatures[:, start : start + _ROWS_PER_BAND])
        for index in range(len(keys)):
            first = seen.setdefault(band[index].tobytes(), index)
            if first != index and np.mean(signatures[first] == signatures[index]) >= _SIMILAR:
                _join(parent, first, index)
    return np.array([_root(parent, index) for index in range(len(keys))], dtype=np.int64)


def _signatures(keys: Sequence[str]) -> np.ndarray:
    """Return the min-hash signature of each text: uint64 [n, permutations]."""
    counts: list[int] = []
    hashes: list[int] = []
    known: dict[str, int] = {}
    for key in keys:
        shingles = set(_shingles(key.split()))
        counts.append(len(shingles))
        for shingle in sorted(shingles):
            if shingle not in known:
                known[shingle] = int(stable_fraction(shingle) * 2**62)
            hashes.append(known[shingle])
    values = np.array(hashes, dtype=np.uint64)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    random = np.random.default_rng(20260101)
    signatures = np.empty((len(keys), _PERMUTATIONS), dtype=np.uint64)
    for column in range(_PERMUTATIONS):
        factor = np.uint64(random.integers(1, 2**62) * 2 + 1)
        mixed = (values ^ (values >> np.uint64(29))) * factor
        signatures[:, column] = np.minimum.reduceat(mixed ^ (mixed >> np.uint64(32)), starts)
    return signatures


def _shingles(words: list[str]) -> Iterable[str]:
    if len(words) < 3:
        return [" ".join(words)]
    return (" ".join(words[start : start + 3]) for start in range(len(words) - 2))


def _root(parent: np.ndarray, index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = int(parent[index])
    return index


def _join(parent: np.ndarray, left: int, right: int) -> None:
    """Join two groups under the smaller position, so that a group is named by its first text."""
    first, second = sorted((_root(parent, left), _root(parent, right)))
    parent[second] = first
