"""The posts behind the figures: examples of a period or a day, and the words that set a day apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from jobs.enrich.reading import of_brand, within
from jobs.lake.query import Query
from jobs.report.figures import Figures
from jobs.report.moves import Move
from jobs.report.words import distinctive, terms
from jobs.settings import Settings

LONGEST_TEXT = 4_000
"""A longer text is cut; its link leads to the rest."""

CANDIDATES = 30
"""Posts looked at for each group of examples."""

ALIKE = 0.6
"""Two texts that share this part of their words (Jaccard) say the same."""

SAMPLE_DAY, SAMPLE_PERIOD, SAMPLE_LENGTH = 500, 2_000, 1_000
"""Texts that words are counted in, drawn by the hash of the text (the same in every run), and characters of each."""


@dataclass(frozen=True)
class Example:
    """One post. `copies` counts the posts of that day with the same text."""

    day: date
    feed: str
    post_id: str
    language: str
    polarity: float
    copies: int
    text: str
    cut: bool
    url: str | None


@dataclass(frozen=True)
class Examples:
    """Posts of one brand and period, no text twice."""

    negative: tuple[Example, ...] = ()
    positive: tuple[Example, ...] = ()
    typical: tuple[Example, ...] = ()

    @property
    def all(self) -> tuple[Example, ...]:
        """The examples of all three groups."""
        return self.negative + self.positive + self.typical


@dataclass(frozen=True)
class Behind:
    """Examples of each brand over the period, and of each move with its words."""

    period: dict[str, Examples]
    moves: dict[Move, Examples]
    words: dict[Move, tuple[str, ...]]

    @property
    def posts(self) -> Iterator[Example]:
        """All examples, of which one post may be several."""
        for examples in (*self.period.values(), *self.moves.values()):
            yield from examples.all


def behind(query: Query, settings: Settings, figures: Figures) -> Behind:
    """The posts behind `figures`, from what `read_posts` made."""
    _mark(query, figures)
    mean = figures.brands.set_index("brand")["mean"]
    most: dict[str | Move, int] = {**dict.fromkeys(figures.names, 3), **dict.fromkeys(figures.moves, 2)}
    chosen: dict[str | Move, dict[str, list[str]]] = {}
    for place, name in enumerate(figures.names):
        chosen[name] = _candidates(query, f"b{place}", float(mean[name]))
    for move in figures.moves:
        place = figures.names.index(move.brand)
        chosen[move] = _candidates(query, f"b{place} AND day = DATE '{move.day}'", move.mean)
    texts = _read(query, [key for groups in chosen.values() for keys in groups.values() for key in keys])
    made = {
        scope: Examples(**different({name: [texts[key] for key in keys] for name, keys in groups.items()}, most[scope]))
        for scope, groups in chosen.items()
    }
    return Behind(
        period={name: made[name] for name in figures.names},
        moves={move: made[move] for move in figures.moves},
        words=_words(query, settings, figures),
    )


def _mark(query: Query, figures: Figures) -> None:
    """Make the table `marks`: one row per day and different text of the period, with a flag per brand."""
    flags = ", ".join(f"{of_brand(name)} AS b{place}" for place, name in enumerate(figures.names))
    query.connection.execute(
        f"""
        CREATE TEMP TABLE marks AS
        SELECT published_date AS day, feed, post_id, language, polarity, length BETWEEN 25 AND 600 AS readable, twin,
            {flags}, count(*) OVER (PARTITION BY twin, published_date) AS copies
        FROM item WHERE {within(figures.window)}
        QUALIFY row_number() OVER (PARTITION BY twin, published_date ORDER BY published_at, feed, post_id) = 1
        """
    )


def _candidates(query: Query, condition: str, mean: float) -> dict[str, list[str]]:
    """Keys of the most negative, most positive and most typical marks that meet `condition`, more than needed."""
    orders = {
        "negative": ("polarity < 0", "round(polarity, 2)"),
        "positive": ("polarity > 0", "-round(polarity, 2)"),
        "typical": ("readable", f"abs(polarity - ({0.0 if math.isnan(mean) else mean}))"),
    }
    return {
        group: [
            key
            for (key,) in query.connection.execute(
                f"SELECT {_KEY} FROM marks WHERE {condition} AND {wanted} "
                "QUALIFY row_number() OVER (PARTITION BY twin ORDER BY day, feed, post_id) = 1 "
                f"ORDER BY {order}, readable DESC, twin LIMIT {CANDIDATES}"
            ).fetchall()
        ]
        for group, (wanted, order) in orders.items()
    }


def different(groups: Mapping[str, Sequence[Example]], most: int) -> dict[str, tuple[Example, ...]]:
    """The first `most` of each group that do not say again what another already says."""
    told: list[frozenset[str]] = []
    chosen: dict[str, tuple[Example, ...]] = {}
    for group, examples in groups.items():
        fresh: list[Example] = []
        for example in examples:
            words = frozenset(re.findall(r"\w+", example.text.lower()))
            if len(fresh) < most and all(len(words & other) < ALIKE * len(words | other) for other in told):
                fresh.append(example)
                told.append(words)
        chosen[group] = tuple(fresh)
    return chosen


_KEY = "concat(feed, chr(31), post_id)"


def _read(query: Query, keys: Iterable[str]) -> dict[str, Example]:
    query.connection.register("chosen", pa.table({"key": pa.array(sorted(set(keys)), pa.string())}))
    rows = query.table(
        f"""
        SELECT {_KEY} AS key, marks.day, feed, post_id, marks.language, marks.polarity, copies, url,
               left(text, {LONGEST_TEXT}) AS text, length(text) > {LONGEST_TEXT} AS cut
        FROM post JOIN marks USING (feed, post_id)
        WHERE {_KEY} IN (SELECT key FROM chosen)
        """
    ).to_pylist()
    return {row.pop("key"): Example(**row) for row in rows}


def ignored(settings: Settings) -> set[str]:
    """The words of brands, which say nothing of why."""
    named = {word for brand in settings.brands for term in brand.terms for word in terms(term.lower())}
    return {word for term in named for word in term.split()}


def _words(query: Query, settings: Settings, figures: Figures) -> dict[Move, tuple[str, ...]]:
    ignore = ignored(settings)
    found: dict[Move, tuple[str, ...]] = {}
    for place, name in enumerate(figures.names):
        moves = [move for move in figures.moves if move.brand == name]
        if not moves:
            continue
        period = _sample(query, f"b{place}", SAMPLE_PERIOD)
        for move in moves:
            here = _sample(query, f"b{place} AND day = DATE '{move.day}'", SAMPLE_DAY)
            others = [words for day, words in period if day != move.day]
            found[move] = distinctive([words for _, words in here], others, ignore)
    return found


def _sample(query: Query, condition: str, most: int) -> list[tuple[date, frozenset[str]]]:
    rows = query.connection.execute(
        f"""
        SELECT day, left(text, {SAMPLE_LENGTH}) FROM post
        JOIN (
            SELECT feed, post_id, day, twin FROM marks WHERE {condition} ORDER BY twin, day LIMIT {most}
        ) AS marked USING (feed, post_id)
        ORDER BY marked.twin, day
        """
    ).fetchall()
    return [(day, terms(text)) for day, text in rows]
