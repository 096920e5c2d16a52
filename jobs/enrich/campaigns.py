"""Campaigns: clusters of posts that say the same, what they do to the figures of a brand, and who writes most.

Nothing is written here. `make_members` reads a period once, after `jobs.enrich.reading.read_posts`, and the other
functions ask what it made: one brand at a time, all posts and each text once counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.enrich.reading import exact_sum, of_brand
from jobs.lake.query import Query, sql_days, sql_text
from jobs.settings import Settings

FEWEST_POSTS = 3
"""So many posts that say the same are told as a campaign."""
LONGEST_TEXT = 600
NAME = "left(md5(concat(feed, chr(31), post_id)), 16)"
"""What jobs.enrich.twins.cluster_name gives, in SQL."""


@dataclass(frozen=True)
class Effect:
    """A mean polarity over `n` posts or texts, and what it is `without` some of them, over the other `n_without`."""

    mean: float
    n: int
    without: float
    n_without: int

    @property
    def moved(self) -> float:
        """By how much the mean moves without them; NaN where nothing else is left."""
        return self.without - self.mean


@dataclass(frozen=True)
class Author:
    """Somebody by pseudonym, how many posts are theirs, and which part of all posts that is (0 to 1)."""

    author: str
    posts: int
    share: float


@dataclass(frozen=True)
class Authors:
    """Who wrote the posts: how many there are, of how many an author is known, how many authors, the busiest first."""

    posts: int
    known: int
    authors: int
    top: tuple[Author, ...]


@dataclass(frozen=True)
class Campaign:
    """Posts that say the same: how many, in how many wordings, of how many authors, and where and when.

    `share` is their part of the brand's posts (0 to 1), `mean` their own mean polarity, `example` the first of them.
    `by_text` is what they do to the mean over each text once, `by_post` to that over all posts.
    """

    cluster: str
    posts: int
    texts: int
    authors: int
    share: float
    first_day: date
    last_day: date
    feeds: tuple[str, ...]
    example: str
    mean: float
    by_text: Effect
    by_post: Effect
    top: tuple[Author, ...]


@dataclass(frozen=True)
class Repeated:
    """How many posts there are, in how many wordings, and how many of the posts are of campaigns."""

    posts: int
    texts: int
    of_campaigns: int


def make_members(query: Query, settings: Settings, days: Iterable[str]) -> None:
    """Make the table `member`: what `item` has of `days`, with wording, cluster and author of every post.

    Clusters that share a wording or a first post are one, named as the earliest of them. To see that, the days before
    that the first days look back on are read, too.
    """
    asked = sorted(set(days))
    query.read("posts", asked)
    query.read("twins", [*_before(asked, settings.twins.days - 1), *asked])
    query.connection.register("joined", _joined(query))
    # One join with many rows a statement: what a statement joins to must lie in memory at once.
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE written AS
        SELECT published_date, published_at, feed, post_id, polarity, once, named, author
        FROM item LEFT JOIN (SELECT published_date, feed, post_id, author FROM posts)
        USING (published_date, feed, post_id) WHERE {sql_days(asked)}
    """)
    query.connection.execute("""
        CREATE OR REPLACE TEMP TABLE member AS
        SELECT written.*, wording, coalesce(joined.campaign, twins.cluster) AS cluster
        FROM written LEFT JOIN twins USING (published_date, feed, post_id) LEFT JOIN joined USING (cluster)
    """)
    query.connection.execute("DROP TABLE written")


def campaigns(query: Query, brand: str, most: int = 10, authors: int = 3) -> tuple[Campaign, ...]:
    """The largest campaigns among the posts of `brand` in `member`, at most `most`, with their busiest `authors`."""
    rows = query.rows(f"""
        WITH own AS (FROM member WHERE {of_brand(brand)}),
        total AS (
            SELECT count(*) AS posts, {exact_sum("polarity")} AS sum,
                count(*) FILTER (once) AS texts, {exact_sum("polarity", of="once")} AS text_sum
            FROM own
        ), largest AS (
            SELECT cluster FROM own WHERE cluster IS NOT NULL GROUP BY cluster HAVING count(*) >= {FEWEST_POSTS}
            ORDER BY count(*) DESC, min(published_date), cluster LIMIT {most}
        ), campaign AS (
            SELECT cluster, count(*) AS posts, count(DISTINCT wording) AS texts, count(DISTINCT author) AS authors,
                min(published_date) AS first_day, max(published_date) AS last_day,
                list_sort(list(DISTINCT feed)) AS feeds, {exact_sum("polarity")} AS sum,
                count(*) FILTER (once) AS once, {exact_sum("polarity", of="once")} AS once_sum,
                arg_min(struct_pack(feed, post_id), (published_date, published_at, feed, post_id)) AS first
            FROM own SEMI JOIN largest USING (cluster) GROUP BY cluster
        )
        SELECT campaign.*, left(text, {LONGEST_TEXT}) AS example, total.posts AS all_posts, total.sum AS all_sum,
            total.texts AS all_texts, total.text_sum AS all_text_sum
        FROM campaign CROSS JOIN total
        JOIN post ON post.feed = first.feed AND post.post_id = first.post_id
        ORDER BY campaign.posts DESC, first_day, cluster
    """)
    return tuple(
        Campaign(
            **{name: row[name] for name in _PLAIN},
            share=row["posts"] / row["all_posts"],
            feeds=tuple(row["feeds"]),
            mean=row["sum"] / row["posts"],
            by_text=_effect(row["all_text_sum"], row["all_texts"], row["once_sum"] or 0.0, row["once"]),
            by_post=_effect(row["all_sum"], row["all_posts"], row["sum"], row["posts"]),
            top=busiest(query, brand, authors, row["cluster"]).top,
        )
        for row in rows
    )


