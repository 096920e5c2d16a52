"""Inflection folded: words by the keys of their stems, in the language of the text, all words at once.

Endings of number, gender, person and tense are cut off, the longest that leaves enough of the word, as light stemmers
do (Savoy 2006, "Light stemming approaches for the French, Portuguese, German and Hungarian languages", SAC). Snowball
in Python stems 8,000 posts a second with all their words; the hashes of stems that are cut off cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tokens import Keys, KeySet, Positions, Tokens, mixed

ENDINGS = {
    "pt": """
        a o e as os es ao oes aes s
        ar er ir ando endo indo ado ada ados adas ido ida idos idas
        ei ou eu iu am em aram eram iram ava avam ia iam amos emos imos
        ara era ira arao erao irao aria eria iria ariam eriam iriam asse esse isse assem essem issem
        acao acoes mente amente amento amentos imento imentos
    """,
    "es": """
        a o e as os es s
        ar er ir ando iendo ado ada ados adas ido ida idos idas
        e io aron ieron aba aban ia ian amos emos imos an en
        ara era ira aran eran iran aria eria iria arian erian irian ase iese asen iesen
        acion aciones mente amente amiento amientos imiento imientos
    """,
    "en": """
        s es e ed ing ings y ies ied
        bbed bbing dded dding gged gging mmed mming nned nning pped pping rred rring tted tting
    """,
}
"""Endings in folded letters. Of doubled consonants the second goes with the ending ("shipping", "ship")."""
SHORTEST = 3
"""So many letters of a word are left at least."""
SHORTEST_OF_VOWELS = 4
"""One more where hardly anything but a vowel goes, and in English: "caso" is not "casa", "cared" is not "car"."""
LETTER_BITS = np.uint64(8)
NO_LETTER = np.uint64(0xFF)


@dataclass(frozen=True)
class Endings:
    """The endings of a language that have one length: packed letters, how many go, and how many must be left."""

    length: int
    known: KeySet
    cut: Positions
    least: Positions


def stem_keys(words: Tokens, languages: pa.Array) -> Keys:
    """uint64 [n]: the key of each word's stem; of the word itself where `languages` [texts] has none of ENDINGS."""
    named = pc.fill_null(pc.index_in(languages, pa.array(list(ENDINGS))), -1).to_numpy(zero_copy_only=False)
    language = named[words.row]
    every = pa.array(words.key ^ mixed(language.astype(np.uint64))).dictionary_encode()
    alike: Positions = every.indices.to_numpy()
    one = np.empty(len(every.dictionary), np.int64)
    one[alike] = np.arange(len(alike))
    stems: Keys = _stems(words, one, language[one])[alike]
    return stems


def _stems(words: Tokens, places: Positions, language: Positions) -> Keys:
    """uint64 [places]: the key of the stem of the word at each place."""
    start, end = words.start[places], words.end[places]
    for number, name in enumerate(ENDINGS):
        own = np.flatnonzero((language == number) & (end - start > SHORTEST))
        if len(own):
            end[own] -= _cut(words, start[own], end[own], _endings(name))
    return words.begins(start, end)


def _cut(words: Tokens, start: Positions, end: Positions, endings: Iterable[Endings]) -> Positions:
    """int64 [words]: how many letters go of the words from `start` to `end`."""
    length = end - start
    cut = np.zeros(len(end), np.int64)
    packed = np.zeros(len(end), np.uint64)
    for some in endings:
        codes = words.codes(np.maximum(end - some.length, 0)).astype(np.uint64)
        shift = LETTER_BITS * np.uint64(some.length - 1)
        packed |= np.where(codes < NO_LETTER, codes, NO_LETTER) << shift
        found, which = some.known.find(packed)
        fits = length[found] - some.cut[which] >= some.least[which]
        cut[found[fits]] = some.cut[which[fits]]
    return cut


@cache
def _endings(language: str) -> tuple[Endings, ...]:
    """The endings of `language`, one for each length from 1 on, the longest last."""
    every = sorted(set(ENDINGS[language].split()))
    made = []
    for length in range(1, max(map(len, every)) + 1):
        some = {_packed(ending): ending for ending in every if len(ending) == length}
        known = KeySet(list(some))
        ordered = [some[int(key)] for key in known.values]
        cut = [length - (length > 2 and ending[0] == ending[1]) for ending in ordered]
        least = [_least(language, ending) for ending in ordered]
        made.append(Endings(length, known, np.array(cut, np.int64), np.array(least, np.int64)))
    return tuple(made)


def _least(language: str, ending: str) -> int:
    if ending == "s":
        return SHORTEST
    vowel = ending.removesuffix("s") in ("a", "e", "o")
    return SHORTEST_OF_VOWELS if vowel or language == "en" else SHORTEST


def _packed(ending: str) -> int:
    return int.from_bytes(ending[::-1].encode("ascii"), "little")
