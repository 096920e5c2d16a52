"""Aggregate: scored_posts (and counts of quarantine) -> daily_polarity, a full grid of points for every day.

A point is one date, brand, feed and language. A day without posts is points of zeros; a feed that was never looked at
for a day is a point that was not counted. Every revision of a point is kept: what is written beside the former
revisions are the points whose figures changed, with when, why and from what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pyarrow as pa

from data_contracts import contract
from jobs.brands import ALL, teach_brands
from jobs.coverage import looked_for
from jobs.interval import mean_interval
from jobs.lake.query import FOLDED, Query, View
from jobs.lake.table import UNDATED, File, Lake, Partition, Table, as_date, fingerprint
from jobs.lake.writer import partition_runs, write
from jobs.revisions import TABLE, MadeFrom, view_newest_revision
from jobs.settings import Settings, Window, now
from jobs.step import Change, Order, Plan, bring_up_to_date, replaced

RECENT_DAYS = 8
"""So many of the newest days are counted anew when another model has read them: `score` lets a new one do so."""
COUNTS = (
    "posts", "distinct_texts", "scored", "unscored", "quarantined", "negative", "neutral", "positive", "unsure",
)  # fmt: skip
MEASURES = ("polarity", "negative", "neutral", "positive")
SUMS = {
    f"{once}{name}_{power}": (f"{name}_value", filtered, square)
    for once, filtered in (("", ""), ("distinct_", " FILTER (is_first)"))
    for name in MEASURES
    for power, square in (("sum", False), ("sum_squares", True))
}
"""Sums and sums of squares of what the model says, by column: of which value, over all posts or each text once."""
FIGURES = (*COUNTS, *SUMS)


@dataclass(frozen=True)
class Aggregated:
    """What one aggregation did: the days it stands for, and the revisions of points it wrote."""

    days: list[str]
    rows: int


CAUSES = {
    "model": "model", "rules": "contract", "contract": "contract", "feeds": "settings", "brands": "settings",
    "coverage": "coverage",
}  # fmt: skip
"""The cause of a revision when that part of what it is made from changed and the items did not."""


def aggregate(settings: Settings, days: Sequence[str], order: Order | None = None) -> Aggregated:
    """Write daily_polarity of `days`, of days never written between the first and last that have posts, and of every
    stored day when brands or feeds of the settings changed.

    Undated posts belong to no day and are left out, as are held days of which nothing was ever published. Days that
    are up to date are left alone unless `order` tells otherwise, and points whose figures did not change have no
    new revision. Points of a brand that is gone from the settings have a last revision, which is not counted. The cause
    of the order is what revisions say when the items changed, by default what the counts tell: late items, edits or
    deletions.
    """
    lake = Lake(settings.lake)
    step = Aggregate(lake, settings, tuple(days), order.cause if order else None)
    made = bring_up_to_date(lake, step, order)
    after = sum(file.rows for change in made.values() for file in change.add)
    before = sum(file.rows for change in made.values() for file in change.remove)
    return Aggregated(step.wanted, after - before)


@dataclass
class Aggregate:
    """scored_posts, quarantine and coverage -> daily_polarity."""

    lake: Lake
    settings: Settings
    days: tuple[str, ...]
    cause: str | None
    name: str = "aggregate"
    output: str = TABLE
    whole: bool = False
    apart: bool = True
    wanted: list[str] = field(default_factory=list)
    looked: dict[str, set[str]] = field(default_factory=dict)

    def plan(self, view: View) -> Plan:
        """MadeFrom of each day, as text."""
        stored = {file.day: file for file in self.lake.table(TABLE).files}
        held = set(view.held())
        scored = view.days("scored_posts")
        feeds, brands = _feeds(self.settings), _brands(self.settings)
        former = {day: MadeFrom.of(file) for day, file in stored.items()}
        restated = {day for day, made in former.items() if (made.feeds, made.brands) != (feeds, brands)}
        reread = _reread(view, [day for day in scored[-RECENT_DAYS:] if day in former], former)
        unseen = held - set(scored)
        self.wanted = sorted(
            {*self.days, *restated, *reread, *_gaps(scored, stored.keys() | held)} - {UNDATED} - unseen
        )
        configured = {feed.name for feed in self.settings.feeds}
        self.looked = looked_for(view, self.wanted, feeds=configured)
        inputs = _inputs(view, self.wanted)
        agreed = contract(TABLE).digest[:8]
        return {
            Partition(day): ".".join((*inputs[day], fingerprint(*sorted(self.looked[day]))[:8], agreed, feeds, brands))
            for day in self.wanted
        }

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Count the stale days, and put what changed beside the former revisions, one file a day."""
        days = [partition.day for partition in stale]
        former = [file for partition in stale for file in target.of(partition)]
        with view.query() as query:
            _prepare(query, self.settings, days, self.looked)
            query.view("former", TABLE, former)
            view_newest_revision(query, "former", "known")
            counted = _with_intervals(query.table(_GRID))
            query.connection.register("counted_now", counted)
            query.connection.register("why", _why(target, stale, self.cause))
            moment = _moment(query)
            fresh = query.table(_REVISIONS.format(moment=moment.isoformat()))
            query.connection.register("fresh", fresh)
            columns = ", ".join(contract(TABLE).columns)
            order = ", ".join(contract(TABLE).key)
            kept = query.batches(f"SELECT {columns} FROM (FROM former UNION ALL BY NAME FROM fresh) ORDER BY {order}")
            changes = {partition: replaced(target, partition, ()) for partition in stale}
            for partition, pieces in partition_runs(TABLE, kept):
                made_from = str(stale[partition])
                files = write(self.lake, TABLE, {"published_date": partition.day}, made_from, pieces)
                changes[partition] = replaced(target, partition, files)
        return changes


