"""The steps that a change of model made in the series: from which day on, and how much of it is the model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from jobs.enrich.reading import within
from jobs.lake.query import Query, sql_days, sql_text
from jobs.settings import Window


@dataclass(frozen=True)
class Step:
    """From `day` on another model reads. `change` is by how much it read the same `days` otherwise, in polarity over
    `texts` different texts; NaN where no day was read by both."""

    day: date
    before: tuple[str, ...]
    after: tuple[str, ...]
    change: float
    days: int
    texts: int


def steps(query: Query, window: Window, brand: str) -> tuple[Step, ...]:
    """The steps in `window`, in order, with what the days that both models read say of them, after `read_posts` and
    `read_revisions`."""
    read = query.rows(f"""
        SELECT published_date AS day, list_sort(list(DISTINCT model_version)) AS models
        FROM post WHERE polarity IS NOT NULL AND {within(window)} GROUP BY published_date ORDER BY published_date
    """)
    change, days, texts = _overlap(query, window.days, brand)
    return tuple(
        Step(now["day"], tuple(before["models"]), tuple(now["models"]), change, days, texts)
        for before, now in pairwise(read)
        if set(before["models"]).isdisjoint(now["models"])
    )


def _overlap(query: Query, days: Iterable[str], brand: str) -> tuple[float, int, int]:
    """Over the days whose points were recorded anew because of the model: the change, the days, the texts."""
    (row,) = query.rows(f"""
        WITH point AS (
            SELECT *, lag(distinct_polarity_sum) OVER history AS sum_before,
                lag(distinct_texts) OVER history AS texts_before
            FROM revision WHERE brand = {sql_text(brand)} AND {sql_days(days)}
            WINDOW history AS (PARTITION BY published_date, feed, language ORDER BY recorded_at)
        )
        SELECT sum(distinct_polarity_sum - sum_before) AS moved, sum(distinct_texts)::BIGINT AS texts,
            count(DISTINCT published_date) AS days
        FROM point WHERE cause = 'model' AND distinct_texts = texts_before AND distinct_texts > 0
    """)
    if not row["texts"]:
        return math.nan, 0, 0
    return row["moved"] / row["texts"], row["days"], row["texts"]
