"""The numbers of a report: small frames made from `daily_polarity` and `coverage`.

Groups are pooled by adding up the stored sums and judged by the interval of a day, so every figure of the page can
be made again from the rows of `daily_polarity.csv`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from jobs.coverage import SEEN
from jobs.interval import difference_interval, mean_interval
from jobs.lake.query import Query, sql_days, sql_until
from jobs.report.counted import Counted, Extent, Unlooked
from jobs.report.restated import Restated, restated
from jobs.revisions import view_current
from jobs.settings import Settings, Window

ALL = "all"
"""The brand whose rows count every post."""

FEW = 5
"""A day with fewer different texts than this is drawn apart from the line."""

BASE_DAYS = 7
"""A day is compared with the mean of so many days before it."""

MOVES = 3
"""At most so many moves of a brand are told; a weaker one within `BASE_DAYS // 2` days of a stronger is its echo."""

COUNTS = [
    "posts", "distinct_texts", "scored", "unscored", "negative", "neutral", "positive", "unsure",
    "polarity_sum", "polarity_sum_squares",
]  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """Days of one feed that could not be seen, or not whole, and why."""

    feed: str
    start: date
    end: date
    status: str
    message: str | None

    @property
    def days(self) -> list[date]:
        """Every day of the run, in order."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Move:
    """A day whose mood lies beyond the interval of the days before it, numbered by date within its brand."""

    number: int
    brand: str
    day: date
    mean: float
    low: float
    high: float
    base: float
    posts: int

    @property
    def change(self) -> float:
        """How far the day's mean lies from that of the days before."""
        return self.mean - self.base


@dataclass(frozen=True)
class Figures:
    """What a report is made of.

    `daily` has one row per brand and day of the window (brand, day, the counts, mean, low, high, base, status,
    partial, missing), `brands` one per brand, `feeds` and `languages` one per brand and group. These three have the
    counts, mean, low, high, negative_share and unsure_share, the same of the period before with the suffix `_before`,
    change, change_low, change_high, and what an Extent has. Polarity lies in [-1, 1]; it is NaN where nothing was
    scored. Counts are NaN where nothing was ever counted; a change is, where the period before was hardly counted.

    `status` says what a day is: `ok`, `few` (too few texts for a mean), `zero` (no posts), `unseen` (no posts, but a
    feed could not be read), `uncounted` (the brand was never looked for that day), `absent` (the day was never
    computed). `partial` marks a day with posts of which a feed could not be read whole, `missing` names feeds that
    were never looked at for a day that others were looked at for.
    """

    window: Window
    previous: Window
    names: tuple[str, ...]
    daily: pd.DataFrame
    brands: pd.DataFrame
    feeds: pd.DataFrame
    languages: pd.DataFrame
    moves: tuple[Move, ...]
    gaps: tuple[Gap, ...]
    unlooked: tuple[Unlooked, ...]
    held: tuple[date, ...]
    restated: tuple[Restated, ...]

    def total(self, brand: str) -> pd.Series:
        """The row of `brand` over the whole period."""
        return self.brands[self.brands["brand"] == brand].iloc[0]


def preceding(window: Window) -> Window:
    """The period of equal length that ends the day before `window` starts."""
    length = window.end - window.start
    end = window.start - timedelta(days=1)
    return Window(start=end - length, end=end)


def gather(query: Query, settings: Settings, window: Window, as_of: datetime | None = None) -> Figures:
    """Every figure of `window`, compared with the period before it, as recorded by `as_of` where given.

    Which days were held back at a former moment is not known, so none is named then.
    """
    previous = preceding(window)
    first = min(previous.start, window.start - timedelta(days=BASE_DAYS))
    names = (ALL, *(brand.name for brand in settings.brands))
    rows = _rows(query, Window(start=first, end=window.end), as_of)
    rows = rows[rows["brand"].isin(names)]
    counted = Counted.of(rows, (feed.name for feed in settings.feeds))
    gaps = coverage_gaps(query, window, as_of)
    rows = rows[rows["counted"]]
    daily = _daily(rows, names, window, gaps, counted)
    held = set(query.at.held()) & set(window.days) if as_of is None else set()
    return Figures(
        window=window,
        previous=previous,
        names=names,
        daily=daily,
        brands=_compared(rows, ["brand"], window, previous, counted, names),
        feeds=_compared(rows, ["brand", "feed"], window, previous, counted, names),
        languages=_compared(rows, ["brand", "language"], window, previous, counted, names),
        moves=tuple(move for name in names for move in _moves(daily, name)),
        gaps=gaps,
        unlooked=counted.unlooked(names, window),
        held=tuple(map(date.fromisoformat, sorted(held))),
        restated=tuple(restated(query, window, ALL, as_of)),
    )


