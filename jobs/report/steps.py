"""The steps that a change of model or of rules makes in the series: from which day on, and how much of it is theirs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from operator import attrgetter

from jobs.enrich.reading import within
from jobs.lake.query import Query, sql_days, sql_text
from jobs.lake.table import fingerprint
from jobs.revisions import TABLE, MadeFrom
from jobs.settings import Window

NO_RULES = fingerprint()[:8]
"""What a day without any item says that it was judged by."""


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


@dataclass(frozen=True)
class RuleStep:
    """From `day` on other rules say what is published. On the `days` that both judged, `posts` more were published."""

    day: date
    days: int
    posts: int


def rule_steps(query: Query, window: Window, brand: str) -> tuple[RuleStep, ...]:
    """The steps of the rules in `window`, in order, after `read_revisions`.

    A day alone among others, such as one that a person released, is none.
    """
    files = sorted(query.at.files(TABLE, window.days), key=attrgetter("day"))
    judged = [(file.day, rules) for file in files if (rules := MadeFrom.of(file).rules) != NO_RULES]
    (row,) = query.rows(f"""
        WITH point AS (
            SELECT *, lag(posts) OVER (PARTITION BY published_date, feed, language ORDER BY recorded_at) AS posts_before
            FROM revision WHERE brand = {sql_text(brand)} AND {sql_days(window.days)}
        )
        SELECT count(DISTINCT published_date) AS days, coalesce(sum(posts - posts_before), 0)::BIGINT AS posts
        FROM point WHERE cause = 'contract'
    """)
    return tuple(
        RuleStep(date.fromisoformat(day), row["days"], row["posts"])
        for (_, before), (day, now) in pairwise(_lasting(judged))
        if before != now
    )


def _lasting(judged: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Days and their rules, without those days whose neighbours agree with each other and not with them."""
    around = zip([None, *judged], judged, [*judged[1:], None], strict=False)
    return [now for before, now, after in around if not (before and after and before[1] == after[1] != now[1])]


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