def _moment(query: Query) -> datetime:
    """When the new revisions are recorded: now, and after every former one though the clock may stand."""
    (row,) = query.rows("SELECT max(recorded_at) AS last FROM former")
    return max(now(), row["last"] + timedelta(microseconds=1)) if row["last"] else now()


def _why(target: Table, stale: Plan, cause: str | None) -> pa.Table:
    """One row a day: published_date, made_from, and the cause of a change, null when the items themselves changed."""
    rows = []
    for partition, wanted in stale.items():
        after = MadeFrom(*str(wanted).split("."))
        before = next(map(MadeFrom.of, target.of(partition)), after)
        changed = [name for name in MadeFrom._fields if getattr(before, name) != getattr(after, name)]
        told = cause if "items" in changed or not changed else CAUSES[changed[0]]
        rows.append({"published_date": as_date(partition.day), "made_from": wanted, "cause": told})
    kinds = [("published_date", pa.date32()), ("made_from", pa.string()), ("cause", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _reread(view: View, days: Sequence[str], former: Mapping[str, MadeFrom]) -> set[str]:
    """Those of `days` that another model has read since they were counted."""
    return {day for day, (_, _, model) in _inputs(view, days).items() if model != former[day].model}


def _gaps(scored: Sequence[str], known: Iterable[str]) -> set[str]:
    """Days between the first and last scored one that are none of `known`."""
    if not scored:
        return set()
    return set(Window(start=date.fromisoformat(scored[0]), end=date.fromisoformat(scored[-1])).days) - set(known)


def _inputs(view: View, days: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Of each day, hashes of the item versions, of the rules and of the model that its rows were made with.

    Items that other rules send to quarantine are the same items: it is the rules that changed. Posts that another run
    has published and not scored yet are told apart from the same ones scored, though all else of their day agrees.
    """
    parts: dict[str, list[list[str]]] = {day: [[], [], []] for day in days}
    for dataset in ("scored_posts", "quarantine"):
        for file in view.files(dataset, days):
            for place, part in enumerate(file.made_from.split(".")):
                parts[file.day][place].append(f"{file.feed} {part}" if place == 0 else part)
    for day, feed, items in _unscored(view, days):
        parts[day][0].append(f"{feed} {items} not scored")
    return {
        day: (
            fingerprint(*sorted(set(items))),
            fingerprint(*sorted(set(rules)))[:8],
            fingerprint(*sorted(set(model)))[:8],
        )
        for day, (items, rules, model) in parts.items()
    }


def _unscored(view: View, days: Sequence[str]) -> Iterator[tuple[str, str | None, str]]:
    """Day, feed and the hash of the items of partitions of posts that are not scored as they are."""
    scored = {(file.partition, _items(file)) for file in view.files("scored_posts", days)}
    for file in view.files("posts", days):
        if (file.partition, _items(file)) not in scored:
            yield file.day, file.feed, _items(file)


def _items(file: File) -> str:
    return file.made_from.split(".")[0]


def _feeds(settings: Settings) -> str:
    return fingerprint(*sorted((feed.name, feed.kind) for feed in settings.feeds))[:8]


def _brands(settings: Settings) -> str:
    return fingerprint(*sorted((brand.name, *brand.said()) for brand in settings.brands))[:8]


def _prepare(query: Query, settings: Settings, days: Sequence[str], looked: Mapping[str, Iterable[str]]) -> None:
    """What _GRID and _REVISIONS read: the datasets, day, brand, configured, looked, language, and brands_named."""
    teach_brands(query, settings.brands)
    query.read("scored_posts", days)
    query.read("quarantine", days)
    query.read("deletions", days)
    (languages,) = (rule.kwargs["value_set"] for rule in contract("posts").rules if rule.name == "language_known")
    tables: dict[str, tuple[list[tuple[str, pa.DataType]], Iterable[dict[str, object]]]] = {
        "day": ([("published_date", pa.date32())], [{"published_date": as_date(day)} for day in days]),
        "brand": ([("brand", pa.string())], [{"brand": name} for name in (ALL, *(b.name for b in settings.brands))]),
        "configured": (
            [("feed", pa.string()), ("kind", pa.string())],
            [{"feed": feed.name, "kind": feed.kind} for feed in settings.feeds],
        ),
        "looked": (
            [("published_date", pa.date32()), ("feed", pa.string())],
            [{"published_date": as_date(day), "feed": feed} for day in days for feed in looked[day]],
        ),
        "language": ([("language", pa.string())], [{"language": name} for name in languages]),
    }
    for name, (columns, rows) in tables.items():
        query.connection.register(name, pa.Table.from_pylist(list(rows), schema=pa.schema(columns)))


def _with_intervals(table: pa.Table) -> pa.Table:
    """`table` with the mean polarity of each text once and the 95 % interval of the model's mean."""
    needed = ("distinct_polarity_sum", "distinct_polarity_sum_squares", "distinct_texts")
    bounds = mean_interval(*(table.column(name).to_numpy() for name in needed))
    for name, values in zip(("mean_polarity", "model_low", "model_high"), bounds, strict=True):
        table = table.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return table


_COUNTED = ", ".join(f"CASE WHEN counted THEN coalesce({name}, 0) END AS {name}" for name in FIGURES)

# Decimals add up to the same sum in any order, as floating point numbers do not.
_EXACT = "DECIMAL(18, 12)"
_VALUES = ", ".join(f"{name}::{_EXACT} AS {name}_value" for name in MEASURES)
_NO_VALUES = ", ".join("NULL" for _ in MEASURES)


def _sum(value: str, filtered: str, square: bool) -> str:
    """SQL of the exact sum of a value or of its square, over all posts or each text once."""
    term = f"({value} * {value})::{_EXACT}" if square else value
    return f"sum({term}){filtered}::DOUBLE"


_SUMS = ", ".join(f"{_sum(*how)} AS {column}" for column, how in SUMS.items())

_GRID = f"""
WITH item AS (
    SELECT published_date, feed, kind, language, post_id, text, label, unsure, {_VALUES}, false AS refused
    FROM scored_posts
    UNION ALL
    SELECT published_date, feed, kind, language, post_id, text, NULL, NULL, {_NO_VALUES}, true FROM quarantine
), keyed AS (
    SELECT * EXCLUDE (text), list_prepend('{ALL}', brands_named(text)) AS brands,
        hash({FOLDED}) AS text_key
    FROM item
), once AS (
    SELECT *, polarity_value IS NOT NULL AND row_number() OVER (
        PARTITION BY published_date, feed, language, text_key, polarity_value IS NULL ORDER BY post_id) = 1 AS is_first
    FROM keyed
), named AS (
    SELECT * EXCLUDE (brands), unnest(brands) AS brand FROM once
), tally AS (
    SELECT published_date, brand, feed, min(kind) AS kind, language,
        count(*) FILTER (NOT refused) AS posts,
        count(*) FILTER (is_first) AS distinct_texts,
        count(polarity_value) AS scored,
        count(*) FILTER (NOT refused AND polarity_value IS NULL) AS unscored,
        count(*) FILTER (refused) AS quarantined,
        count(*) FILTER (label = 'negative') AS negative,
        count(*) FILTER (label = 'neutral') AS neutral,
        count(*) FILTER (label = 'positive') AS positive,
        count(*) FILTER (unsure) AS unsure,
        {_SUMS}
    FROM named
    GROUP BY published_date, brand, feed, language
), feeds AS (
    SELECT published_date, feed, first(kind ORDER BY place, kind) AS kind, bool_or(seen) AS counted FROM (
        SELECT published_date, feed, kind, 1 AS place,
            (published_date, feed) IN (SELECT (published_date, feed) FROM looked) AS seen
        FROM day CROSS JOIN configured
        UNION ALL SELECT published_date, feed, kind, 2, true FROM tally
    ) GROUP BY published_date, feed
)
SELECT published_date, brand, feed, feeds.kind, language, counted, {_COUNTED}
FROM feeds CROSS JOIN brand CROSS JOIN language
LEFT JOIN tally USING (published_date, brand, feed, language)
"""

_POINT = "published_date, brand, feed, language"

_SAME = " AND ".join(f"now.{name} IS NOT DISTINCT FROM known.{name}" for name in ("kind", "counted", *FIGURES))

_ITEMS = "coalesce({0}.posts + {0}.quarantined, 0)"

# A point that is asked for no longer, of a brand that is gone from the settings, has a last revision without figures.
_REVISIONS = f"""
WITH now AS (
    FROM counted_now
    UNION ALL BY NAME
    SELECT {_POINT}, kind, false AS counted FROM known ANTI JOIN counted_now USING ({_POINT})
)
SELECT now.*, TIMESTAMPTZ '{{moment}}' AS recorded_at,
    CASE
        WHEN published_date NOT IN (SELECT published_date FROM known) THEN 'first'
        WHEN (published_date, brand) NOT IN (SELECT (published_date, brand) FROM known) THEN 'brand added'
        WHEN why.cause IS NOT NULL THEN why.cause
        WHEN {_ITEMS.format("now")} > {_ITEMS.format("known")} THEN 'late items'
        WHEN {_ITEMS.format("now")} < {_ITEMS.format("known")}
            AND (published_date, feed) IN (SELECT (published_date, feed) FROM deletions) THEN 'deletions'
        ELSE 'edits'
    END AS cause, why.made_from
FROM now JOIN why USING (published_date)
LEFT JOIN known USING ({_POINT})
WHERE known.brand IS NULL OR NOT ({_SAME})
"""