def coverage_gaps(query: Query, window: Window, as_of: datetime | None = None) -> tuple[Gap, ...]:
    """Runs of days of `window` that no fetch of a feed saw whole, with the outcome of the newest fetch."""
    query.read("coverage")
    rows = query.table(
        "SELECT feed, window_start, window_end, status, message FROM coverage "
        f"WHERE window_end >= DATE '{window.start}' AND window_start <= DATE '{window.end}' "
        f"AND {sql_until('fetched_at', as_of)} "
        "ORDER BY feed, fetched_at, status"
    ).to_pylist()
    last: dict[tuple[str, date], tuple[str, str | None]] = {}
    seen: set[tuple[str, date]] = set()
    for row in rows:
        start, end = max(row["window_start"], window.start), min(row["window_end"], window.end)
        for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
            if row["status"] in SEEN:
                seen.add((row["feed"], day))
            else:
                last[row["feed"], day] = (row["status"], row["message"])
    return tuple(_runs({place: why for place, why in sorted(last.items()) if place not in seen}))


def _runs(unseen: dict[tuple[str, date], tuple[str, str | None]]) -> Iterable[Gap]:
    run: Gap | None = None
    for (feed, day), (status, message) in unseen.items():
        if (
            run
            and (run.feed, run.status, run.message) == (feed, status, message)
            and day - run.end == timedelta(days=1)
        ):
            run = Gap(feed, run.start, day, status, message)
            continue
        if run:
            yield run
        run = Gap(feed, day, day, status, message)
    if run:
        yield run


def _rows(query: Query, window: Window, as_of: datetime | None) -> pd.DataFrame:
    view_current(query, query.at, window.days, as_of)
    frame: pd.DataFrame = query.table(
        f"SELECT published_date AS day, brand, feed, language, counted, {', '.join(COUNTS)} FROM daily_polarity "
        f"WHERE {sql_days(window.days)} ORDER BY day, brand, feed, language"
    ).to_pandas(date_as_object=True)
    return frame.astype(dict.fromkeys(("polarity_sum", "polarity_sum_squares"), "float64"))


