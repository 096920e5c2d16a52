"""What stands behind a bridge: the topics, the words and the posts that moved a brand's mean between two periods.

What each did is told exactly, of every text of both periods, once a day. Which words are worth telling is known to
`jobs.report.words`, and found in a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.enrich.reading import exact_sum, of_brand, within
from jobs.enrich.voices import by_subject
from jobs.lake.query import Query
from jobs.report.compared import Bridge
from jobs.report.figures import Figures
from jobs.report.posts import LONGEST_TEXT, SAMPLE_LENGTH, Example, different, ignored
from jobs.report.words import distinctive, terms
from jobs.settings import Settings, Window
from jobs.statistics.bridge import Moved, split, split_within
from jobs.terms import Matcher

SAMPLE = 300
"""So many texts of each period tell which words are typical of it, drawn by the hash of the text."""
RAREST = 0.02
"""A word stands in this part of the texts of a period at least."""
CANDIDATES, WORDS, POSTS = 15, 8, 3
"""At most so many words of each period are weighed, so many told, and so many posts for each direction."""
LOOKED_AT = 30
"""Posts looked at for each direction, of which those that say again what another says are left out."""
ROUNDING = 1e-6
"""Posts that miss the change by more are others than those that were counted, and are not told."""


@dataclass(frozen=True)
class TopicStep:
    """What one topic (or theme, or None: neither) did within feeds and languages: by being talked about more or less
    there, and by its own mean. Over all topics they add up to what feeds and languages did by their own mood."""

    topic: str | None
    is_theme: bool
    mix: float
    within: float

    @property
    def effect(self) -> float:
        """Both together."""
        return self.mix + self.within


@dataclass(frozen=True)
class WordEffect:
    """A word or phrase, in how many texts it stands in both periods, and what these texts did to the change."""

    word: str
    texts_before: int
    texts: int
    effect: float


@dataclass(frozen=True)
class Influence:
    """A post that stands for all texts that say the same, of which `copies` were counted, what these did to the change,
    and whether the post is one of this period."""

    post: Example
    effect: float
    is_now: bool


@dataclass(frozen=True)
class Why:
    """The topics, words and posts that moved a mean, those first that moved it most."""

    topics: tuple[TopicStep, ...]
    words: tuple[WordEffect, ...]
    lowered: tuple[Influence, ...]
    lifted: tuple[Influence, ...]

    @property
    def influences(self) -> tuple[Influence, ...]:
        """Those that lowered the mean, then those that lifted it."""
        return self.lowered + self.lifted


def why(query: Query, settings: Settings, figures: Figures) -> Mapping[str, Why]:
    """What moved each brand that has a bridge, after `read_posts` and `make_voices` of both periods.

    A brand whose stored posts are not those that were counted (edited since, deleted) is left out.
    """
    periods = (figures.previous, figures.window)
    both = Window(start=figures.previous.start, end=figures.window.end)
    moved = {bridge.brand: _moved(query, bridge.brand, periods) for bridge in figures.bridges}
    told = [bridge for bridge in figures.bridges if _explains(moved[bridge.brand], bridge)]
    if not told:
        return {}
    words = {bridge.brand: _candidates(query, bridge.brand, periods, ignored(settings)) for bridge in told}
    _find(query, sorted({word for found in words.values() for word in found}), both)
    return {
        brand: Why(
            topics=_topics(query, brand, periods),
            words=_words(query, brand, periods, moved[brand], words[brand]),
            **_posts(query, brand, both, figures.window, moved[brand]),
        )
        for brand in (bridge.brand for bridge in told)
    }


_SUMS = f"count(*) AS texts, {exact_sum('polarity')} AS total"


def _counted(brand: str, window: Window) -> str:
    """A SQL condition on `item` that holds for the texts that the mean of `brand` in `window` is made of."""
    return f"once AND {of_brand(brand)} AND {within(window)}"


def _moved(query: Query, brand: str, periods: Sequence[Window]) -> Moved:
    rows = [query.rows(f"SELECT {_SUMS} FROM item WHERE {_counted(brand, period)}")[0] for period in periods]
    return Moved(*(float(row[name] or 0) for row in rows for name in ("texts", "total")))


def _explains(moved: Moved, bridge: Bridge) -> bool:
    ends = ((moved.mean_before, bridge.before), (moved.mean, bridge.after))
    return all(abs(mean - counted) < ROUNDING for mean, counted in ends)


def _topics(query: Query, brand: str, periods: Sequence[Window]) -> tuple[TopicStep, ...]:
    """What topics did within segments; nothing where no text has any."""
    rows = [by_subject(query, brand, period) for period in periods]
    subjects = sorted({_subject(row) for found in rows for row in found}, key=str)
    if not any(topic for topic, _ in subjects):
        return ()
    segments = sorted({(row["feed"], row["language"]) for found in rows for row in found})
    tables = [_table(found, name, segments, subjects) for found in rows for name in ("texts", "polarity")]
    mix, within_it = split_within(split(*(table.sum(axis=1) for table in tables)), *tables)
    sums = zip(subjects, mix.sum(axis=0), within_it.sum(axis=0), strict=True)
    steps = [TopicStep(*subject, float(grown), float(own)) for subject, grown, own in sums if grown or own]
    return tuple(sorted(steps, key=lambda step: -abs(step.effect)))


def _subject(row: Mapping[str, Any]) -> tuple[str | None, bool]:
    return row["topic"], row["is_theme"]


def _table(
    rows: Iterable[Mapping[str, Any]], name: str, segments: Sequence[Any], subjects: Sequence[Any]
) -> NDArray[np.float64]:
    table = np.zeros((len(segments), len(subjects)))
    for row in rows:
        table[segments.index((row["feed"], row["language"])), subjects.index(_subject(row))] += row[name]
    return table


def _candidates(query: Query, brand: str, periods: Sequence[Window], ignore: set[str]) -> list[str]:
    """Words much more frequent in one of the periods than in the other."""
    before, now = ([terms(text) for text in _sample(query, brand, period)] for period in periods)
    sides = ((before, now), (now, before))
    return sorted({word for here, there in sides for word in distinctive(here, there, ignore, CANDIDATES, RAREST)})


def _sample(query: Query, brand: str, period: Window) -> list[str]:
    rows = query.rows(f"""
        SELECT left(text, {SAMPLE_LENGTH}) AS text FROM post SEMI JOIN (
            SELECT published_date, feed, post_id FROM item WHERE {_counted(brand, period)}
            ORDER BY twin, published_date, feed, post_id LIMIT {SAMPLE}
        ) AS drawn USING (published_date, feed, post_id)
    """)
    return [row["text"] for row in rows]


@dataclass(frozen=True)
class Phrase:
    """A term to look for, as rules have it."""

    terms: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    near: None = None


def _find(query: Query, words: Sequence[str], window: Window) -> None:
    """Make the table `saying`: which of `words` stand in which counted posts of `window`, as a brand's terms do."""
    kinds = [("published_date", pa.date32()), ("feed", pa.string()), ("post_id", pa.string()), ("word", pa.string())]
    schema = pa.schema(kinds)
    found = pa.Table.from_batches(_said(query, words, window), schema) if words else schema.empty_table()
    query.connection.register("saying", found)


