"""Themes: what many posts turn out to be about, found every week in the posts of the weeks before.

A theme is a list of words with weights, found by a factorisation (NMF on TF-IDF, each text once). Themes of a new fit
that are like former ones keep their names, so that a theme can be followed from week to week. What was found is kept
in the table `themes` and never made anew: like the version of a model it is an input of what is made with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_contracts import schema
from jobs.lake.query import View, open_query
from jobs.lake.table import UNDATED, Amendment, File, Lake, Table, fingerprint
from jobs.lake.writer import write
from jobs.settings import Settings, Window
from jobs.tokens import Keys, KeySet, Tokens, key_of, tokens
from models.text.words import LISTED, stop_words

TABLE = "themes"
NO_THEMES = Path(__file__).with_name("no_themes.txt")
DAYS_BEFORE = 28
"""Themes are found in the posts of so many days before the week that they are looked for in."""
FEWEST_TEXTS, MOST_TEXTS = 200, 20_000
"""Fewer texts say too little; of more, so many are drawn by the hash of the text."""
VOCABULARY, WORDS_OF_THEME, WORDS_OF_NAME = 3_000, 40, 3
RAREST, MOST_COMMON = 0.001, 0.35
"""Parts of the texts that a word is in: rarer ones are of no theme, more common ones of all."""
FEWEST_USES = 4
SHORTEST_WORD = 3
ALIKE = 0.4
"""A theme is a former one when the cosine of their words is at least this."""
CLOSE = 0.35
"""A text is of a theme when the cosine of their words is at least this, and it has two of its words."""
COMMON_BEGINNING = 5
"""Words that begin with the same so many letters are one word in a name."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Themes:
    """The themes of one fit: `weights` float64 [words, themes] and `rarity` float64 [words] of folded `words`."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    weights: Floats
    rarity: Floats

    def closest(self, texts: pa.Array) -> pa.Array:
        """The name of the theme that each of `texts` (strings [texts]) is closest to, null where none is close."""
        said = tokens(texts)
        at, found = self._keys.find(said.key)
        text, word = np.divmod(np.unique(said.row[at] * len(self.words) + self._order[found]), len(self.words))
        if not len(text):
            return pa.nulls(len(texts), pa.string())
        rows, first = np.unique(text, return_index=True)
        shares = np.add.reduceat(self.weights[word] * self.rarity[word, None], first, axis=0)
        norm = np.sqrt(np.add.reduceat(self.rarity[word] ** 2, first))
        uses = np.add.reduceat((self.weights[word] > 0).astype(np.int64), first, axis=0)
        best = np.argmax(shares, axis=1)
        each = np.arange(len(rows))
        close = (shares[each, best] >= CLOSE * norm) & (uses[each, best] >= 2)
        theme = np.full(len(texts), -1)
        theme[rows[close]] = best[close]
        return pa.array(self.names, pa.string()).take(pa.array(theme, mask=theme < 0))

    def rows(self) -> Iterator[dict[str, Any]]:
        """The words of every theme, as the table has them."""
        for theme, name in enumerate(self.names):
            for word in np.flatnonzero(self.weights[:, theme]):
                weight, rarity = float(self.weights[word, theme]), float(self.rarity[word])
                yield {"theme": name, "word": self.words[word], "weight": weight, "rarity": rarity}

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Themes:
        """The themes that the `rows` of one fit say."""
        given = list(rows)
        names = tuple(sorted({row["theme"] for row in given}))
        rarity = {row["word"]: row["rarity"] for row in given}
        words = tuple(sorted(rarity))
        weights = np.zeros((len(words), len(names)))
        for row in given:
            weights[words.index(row["word"]), names.index(row["theme"])] = row["weight"]
        return cls(names, words, weights, np.array([rarity[word] for word in words]))

    @cached_property
    def _keys(self) -> KeySet:
        return KeySet(self._word_keys.tolist())

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self._word_keys)

    @cached_property
    def _word_keys(self) -> Keys:
        return np.array([key_of(word) for word in self.words], np.uint64)


def themes_file(view: View, day: str) -> File | None:
    """The file of the themes that are looked for on `day`: the newest found until then, else the first ones."""
    files = view.files(TABLE)
    until = [file for file in files if day == UNDATED or file.day <= day]
    return max(until, key=lambda file: file.day) if until else min(files, key=lambda file: file.day, default=None)


@lru_cache(maxsize=8)
def read_themes(lake: Lake, file: File) -> Themes:
    """The themes in `file`."""
    with open_query(lake) as query:
        query.view(TABLE, TABLE, [file])
        return Themes.of(query.rows(f"FROM {TABLE}"))


def fit_due(settings: Settings, days: Iterable[str]) -> list[str]:
    """Find the themes of every week of `days` that has none, where there are texts enough; returns those weeks.

    A week is named by its Monday. Weeks are taken in order, so that each can keep the names of the one before.
    """
    if not settings.themes:
        return []
    lake = Lake(settings.lake)
    weeks = sorted({_monday(day) for day in days if day != UNDATED} - {file.day for file in View(lake).files(TABLE)})
    return [week for week in weeks if _fitted(lake, settings, week)]


def _fitted(lake: Lake, settings: Settings, week: str) -> bool:
    """Find the themes of `week` and keep them, unless there are too few texts."""
    view = View(lake)
    file = themes_file(view, week)
    texts = _texts(view, week)
    if len(texts) < FEWEST_TEXTS:
        return False
    ignored = [term for brand in settings.brands for term in brand.terms]
    return keep_themes(lake, week, fit(texts, settings.themes, read_themes(lake, file) if file else None, ignored))


def keep_themes(lake: Lake, week: str, themes: Themes) -> bool:
    """Keep `themes` as those of `week`, unless there are some already; returns whether there are any to keep.

    Raises LakeError when others commit before us time and again.
    """
    rows = sorted(themes.rows(), key=lambda row: (row["theme"], row["word"]))
    if not rows:
        return False
    fitted = date.fromisoformat(week)
    batch = pa.RecordBatch.from_pylist([{**row, "fitted_date": fitted} for row in rows], schema(TABLE))
    made_from = fingerprint(*(tuple(row.values()) for row in rows))

    def kept(table: Table) -> Amendment | None:
        if any(file.day == week for file in table.files):
            return None
        add = write(lake, TABLE, {"fitted_date": week}, made_from, [batch])
        return Amendment(add, (), {"step": TABLE, "days": [week], "cause": "inputs"})

    lake.amend(TABLE, kept)
    return True


def _texts(view: View, week: str) -> pa.Array:
    """Texts of the days before `week`, each once, strings [texts], in the order of their hash."""
    monday = date.fromisoformat(week)
    window = Window(start=monday - timedelta(days=DAYS_BEFORE), end=monday - timedelta(days=1))
    with view.query() as query:
        query.read("posts", window.days)
        found = query.table(f"SELECT DISTINCT text FROM posts ORDER BY md5(text), text LIMIT {MOST_TEXTS}")
    return found.column("text").combine_chunks()


def fit(texts: pa.Array, count: int, former: Themes | None = None, ignored: Sequence[str] = ()) -> Themes:
    """At most `count` themes of `texts` (strings [texts], each once), those like `former` ones under their names.

    Words of the terms `ignored` are of no theme. The same texts in the same order give the same themes.
    """
    from sklearn.decomposition import NMF

    said = tokens(texts)
    words, uses = _counted(said, ignored)
    count = min(count, len(words), len(texts))
    if not count:
        return Themes((), (), np.zeros((0, 0)), np.zeros(0))
    rarity = np.log((1 + len(texts)) / (1 + uses.sum(axis=0))).A1 + 1
    weighted = uses.multiply(rarity).tocsr()
    norms = np.sqrt(weighted.multiply(weighted).sum(axis=1)).A1
    weighted = weighted[norms > 0].multiply(1 / norms[norms > 0][:, None]).tocsr()
    found = NMF(count, init="nndsvda", random_state=0, max_iter=400).fit(weighted).components_.T
    weights = _strongest(found)
    weights = weights[:, weights.any(axis=0)]
    names = _named(weights, words, former, lambda word: _spelled(texts, said, word))
    kept = np.flatnonzero(weights.any(axis=1))
    return Themes.of(Themes(names, tuple(words[n] for n in kept), weights[kept], rarity[kept]).rows())


def _counted(said: Tokens, ignored: Sequence[str]) -> tuple[list[str], Any]:
    """The words that themes can be made of, and a sparse matrix float64 [texts, words] of which text has which."""
    from scipy.sparse import csr_matrix

    long = said.spoken & (said.end - said.start >= SHORTEST_WORD)
    place = np.flatnonzero(long)
    _, first, word = np.unique(said.key[place], return_index=True, return_inverse=True)
    pairs = np.unique(said.row[place] * len(first) + word)
    text, word = np.divmod(pairs, max(len(first), 1))
    uses = np.bincount(word, minlength=len(first))
    fewest = max(FEWEST_USES, RAREST * said.texts)
    common = np.flatnonzero((uses >= fewest) & (uses <= MOST_COMMON * said.texts))
    common = common[np.argsort(-uses[common], kind="stable")]
    spelled = {int(n): said.word(int(place[first[n]])) for n in common[: 2 * VOCABULARY]}
    small = _small_words(ignored)
    kept = sorted((n for n, name in spelled.items() if name.isalpha() and name not in small), key=spelled.__getitem__)
    kept = sorted(sorted(kept, key=lambda n: -uses[n])[:VOCABULARY], key=spelled.__getitem__)
    column = np.full(len(first), -1)
    column[kept] = np.arange(len(kept))
    wanted = column[word] >= 0
    shape = (said.texts, len(kept))
    return [spelled[n] for n in kept], csr_matrix((np.ones(wanted.sum()), (text[wanted], column[word[wanted]])), shape)


def _small_words(ignored: Sequence[str]) -> set[str]:
    """Folded words that are of no theme."""
    listed = [line for line in NO_THEMES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    given = [*ignored, *listed, *(word for language in LISTED for word in stop_words(language))]
    said = tokens(pa.array(given, pa.string()))
    return {said.word(n) for n in range(len(said.row))}


def _strongest(weights: Floats) -> Floats:
    """`weights` [words, themes] of the strongest words of each theme alone, each theme of length 1."""
    kept = np.zeros_like(weights)
    for theme in range(weights.shape[1]):
        strongest = np.argsort(-weights[:, theme], kind="stable")[:WORDS_OF_THEME]
        kept[strongest, theme] = weights[strongest, theme]
    length = np.linalg.norm(kept, axis=0)
    return kept / np.where(length > 0, length, 1)


def _named(weights: Floats, words: Sequence[str], former: Themes | None, spelled: Any) -> tuple[str, ...]:
    """A name for each theme: that of the former theme that it is, else three of its words."""
    names = dict(_recognised(weights, words, former)) if former else {}
    for theme in range(weights.shape[1]):
        if theme not in names:
            taken = set(names.values()) | set(former.names if former else ())
            strongest = [words[n] for n in np.argsort(-weights[:, theme], kind="stable") if weights[n, theme] > 0]
            names[theme] = _new_name(strongest, taken, spelled)
    return tuple(names[theme] for theme in range(weights.shape[1]))


def _recognised(weights: Floats, words: Sequence[str], former: Themes) -> Iterator[tuple[int, str]]:
    """Themes that are former ones: the pairs whose cosines add up to most (Hungarian method), where alike enough."""
    from scipy.optimize import linear_sum_assignment

    place = {word: n for n, word in enumerate(former.words)}
    shared = [(n, place[word]) for n, word in enumerate(words) if word in place]
    here, there = ([pair[side] for pair in shared] for side in (0, 1))
    cosines = weights[here].T @ former.weights[there]
    for theme, known in zip(*linear_sum_assignment(-cosines), strict=True):
        if cosines[theme, known] >= ALIKE:
            yield int(theme), former.names[known]


def _new_name(strongest: Sequence[str], taken: set[str], spelled: Any) -> str:
    """Three of the strongest words of which none begins like another; others where that name is taken."""
    for skipped in range(len(strongest)):
        chosen: list[str] = []
        for word in strongest[skipped:]:
            if len(chosen) < WORDS_OF_NAME and all(not _begin_alike(word, other) for other in chosen):
                chosen.append(word)
        name = ", ".join(map(spelled, chosen))
        if name not in taken:
            return name
    return ", ".join(strongest[:WORDS_OF_NAME])


def _begin_alike(one: str, other: str) -> bool:
    return one[:COMMON_BEGINNING].startswith(other[:COMMON_BEGINNING]) or other.startswith(one[:COMMON_BEGINNING])


def _spelled(texts: pa.Array, said: Tokens, word: str) -> str:
    """How `texts` mostly spell the folded `word`, accents and all, in small letters."""
    rows = np.unique(said.row[said.key == key_of(word)])[:100]
    written = Counter(
        spelling for text in texts.take(pa.array(rows)).to_pylist() for spelling in re.findall(r"\w+", text.lower())
    )
    folded = tokens(pa.array(list(written), pa.string()))
    fitting = [spelling for n, spelling in enumerate(written) if folded.text(n) == word]
    return max(sorted(fitting), key=written.__getitem__, default=word)


def _monday(day: str) -> str:
    given = date.fromisoformat(day)
    return (given - timedelta(days=given.weekday())).isoformat()
