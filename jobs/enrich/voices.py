"""Share of voice: how much of what is said is about which topic or theme, and how it sounds.

Nothing is written here. `make_voices` reads a period once, after `jobs.enrich.reading.read_posts`, and the other
functions ask what it made. A post may have several topics, so shares need not add up to one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.enrich.reading import FIGURES, exact_sum, of_brand, within
from jobs.lake.query import Query, sql_days
from jobs.settings import Window

SEGMENTS = ("topic", "theme", "published_date", "feed", "language")


@dataclass(frozen=True)
class TopicShare:
    """A topic or theme of a brand: its posts, their part of the brand's (0 to 1), its texts, and how they sound.

    `means` are those of the FIGURES over each text once.
    """

    name: str
    is_theme: bool
    posts: int
    share: float
    texts: int
    means: dict[str, float]


def make_voices(query: Query, days: Iterable[str]) -> None:
    """Make the table `voice`: what `item` has of `days`, with the list `topics` and the `theme` of every post."""
    days = list(days)
    query.read("topics", days)
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE voice AS
        SELECT item.*, coalesce(topics, []) AS topics, theme
        FROM item LEFT JOIN topics USING (published_date, feed, post_id) WHERE {sql_days(days)}
    """)


def tallies(query: Query, brand: str, window: Window, by: Sequence[str] = ("topic",)) -> list[dict[str, Any]]:
    """Counts and sums of the posts of `brand` in `voice` and `window`, a row for each combination of `by` (SEGMENTS).

    A row has `by`, `posts`, `texts` (each text once) and, over each text once, `{figure}_sum` and
    `{figure}_sum_squares` of the FIGURES. By topic, a post counts for each of its topics, and one without any for the
    topic None.
    """
    unknown = set(by) - set(SEGMENTS)
    if unknown:
        raise ValueError(f"nothing is tallied by {', '.join(sorted(unknown))}; there are {', '.join(SEGMENTS)}")
    topic = ", unnest(if(len(topics) = 0, [NULL], topics)) AS topic" if "topic" in by else ""
    sums = ", ".join(
        f"coalesce({exact_sum(value, of='once')}, 0) AS {figure}_{name}"
        for figure in FIGURES
        for name, value in (
            ("sum", figure), ("sum_squares", f"{figure}::DOUBLE * {figure}::DOUBLE"),
        )
    )  # fmt: skip
    columns = ", ".join(by) or "NULL AS everything"
    return query.rows(f"""
        SELECT {columns}, count(*) AS posts, count(*) FILTER (once) AS texts, {sums}
        FROM (SELECT *{topic} FROM voice WHERE {of_brand(brand)} AND {within(window)})
        GROUP BY {", ".join(by) or "ALL"} ORDER BY {", ".join(f"{name} NULLS LAST" for name in by) or "1"}
    """)


def by_subject(query: Query, brand: str, window: Window) -> list[dict[str, Any]]:
    """Each text of `brand` in `voice` once, shared out: feed, language, topic, `is_theme`, `texts`, and `polarity`, the
    sum over these.

    A text of several topics counts for each of them in equal parts, one of none for its theme, and one without either
    for the topic None; so the rows of a feed and language add up to all its texts.
    """
    rows = query.rows(f"""
        SELECT feed, language, topic, is_theme, parts, count(*) AS n, {exact_sum("polarity")} AS total
        FROM (
            SELECT *, len(topics) = 0 AND theme IS NOT NULL AS is_theme, greatest(len(topics), 1) AS parts,
                unnest(if(len(topics) = 0, [theme], topics)) AS topic
            FROM voice WHERE once AND {of_brand(brand)} AND {within(window)}
        ) GROUP BY ALL ORDER BY ALL
    """)
    return [
        {name: row[name] for name in ("feed", "language", "topic", "is_theme")}
        | {"texts": row["n"] / row["parts"], "polarity": row["total"] / row["parts"]}
        for row in rows
    ]


def voices(query: Query, brand: str, window: Window) -> tuple[TopicShare, ...]:
    """The topics of `brand` in `window`, then the themes found in its posts, those with most posts first."""
    (total,) = query.rows(f"SELECT count(*) AS posts FROM voice WHERE {of_brand(brand)} AND {within(window)}")
    found = [
        TopicShare(
            name=row[kind],
            is_theme=kind == "theme",
            posts=row["posts"],
            share=row["posts"] / total["posts"],
            texts=row["texts"],
            means={f: row[f"{f}_sum"] / row["texts"] if row["texts"] else math.nan for f in FIGURES},
        )
        for kind in ("topic", "theme")
        for row in tallies(query, brand, window, (kind,))
        if row[kind] is not None
    ]
    return tuple(sorted(found, key=lambda voice: (voice.is_theme, -voice.posts, voice.name)))