def _said(query: Query, words: Sequence[str], window: Window) -> Iterator[pa.RecordBatch]:
    matcher, named = Matcher([Phrase((word,)) for word in words]), pa.array(words, pa.string())
    keys = ("published_date", "feed", "post_id")
    texts = query.batches(f"""
        SELECT {", ".join(keys)}, text FROM post
        SEMI JOIN (FROM item WHERE once AND {within(window)}) AS counted USING ({", ".join(keys)})
    """)
    for batch in texts:
        found = matcher(batch.column("text"))
        columns = [batch.column(key).take(pa.array(found.text)) for key in keys]
        yield pa.RecordBatch.from_arrays([*columns, named.take(pa.array(found.rule))], [*keys, "word"])


def _words(
    query: Query, brand: str, periods: Sequence[Window], moved: Moved, words: Sequence[str]
) -> tuple[WordEffect, ...]:
    before, now = (_with_words(query, brand, period) for period in periods)
    effects = [
        WordEffect(word, n0, n1, float(moved.effect(n0, s0, n1, s1)))
        for word in words
        for (n0, s0), (n1, s1) in [(before.get(word, (0, 0.0)), now.get(word, (0, 0.0)))]
        if n0 or n1
    ]
    return tuple(sorted(effects, key=lambda one: (-abs(one.effect), one.word))[:WORDS])


def _with_words(query: Query, brand: str, period: Window) -> dict[str, tuple[int, float]]:
    """How many texts each word stands in, and the sum of their polarity."""
    rows = query.rows(f"""
        SELECT word, {_SUMS} FROM saying JOIN item USING (published_date, feed, post_id)
        WHERE {_counted(brand, period)} GROUP BY word
    """)
    return {row["word"]: (row["texts"], row["total"]) for row in rows}


def _posts(query: Query, brand: str, both: Window, window: Window, moved: Moved) -> dict[str, tuple[Influence, ...]]:
    """The texts that lowered and lifted the mean most; of those that say the same the newest post is shown."""
    now, before = (
        f"(coalesce({exact_sum('polarity', side)}, 0) - {moved.centre!r}::DOUBLE * count(*) FILTER ({side})) / {texts}"
        for side, texts in ((within(window), moved.texts), (f"NOT ({within(window)})", moved.texts_before))
    )
    rows = query.rows(f"""
        WITH said AS (
            SELECT twin, count(*) AS copies, {now} - {before} AS effect,
                max(struct_pack(published_date, feed, post_id)) AS newest
            FROM item WHERE {_counted(brand, both)} GROUP BY twin
            QUALIFY row_number() OVER (PARTITION BY effect > 0 ORDER BY round(abs(effect), 12) DESC, twin)
                <= {LOOKED_AT}
        )
        SELECT effect, published_date AS day, feed, post_id, language, polarity, copies, url,
            left(text, {LONGEST_TEXT}) AS text, length(text) > {LONGEST_TEXT} AS cut
        FROM said JOIN post ON post.published_date = newest.published_date AND post.feed = newest.feed
            AND post.post_id = newest.post_id
        ORDER BY round(abs(effect), 12) DESC, said.twin
    """)
    effects = [row.pop("effect") for row in rows]
    effect = dict(zip((Example(**row) for row in rows), effects, strict=True))
    sides = {
        "lowered": [post for post, size in effect.items() if size < 0],
        "lifted": [post for post, size in effect.items() if size > 0],
    }
    chosen = different(sides, POSTS)
    return {
        side: tuple(Influence(post, effect[post], post.day >= window.start) for post in posts)
        for side, posts in chosen.items()
    }
