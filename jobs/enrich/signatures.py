"""What texts say, as numbers that can be compared: equal for the same words, nearly equal for nearly the same words.

The words of a text without addresses and names (@ana) count, in small letters and without accents. Two texts that
share a part J of their runs of words (Jaccard) agree in a part of about J of their signatures (MinHash: Broder 1997,
"On the resemblance and containment of documents", SEQUENCES; 16 bits of each minimum are kept: Li & König 2010,
"b-Bit Minwise Hashing", WWW).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.tokens import Flags, Keys, Positions, Tokens, key_of, mixed, tokens

RUN = 2
"""Words of a run. One other word among twelve leaves two texts alike by .69 with two, by .54 with three."""
HASHES, BAND = 64, 4
"""Numbers of a signature, and how many of them texts must share side by side to be compared at all."""
FEWEST_WORDS = 8
"""Shorter texts are alike by chance: of 12,010 reviews by different people a tenth of those of six words say what
another says, and fewer than one in a hundred of those of eight and more."""

_SEEDS = mixed(np.arange(1, HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
_RADIX = np.uint64(0xA0761D6478BD642F)

Signatures = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Signed:
    """Texts as numbers: `wording` int64 [texts], equal for the same words; `long` bool [texts], whether a text has
    words enough to be compared; `signature` uint16 [texts, HASHES], zeros where it has not."""

    wording: Positions
    long: Flags
    signature: Signatures


def signed(texts: pa.Array) -> Signed:
    """The numbers of `texts` (strings [texts])."""
    said = tokens(texts)
    spoken = np.flatnonzero(said.spoken)
    text, key = said.row[spoken], said.key[spoken]
    count = np.bincount(text, minlength=len(texts))
    long = count >= FEWEST_WORDS
    return Signed(_wordings(said, text, key, count), long, _signatures(text, key, long))


def alike(one: Signatures, other: Signatures) -> npt.NDArray[np.float64]:
    """float64 [texts]: about which part of their runs of words two texts share, from signatures [texts, HASHES]."""
    return np.asarray(np.mean(one == other, axis=1), np.float64)


def bands(signature: Signatures) -> Keys:
    """uint64 [texts, HASHES / BAND]: texts that are alike have at least one of them in common."""
    return np.ascontiguousarray(signature).view(np.uint64)


def _wordings(said: Tokens, text: Positions, key: Keys, count: Positions) -> Positions:
    """int64 [texts]: a hash of all spoken words in order; of everything in a text that has none."""
    place = np.arange(len(text)) - (np.cumsum(count) - count)[text]
    powers = np.multiply.accumulate(np.full(int(count.max(initial=0)) + 1, _RADIX))
    sums = np.concatenate([[np.uint64(0)], np.cumsum(key * powers[place], dtype=np.uint64)])
    ends = np.cumsum(count)
    wording = mixed(sums[ends] - sums[ends - count])
    for silent in np.flatnonzero(count == 0):
        wording[silent] = key_of(said.text(int(silent)))
    return wording.view(np.int64)


def _signatures(text: Positions, key: Keys, long: Flags) -> Signatures:
    """The least of HASHES hashes of all runs of words of each long text, 16 bits of it."""
    signature = np.zeros((len(long), HASHES), np.uint16)
    run = mixed(key[:-1] * _RADIX + key[1:])
    whole = np.flatnonzero((text[1:] == text[:-1]) & long[text[1:]])
    if not len(whole):
        return signature
    rows, first = np.unique(text[whole], return_index=True)
    run = run[whole]
    for place, seed in enumerate(_SEEDS):
        hashed = (run ^ seed) * seed
        least = np.minimum.reduceat(hashed ^ (hashed >> np.uint64(32)), first)
        signature[rows, place] = mixed(least) >> np.uint64(48)
    return signature
