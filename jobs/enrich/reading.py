"""What the readers of twins and topics share: the scored posts of a period as a table without texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jobs.brands import ALL, teach_brands
from jobs.lake.query import FOLDED, Query, sql_text, sql_until
from jobs.settings import Settings

FIGURES = ("polarity", "negative", "neutral", "positive")


def make_items(query: Query, settings: Settings, days: Iterable[str], as_of: datetime | None = None) -> None:
    """Make the table `item`: one row per scored post of `days`, without its text; those seen until `as_of` if given.

    Its columns are published_date, published_at, feed, post_id, language, the FIGURES, `named` (the brands in the
    text) and `once`, which is true for the first post of a text on a day, in a feed and a language: counting those
    counts each text once, as `daily_polarity` does. Posts without a polarity are no part of it.
    """
    query.read("scored_posts", days)
    teach_brands(query, settings.brands)
    query.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE item AS
        SELECT * EXCLUDE (text_key), row_number() OVER (
            PARTITION BY published_date, feed, language, text_key ORDER BY published_at, post_id) = 1 AS once
        FROM (
            SELECT published_date, published_at, feed, post_id, language, {", ".join(FIGURES)},
                brands_named(text) AS named, hash({FOLDED}) AS text_key
            FROM scored_posts WHERE polarity IS NOT NULL AND {sql_until("first_seen_at", as_of)}
        )
    """)


def of_brand(brand: str) -> str:
    """A SQL condition on `item` that holds for the posts that name `brand`, for every post of ALL."""
    return "true" if brand == ALL else f"list_contains(named, {sql_text(brand)})"
