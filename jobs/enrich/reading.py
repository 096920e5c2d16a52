"""What the readers of a period share: its scored posts, fetched once and kept beside the query until that ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jobs.brands import ALL, teach_brands
from jobs.lake.query import FOLDED, Query, sql_text, sql_until
from jobs.settings import Settings, Window

FIGURES = ("polarity", "negative", "neutral", "positive")


def read_posts(query: Query, settings: Settings, days: Iterable[str], as_of: datetime | None = None) -> None:
    """Make the tables `post`, every scored post of `days`, and `item`, those of them that are counted, without texts.

    `post` has published_date, published_at, first_seen_at, feed, kind, post_id, language, the FIGURES, unsure,
    model_version, url, text, `twin` (what the copies of a text share, case and spacing aside) and `named` (the brands
    in the text).
    `item` has one row per post with a polarity, of those first seen until `as_of` if given: published_date,
    published_at, feed, post_id, language, the FIGURES, `length` (of the text), `twin`, `named` and `once`, which is
    true for the first post of a text (by post_id) on a day, in a feed and a language: counting those counts each text
    once, the very posts that `daily_polarity` counts.
    """
    query.read("scored_posts", days)
    teach_brands(query, settings.brands)
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE post AS
        SELECT published_date, published_at, first_seen_at, feed, kind, post_id, language, {", ".join(FIGURES)}, unsure,
            model_version, url, text, md5_number({FOLDED}) AS twin, brands_named(text) AS named
        FROM scored_posts
    """)
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE item AS
        SELECT *, row_number() OVER (
            PARTITION BY published_date, feed, language, twin ORDER BY post_id) = 1 AS once
        FROM (
            SELECT published_date, published_at, feed, post_id, language, {", ".join(FIGURES)},
                length(text) AS length, twin, named
            FROM post WHERE polarity IS NOT NULL AND {sql_until("first_seen_at", as_of)}
        )
    """)


def exact_sum(value: str, of: str = "true") -> str:
    """SQL for the sum of `value` over the rows that `of` holds for, a double: the same in any order of rows.

    Each value counts to its fifteenth decimal, and none may be above 999. A sum with an order keeps all rows in memory;
    a million posts are too many for that.
    """
    return f"(sum(({value})::DOUBLE::DECIMAL(18, 15)) FILTER ({of}))::DOUBLE"


def of_brand(brand: str) -> str:
    """A SQL condition on `item` that holds for the posts that name `brand`, for every post of ALL."""
    return "true" if brand == ALL else f"list_contains(named, {sql_text(brand)})"


def within(window: Window) -> str:
    """A SQL condition on `post` or `item` that holds for those of the days of `window`."""
    return f"published_date BETWEEN DATE '{window.start}' AND DATE '{window.end}'"
