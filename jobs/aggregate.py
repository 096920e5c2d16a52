"""Aggregate: scored_posts (and counts of quarantine) -> daily_polarity, a full grid of rows for every day.

A day without posts is rows of zeros, so that it can be told from a day that was never looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from data_contracts import contract
from jobs.brands import mentions
from jobs.interval import mean_interval
from jobs.settings import Brand, Settings, Window
from jobs.storage import UNDATED, Lake, Partition, Query, as_date, fingerprint, sql_text

log = logging.getLogger(__name__)

ALL = "all"


@dataclass(frozen=True)
class Aggregated:
    """What one aggregation did: the days it stands for, and the rows it wrote."""

    days: list[str]
    rows: int


def aggregate(settings: Settings, days: Sequence[str]) -> Aggregated:
    """Write daily_polarity of `days`, and of days never written between the first and last that have posts.

    Undated posts belong to no day and are left out, as are held days of which nothing was ever published. Days that
    are up to date are left alone.
    """
    lake = Lake(settings.lake)
    unseen = set(lake.held()) - set(lake.days("scored_posts"))
    wanted = sorted({*days, *_gaps(lake)} - {UNDATED} - unseen)
    stale = _stale(lake, settings, wanted)
    log.info("aggregate: %d of %d days to make", len(stale), len(wanted))
    rows = 0
    if stale:
        with lake.query() as query, lake.staging() as stage:
            _prepare(query, lake, settings, [partition.day for partition in stale])
            table = _with_intervals(query.table(_GRID.format(named=_named(settings.brands), measures=_MEASURES)))
            rows = sum(stage.write_partitions("daily_polarity", table.to_batches(), stale).values())
            stage.publish()
    return Aggregated(wanted, rows)


def _gaps(lake: Lake) -> list[str]:
    """Days between the first and last scored one that daily_polarity lacks, those held back left out."""
    scored = lake.days("scored_posts")
    if not scored:
        return []
    span = Window(start=date.fromisoformat(scored[0]), end=date.fromisoformat(scored[-1])).days
    return sorted(set(span) - set(lake.days("daily_polarity")) - set(lake.held()))


def _stale(lake: Lake, settings: Settings, days: Sequence[str]) -> dict[Partition, str]:
    """Snapshots to be of the days whose rows were not made from these posts and settings."""
    inputs: dict[str, list[str | None]] = {day: [] for day in days}
    for dataset in ("scored_posts", "quarantine"):
        for partition, (path,) in lake.partitions(dataset, days).items():
            inputs[partition.day] += [path, lake.snapshot(path)]
    shared = (settings.brands, [(f.name, f.kind) for f in settings.feeds], contract("daily_polarity").digest)
    wanted = {Partition(day): fingerprint(day, inputs[day], *shared) for day in days}
    return {
        p: made_from for p, made_from in wanted.items() if lake.snapshot(lake.path("daily_polarity", p)) != made_from
    }


def _named(brands: Iterable[Brand]) -> str:
    """SQL list of ALL and of the brands that `text` names."""
    found = [f"CASE WHEN {mentions(brand, 'text')} THEN {sql_text(brand.name)} END" for brand in brands]
    return f"list_filter([{', '.join([sql_text(ALL), *found])}], lambda name: name IS NOT NULL)"


def _prepare(query: Query, lake: Lake, settings: Settings, days: Sequence[str]) -> None:
    """The tables that _GRID reads: scored, quarantined, day, brand, feed, language."""
    query.view("scored", "scored_posts", lake.files("scored_posts", days))
    query.view("quarantined", "quarantine", lake.files("quarantine", days))
    (languages,) = (rule.kwargs["value_set"] for rule in contract("posts").rules if rule.name == "language_known")
    tables: dict[str, Iterable[dict[str, object]]] = {
        "day": [{"published_date": as_date(day)} for day in days],
        "brand": [{"brand": name} for name in (ALL, *(b.name for b in settings.brands))],
        "configured": [{"feed": feed.name, "kind": feed.kind} for feed in settings.feeds],
        "language": [{"language": name} for name in languages],
    }
    for name, rows in tables.items():
        query.connection.register(name, pa.Table.from_pylist(list(rows)))


def _with_intervals(table: pa.Table) -> pa.Table:
    """`table` with the mean polarity and its 95 % interval, in the columns of the contract."""
    needed = ("polarity_sum", "polarity_sum_squares", "scored", "distinct_texts")
    bounds = mean_interval(*(table.column(name).to_numpy() for name in needed))
    for name, values in zip(("mean_polarity", "polarity_low", "polarity_high"), bounds, strict=True):
        table = table.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return table.select(contract("daily_polarity").columns)


_MEASURES = ", ".join(
    f"coalesce({name}, 0) AS {name}"
    for name in (
        "posts", "distinct_texts", "scored", "unscored", "quarantined", "negative", "neutral", "positive", "unsure",
        "polarity_sum", "polarity_sum_squares",
    )
)  # fmt: skip

_GRID = """
WITH item AS (
    SELECT published_date, feed, kind, language, text, label, unsure, polarity::DOUBLE AS polarity, false AS refused
    FROM scored
    UNION ALL
    SELECT published_date, feed, kind, language, text, NULL, NULL, NULL, true FROM quarantined
), named AS (
    SELECT * EXCLUDE (text), unnest({named}) AS brand,
        hash(lower(regexp_replace(trim(text), '\\s+', ' ', 'g'))) AS text_key
    FROM item
), counted AS (
    SELECT published_date, brand, feed, min(kind) AS kind, language,
        count(*) FILTER (NOT refused) AS posts,
        count(DISTINCT text_key) FILTER (polarity IS NOT NULL) AS distinct_texts,
        count(polarity) AS scored,
        count(*) FILTER (NOT refused AND polarity IS NULL) AS unscored,
        count(*) FILTER (refused) AS quarantined,
        count(*) FILTER (label = 'negative') AS negative,
        count(*) FILTER (label = 'neutral') AS neutral,
        count(*) FILTER (label = 'positive') AS positive,
        count(*) FILTER (unsure) AS unsure,
        sum(polarity ORDER BY polarity) AS polarity_sum,
        sum(polarity * polarity ORDER BY polarity) AS polarity_sum_squares
    FROM named
    GROUP BY published_date, brand, feed, language
), feeds AS (
    SELECT published_date, feed, first(kind ORDER BY place, kind) AS kind FROM (
        SELECT published_date, feed, kind, 1 AS place FROM day CROSS JOIN configured
        UNION ALL SELECT published_date, feed, kind, 2 FROM counted
    ) GROUP BY published_date, feed
)
SELECT published_date, brand, feed, feeds.kind, language, {measures}
FROM feeds CROSS JOIN brand CROSS JOIN language
LEFT JOIN counted USING (published_date, brand, feed, language)
ORDER BY published_date, brand, feed, language
"""