_PLAIN = ("cluster", "posts", "texts", "authors", "first_day", "last_day", "example")


def busiest(query: Query, brand: str, most: int = 5, cluster: str | None = None) -> Authors:
    """Who wrote the posts of `brand` in `member`, of one campaign where its `cluster` is given; `most` are named."""
    own = f"(FROM member WHERE {of_brand(brand)} AND {f'cluster = {sql_text(cluster)}' if cluster else 'true'})"
    (total,) = query.rows(f"""
        SELECT count(*) AS n, count(author) AS known,
            (SELECT count(author) FROM (SELECT DISTINCT author FROM {own})) AS authors FROM {own}
    """)
    rows = query.rows(
        f"SELECT author, count(*) AS posts FROM {own} WHERE author IS NOT NULL "
        f"GROUP BY author ORDER BY posts DESC, author LIMIT {most}"
    )
    top = tuple(Author(row["author"], row["posts"], row["posts"] / total["n"]) for row in rows)
    return Authors(total["n"], total["known"], total["authors"], top)


def repeated(query: Query, brand: str) -> Repeated:
    """How much of what is said of `brand` in `member` was said before."""
    (row,) = query.rows(f"""
        WITH own AS (FROM member WHERE {of_brand(brand)}),
        cluster AS (
            SELECT count(*) AS posts FROM own WHERE cluster IS NOT NULL
            GROUP BY cluster HAVING count(*) >= {FEWEST_POSTS}
        )
        SELECT (SELECT count(*) FROM own) AS posts,
            (SELECT count(wording) FROM (SELECT DISTINCT wording FROM own)) AS texts,
            (SELECT coalesce(sum(posts), 0)::BIGINT FROM cluster) AS of_campaigns
    """)
    return Repeated(**row)


def _effect(total: float | None, n: int, part: float, n_part: int) -> Effect:
    rest = n - n_part
    return Effect((total or 0.0) / n if n else math.nan, n, ((total or 0.0) - part) / rest if rest else math.nan, rest)


def _before(days: list[str], count: int) -> list[str]:
    """The `count` days before the first of `days`, undated ones left out."""
    dated = [date.fromisoformat(day) for day in days if day[:1].isdigit()]
    return [(dated[0] - timedelta(days=n)).isoformat() for n in range(count, 0, -1)] if dated else []


def _joined(query: Query) -> pa.Table:
    """The clusters that are one with others: columns cluster, and campaign, the earliest cluster of those."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = query.table(f"""
        WITH own AS (SELECT {NAME} AS name, * FROM twins WHERE cluster IS NOT NULL),
        led AS (SELECT DISTINCT cluster FROM own WHERE name <> cluster),
        link AS (
            SELECT wording, cluster, min(published_date) AS day FROM own SEMI JOIN led USING (cluster) GROUP BY ALL
            UNION ALL
            SELECT wording, name, min(published_date) FROM own
            WHERE name <> cluster AND name IN (FROM led) GROUP BY ALL
        )
        SELECT wording, cluster, min(day) AS day FROM link GROUP BY ALL ORDER BY day, cluster, wording
    """)
    wording, cluster = (pc.dictionary_encode(links.column(name).combine_chunks()) for name in ("wording", "cluster"))
    here, there = wording.indices.to_numpy(), cluster.indices.to_numpy() + len(wording.dictionary)
    size = len(wording.dictionary) + len(cluster.dictionary)
    edges = coo_array((np.ones(len(here), np.int8), (here, there)), (size, size))
    _, part = connected_components(edges, directed=False)
    own = part[len(wording.dictionary) :]
    _, earliest, back = np.unique(own, return_index=True, return_inverse=True)
    named = cluster.dictionary.take(pa.array(earliest[back]))
    return pa.table({"cluster": cluster.dictionary, "campaign": named})
