"""The words that mattered: what the model went by in the posts that a page quotes.

The lake holds how each post was scored, not by which words. So where the settings want it, the posts are read again,
without each word in turn, by the very model that scored them, as long as it is packaged; nothing else of a report opens
a model. How a word is shown is for page and workbook.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

import pyarrow as pa

from jobs.lake.query import Query
from jobs.report.posts import Example
from jobs.settings import Settings
from models.sentiment import Mattered, artifact, load, words_that_mattered

log = logging.getLogger(__name__)

LONGEST, PARTS = 600, 128
"""Longer texts are left alone: of many sentences no one word decides. Of more words than this neighbours are one."""

READINGS = 4_000
"""So often a text is read for one page at most; the posts of unusual days and of why means moved are left out first."""

LEAST, MOST = 0.5, 5
"""A word is told whose evidence is as strong, and so many of a text, the strongest."""

STANDS_OUT = 2
"""It is so many times as strong as half of the words at least. Where any other would do as well, the model was at an
edge: one word less, and it is surer, or another of its readers reads."""

Words = Mapping[tuple[str, str], tuple[Mattered, ...]]
"""By feed and post_id, in the order of the text. Places are characters of the stored text."""


def mattered(query: Query, settings: Settings, posts: Iterable[Example]) -> Words:
    """The words that mattered in `posts`, the most important first, which `read_posts` made.

    Posts whose model is no longer packaged have none. Raises ArtifactError when it is damaged.
    """
    if not settings.report.mark_words:
        return {}
    found: dict[tuple[str, str], tuple[Mattered, ...]] = {}
    quoted = sorted(_afforded(_asked(query, posts)), key=itemgetter("model_version"))
    for version, rows in groupby(quoted, itemgetter("model_version")):
        if model := artifact.packaged_as(version, settings.scoring.model):
            found |= _told(str(model), list(rows))
        else:
            log.info("%s is not packaged any more: in posts that it scored no words are marked", version)
    return found


def _asked(query: Query, posts: Iterable[Example]) -> list[dict[str, str]]:
    """Those of `posts` with a score and few characters, in their order."""
    places = {key: place for place, key in enumerate(dict.fromkeys((post.feed, post.post_id) for post in posts))}
    feeds, post_ids = zip(*places, strict=True) if places else ((), ())
    query.connection.register(
        "quoted", pa.table({"feed": pa.array(feeds, pa.string()), "post_id": pa.array(post_ids, pa.string())})
    )
    rows = query.rows(f"""
        SELECT model_version, feed, post_id, text, language, kind FROM post SEMI JOIN quoted USING (feed, post_id)
        WHERE polarity IS NOT NULL AND length(text) <= {LONGEST}
    """)
    return sorted(rows, key=lambda row: places[row["feed"], row["post_id"]])


def _afforded(rows: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """The first of `rows`, as far as READINGS reach."""
    left = READINGS
    for row in rows:
        left -= 1 + min(PARTS, len(row["text"].split()))
        if left < 0:
            return
        yield row


def _told(model: str, rows: list[dict[str, str]]) -> Words:
    log.info("reading %d posts anew, without each of their words in turn", len(rows))
    texts, languages, kinds = ([row[column] for row in rows] for column in ("text", "language", "kind"))
    told = words_that_mattered(load(model), texts, languages, kinds, PARTS)
    return {(row["feed"], row["post_id"]): strongest(words) for row, words in zip(rows, told, strict=True)}


def strongest(words: Sequence[Mattered]) -> tuple[Mattered, ...]:
    """Those of the `words` of one text that are worth telling, in their order; an only word is, if it is strong."""
    rounded = [word._replace(evidence=round(word.evidence, 3)) for word in words]  # the same on every processor
    sizes = sorted(abs(word.evidence) for word in rounded)
    usual = sizes[(len(sizes) - 1) // 2] if len(sizes) > 1 else 0
    strong = [word for word in rounded if abs(word.evidence) >= max(LEAST, STANDS_OUT * usual)]
    chosen = sorted(strong, key=lambda word: -abs(word.evidence))[:MOST]
    return tuple(sorted(chosen, key=attrgetter("begin")))