def _pool(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    pooled = rows.groupby(keys, sort=True)[COUNTS].sum()
    pooled["mean"], pooled["low"], pooled["high"] = mean_interval(
        pooled["polarity_sum"], pooled["polarity_sum_squares"], pooled["scored"], pooled["distinct_texts"]
    )
    for name in ("negative", "unsure"):
        pooled[f"{name}_share"] = pooled[name] / pooled["scored"].where(pooled["scored"] > 0)
    return pooled


def _compared(
    rows: pd.DataFrame, keys: list[str], window: Window, previous: Window, counted: Counted, names: Sequence[str]
) -> pd.DataFrame:
    now = _pool(_between(rows, window), keys)
    before = _pool(_between(rows, previous), keys)
    order = _order(keys, now, before, window, counted, names)
    both = now.reindex(order).join(before.reindex(order), rsuffix="_before").reset_index()
    feeds = both["feed"] if "feed" in both else [None] * len(both)
    extents = [counted.extent(brand, feed, window, previous) for brand, feed in zip(both["brand"], feeds, strict=True)]
    for field in fields(Extent):
        both[field.name] = pd.Series([getattr(extent, field.name) for extent in extents], both.index, dtype=object)
    for suffix in ("", "_before"):
        columns = [f"{name}{suffix}" for name in COUNTS]
        both[columns] = both[columns].astype("float64").fillna(0)
        both.loc[both[f"counted{suffix}"] == 0, columns] = np.nan
    changes = difference_interval(
        both["mean"], both["low"], both["high"], both["mean_before"], both["low_before"], both["high_before"]
    )
    comparable = both["comparable"].to_numpy(dtype=bool)
    for name, values in zip(("change", "change_low", "change_high"), changes, strict=True):
        both[name] = np.where(comparable, values, np.nan)
    return both


def _order(
    keys: list[str],
    now: pd.DataFrame,
    before: pd.DataFrame,
    window: Window,
    counted: Counted,
    names: Sequence[str],
) -> pd.Index:
    """The groups to tell of: every brand; others that have posts in either period, and feeds not counted throughout."""
    if keys == ["brand"]:
        return pd.Index(names, name="brand")
    order = now.index[now["posts"] > 0].union(before.index[before["posts"] > 0])
    if keys != ["brand", "feed"]:
        return order
    days = set(map(date.fromisoformat, window.days)) & counted.computed
    short = [(name, feed) for name in names for feed in counted.feeds if days - counted.on(name, feed)]
    return order.union(pd.MultiIndex.from_tuples(short, names=keys)) if short else order


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of `frame` as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _between(rows: pd.DataFrame, window: Window) -> pd.DataFrame:
    return rows[(rows["day"] >= window.start) & (rows["day"] <= window.end)]


def _daily(
    rows: pd.DataFrame,
    names: Sequence[str],
    window: Window,
    gaps: Sequence[Gap],
    counted: Counted,
) -> pd.DataFrame:
    days = [date.fromisoformat(day) for day in window.days]
    lead = [window.start - timedelta(days=n) for n in range(BASE_DAYS, 0, -1)]
    unseen = {day for gap in gaps for day in gap.days}
    pooled = _pool(rows, ["brand", "day"])
    pieces = []
    for name in names:
        calendar = pd.MultiIndex.from_product([[name], lead + days], names=["brand", "day"])
        series = pooled.reindex(calendar)
        base = series[COUNTS].fillna(0).rolling(BASE_DAYS, min_periods=1).sum().shift(1)
        columns = ["polarity_sum", "polarity_sum_squares", "scored", "distinct_texts"]
        series["base"], series["base_low"], series["base_high"] = mean_interval(*(base[c].fillna(0) for c in columns))
        series["base_texts"] = base["distinct_texts"]
        pieces.append(series.iloc[BASE_DAYS:].reset_index())
    daily = pd.concat(pieces, ignore_index=True)
    gap = daily["day"].isin(unseen).to_numpy()
    absent = ~daily["day"].isin(counted.computed).to_numpy()
    texts, posts = daily["distinct_texts"].to_numpy(), daily["posts"].to_numpy()
    daily["status"] = np.select(
        [texts >= FEW, posts > 0, absent, np.isnan(posts), gap],
        ["ok", "few", "absent", "uncounted", "unseen"],
        default="zero",
    )
    daily["partial"] = gap & (posts > 0)
    daily["missing"] = [counted.missing(brand, day) for brand, day in zip(daily["brand"], daily["day"], strict=True)]
    return daily


def _moves(daily: pd.DataFrame, brand: str) -> list[Move]:
    """The largest changes of `brand` whose interval and that of the days before lie apart."""
    own = daily[daily["brand"] == brand].reset_index(drop=True)
    apart = (own["low"] > own["base_high"]) | (own["high"] < own["base_low"])
    found = own[apart & (own["status"] == "ok") & (own["base_texts"] >= FEW)]
    size = (found["mean"] - found["base"]).abs()
    chosen: list[int] = []
    for position in size.sort_values(ascending=False, kind="stable").index:
        if len(chosen) < MOVES and all(abs(position - other) > BASE_DAYS // 2 for other in chosen):
            chosen.append(position)
    return [
        Move(
            number=number,
            brand=brand,
            day=row["day"],
            mean=float(row["mean"]),
            low=float(row["low"]),
            high=float(row["high"]),
            base=float(row["base"]),
            posts=int(row["posts"]),
        )
        for number, (_, row) in enumerate(own.loc[sorted(chosen)].iterrows(), start=1)
    ]
