"""Which texts say what was asked for: all terms of all brands or topics found in one pass over the words.

A term is found where its words stand in a row with nothing but blanks between them. A term with other marks ("c++",
"#aurora") is found where its words stand and the text agrees mark for mark. Inflected terms are compared by their
stems, in the language of the text; as hashtags they are found too ("#entregarapida" for "entrega rápida").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from jobs.stems import ENDINGS, stem_keys
from jobs.tokens import RADIX, Flags, Keys, KeySet, Positions, Tokens, tokens

NAMES, EXCLUDES, NEARS = range(3)


class Near(Protocol):
    """Terms of which one must stand close by."""

    @property
    def terms(self) -> Sequence[str]:
        """Any of them will do."""

    @property
    def within(self) -> int:
        """How many words further at most, 1 for the next word."""


class Rule(Protocol):
    """What a text must say."""

    @property
    def terms(self) -> Sequence[str]:
        """Any of them will do."""

    @property
    def exclude(self) -> Sequence[str]:
        """None of them may be anywhere in the text."""

    @property
    def near(self) -> Near | None:
        """What must stand close to the term, if anything."""


@dataclass(frozen=True)
class Found:
    """Which texts keep which rules: int64 [pairs] both, sorted by text and rule, no pair twice."""

    text: Positions
    rule: Positions


@dataclass(frozen=True)
class Form:
    """One way to write a term of a rule: the keys of its words.

    `pattern` is given where marks count, `tag` is set where it must be a hashtag.
    """

    rule: int
    role: int
    keys: tuple[int, ...]
    pattern: re.Pattern[str] | None = None
    tag: bool = False


class Chains:
    """Forms of `length` words each, found by one key for all of their words; `first` is the number of the first."""

    def __init__(self, forms: Sequence[Form], length: int, first: int) -> None:
        keys = np.array([form.keys for form in forms], np.uint64).reshape(len(forms), length)
        chain = np.zeros(len(forms), np.uint64)
        for word in keys.T:
            chain = _longer(chain, word)
        order = np.argsort(chain, kind="stable")
        self._keys = KeySet(chain.tolist())
        self._form = first + order
        self._begin = np.searchsorted(chain[order], self._keys.values)
        self._count = np.searchsorted(chain[order], self._keys.values, side="right") - self._begin

    def find(self, chain: Keys) -> tuple[Positions, Positions]:
        """Places in `chain` where forms may stand, and the numbers of these forms: int64 [found] both."""
        at, which = self._keys.find(chain)
        count = self._count[which]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(at, count), self._form[np.repeat(self._begin[which], count) + within]


def _longer(chain: Keys, keys: Keys) -> Keys:
    """The keys of as many words as `chain` has and one more, which is that of `keys`; a last word has none after it."""
    return chain[: len(keys)] * RADIX + keys


def _chains(forms: Sequence[Form]) -> Iterator[Chains]:
    """Those of one word, of two and so on, of `forms` sorted by how many they have."""
    first = 0
    for length in range(1, max((len(form.keys) for form in forms), default=0) + 1):
        some = [form for form in forms if len(form.keys) == length]
        yield Chains(some, length, first)
        first += len(some)


class Matcher:
    """Finds rules in texts; `inflected` ones by the stems of their words."""

    def __init__(self, rules: Sequence[Rule], inflected: bool = False) -> None:
        self._inflected = inflected
        self._within = np.array([rule.near.within if rule.near else -1 for rule in rules], np.int64)
        self._any_near = bool((self._within >= 0).any())
        forms = sorted(dict.fromkeys(_forms(rules, inflected)), key=lambda form: len(form.keys))
        self._forms = forms
        self._rule = np.array([form.rule for form in forms], np.int64)
        self._role = np.array([form.role for form in forms], np.int64)
        self._tag = np.array([form.tag for form in forms], np.bool_)
        self._marked = np.array([form.pattern is not None for form in forms], np.bool_)
        self._chains = list(_chains(forms))

    def __call__(self, texts: pa.Array, languages: pa.Array | None = None) -> Found:
        """Which of `texts` (strings [texts], no nulls) keep which rules; inflected ones need their `languages`."""
        words = tokens(texts)
        keys = stem_keys(words, languages) if self._inflected else words.key
        place, form = self._agreeing(words, keys)
        rule, role, text = self._rule[form], self._role[form], words.row[place]
        named = np.flatnonzero(role == NAMES)
        if self._any_near:
            named = named[self._is_close(words, rule, place, named, np.flatnonzero(role == NEARS))]
        kept = np.zeros((len(texts), len(self._within)), np.bool_)
        kept[text[named], rule[named]] = True
        kept[text[role == EXCLUDES], rule[role == EXCLUDES]] = False
        return Found(*np.nonzero(kept))

    def _agreeing(self, words: Tokens, keys: Keys) -> tuple[Positions, Positions]:
        """Where forms stand, as places of their first words, and which: words, gaps and marks all agree."""
        gaps = np.cumsum(~words.joined)
        places, forms = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        chain = keys
        for length, some in enumerate(self._chains, start=1):
            place, form = some.find(chain)
            last = place + length - 1
            agree = gaps[place] == gaps[last]
            agree |= self._marked[form] & (words.row[place] == words.row[last])
            agree &= ~self._tag[form] | words.tagged[place]
            places.append(place[agree])
            forms.append(form[agree])
            chain = _longer(chain, keys[length:])
        place, form = np.concatenate(places), np.concatenate(forms)
        kept = ~self._marked[form]
        for n in np.flatnonzero(~kept):
            kept[n] = self._says(words, words.row[place[n]], form[n])
        return place[kept], form[kept]

    def _says(self, words: Tokens, text: int, form: int) -> bool:
        pattern = self._forms[form].pattern
        return pattern is not None and pattern.search(words.text(text)) is not None

    def _is_close(self, words: Tokens, rule: Positions, place: Positions, named: Positions, near: Positions) -> Flags:
        """bool [named]: whether one of the terms `near`, of the same rule and text, stands close enough."""
        within = self._within[rule[named]]
        stride = len(words.row) + 1
        close = np.sort(rule[near] * stride + place[near])
        text = words.row[place[named]]
        first = np.maximum(place[named] - within, np.searchsorted(words.row, text))
        last = np.minimum(place[named] + within, np.searchsorted(words.row, text, side="right") - 1)
        offset = rule[named] * stride
        found = np.searchsorted(close, offset + first) < np.searchsorted(close, offset + last, side="right")
        return np.asarray(found | (within < 0))


def _forms(rules: Sequence[Rule], inflected: bool) -> Iterator[Form]:
    """Every way to write every term, all of them read at once."""
    asked = [
        (place, role, " ".join(term.split()))
        for place, rule in enumerate(rules)
        for role, terms in (
            (NAMES, rule.terms),
            (EXCLUDES, rule.exclude),
            (NEARS, rule.near.terms if rule.near else ()),
        )
        for term in terms
    ]
    words = tokens(pa.array([term for _, _, term in asked], pa.string()))
    every = [words.word(n) for n in range(len(words.row))]
    ends = np.cumsum(words.count).tolist()
    spans = list(zip([0, *ends], ends, strict=False))
    parts = [every[start:end] for start, end in spans]
    written = [words.text(n) for n in range(len(asked))]
    patterns = [None if text == " ".join(said) else _pattern(text) for text, said in zip(written, parts, strict=True)]
    joined = tokens(pa.array(["".join(said) for said in parts], pa.string()))
    for language in ("", *ENDINGS) if inflected else ("",):
        spoken = pa.array([language] * len(asked), pa.string())
        keys, tags = stem_keys(words, spoken).tolist(), stem_keys(joined, spoken).tolist()
        for n, ((rule, role, _), (start, end), pattern) in enumerate(zip(asked, spans, patterns, strict=True)):
            yield Form(rule, role, tuple(keys[start:end]), pattern)
            if inflected and pattern is None:
                yield Form(rule, role, (tags[n],), tag=True)


def _pattern(term: str) -> re.Pattern[str]:
    """The folded `term`, whole and mark for mark, whatever blanks stand in it."""
    written = r"[\t\n\f\r ]+".join(map(re.escape, term.split()))
    return re.compile(rf"(?<!\w){written}(?!\w)")
