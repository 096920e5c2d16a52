"""The words that mattered: what the model went by in the posts that a page quotes.

The lake holds how each post was scored, not by which words. So the posts are read again, without each word in turn, by
the very model that scored them, as long as it is packaged; nothing else of a report opens a model. How a word is shown
is for page and workbook.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import pyarrow as pa

from jobs.lake.query import Query
from jobs.report.posts import Example
from jobs.settings import Settings
from models.sentiment import Mattered, available, load, version, words_that_mattered

log = logging.getLogger(__name__)

LONGEST, PARTS = 600, 40
"""Longer texts are left alone: of many sentences no one word decides. A text is read without so many parts at most."""

LEAST, MOST = 0.5, 5
"""A word is told whose evidence is as strong, and so many of a text, the strongest."""

STANDS_OUT = 2
"""It is so many times as strong as half of the words at least. Where any other would do as well, the model was at an
edge: one word less, and it is surer, or another of its readers reads."""

Words = Mapping[tuple[str, str], tuple[Mattered, ...]]
"""By feed and post_id, in the order of the text. Places are characters of the stored text."""


def mattered(query: Query, settings: Settings, posts: Iterable[Example]) -> Words:
    """The words that mattered in `posts`, which `read_posts` made, of those whose model is still packaged.

    Raises ArtifactError when that is damaged.
    """
    if not settings.report.mark_words:
        return {}
    packaged = _packaged(settings)
    found: dict[tuple[str, str], tuple[Mattered, ...]] = {}
    for scored_by, rows in groupby(_asked(query, posts), itemgetter("model_version")):
        if scored_by in packaged:
            found |= _told(packaged[scored_by], list(rows))
        else:
            log.info("%s is not packaged any more: in posts that it scored no words are marked", scored_by)
    return found


def _packaged(settings: Settings) -> dict[str, str]:
    """What models are loaded by, by the version that scored posts keep of them."""
    own = [settings.scoring.model] if "/" in settings.scoring.model else []
    return {version(name): name for name in (*available(), *own)}


def _asked(query: Query, posts: Iterable[Example]) -> list[dict[str, str]]:
    """Those of `posts` with a score and few characters, ordered by the model that gave it."""
    keys = sorted({(post.feed, post.post_id) for post in posts})
    feeds, post_ids = zip(*keys, strict=True) if keys else ((), ())
    query.connection.register(
        "quoted", pa.table({"feed": pa.array(feeds, pa.string()), "post_id": pa.array(post_ids, pa.string())})
    )
    return query.rows(f"""
        SELECT model_version, feed, post_id, text, language, kind FROM post SEMI JOIN quoted USING (feed, post_id)
        WHERE polarity IS NOT NULL AND length(text) <= {LONGEST} ORDER BY model_version, feed, post_id
    """)


def _told(name: str, rows: list[dict[str, str]]) -> Words:
    log.info("reading %d posts anew, without each of their words in turn", len(rows))
    texts, languages, kinds = ([row[column] for row in rows] for column in ("text", "language", "kind"))
    told = words_that_mattered(load(name), texts, languages, kinds, PARTS)
    return {(row["feed"], row["post_id"]): strongest(words) for row, words in zip(rows, told, strict=True)}


def strongest(words: Sequence[Mattered]) -> tuple[Mattered, ...]:
    """Those of the `words` of one text that are worth telling, in their order."""
    sizes = sorted(abs(word.evidence) for word in words)
    least = max(LEAST, STANDS_OUT * sizes[(len(sizes) - 1) // 2]) if sizes else LEAST
    strong = sorted((word for word in words if abs(word.evidence) >= least), key=lambda word: -abs(word.evidence))
    return tuple(sorted(strong[:MOST]))
