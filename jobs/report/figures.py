"""The numbers of a report: small frames made from `daily_polarity`, `coverage` and `labels`.

Groups are pooled by adding up the stored sums, so every figure of the page can be made again from the rows of
`daily_polarity.csv`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from jobs.brands import ALL
from jobs.lake.query import Query
from jobs.report.claims import Checked, checked, known_of
from jobs.report.compared import Bridge, between, bridge, compared, history, preceding
from jobs.report.counted import Counted, Unlooked
from jobs.report.gaps import Few, Gap, coverage_gaps, read_coverage, scarce
from jobs.report.moves import Move, Standing, Surge, lead, moves, standing, surges
from jobs.report.pooled import STORED, pool
from jobs.report.restated import Restated, restated
from jobs.report.steps import RuleStep, Step, rule_steps, steps
from jobs.revisions import read_revisions
from jobs.settings import Settings, Window

FEW = 5
"""A day with fewer different texts than this is drawn apart from the line."""


@dataclass(frozen=True)
class Figures:
    """What a report is made of.

    `daily` has one row per brand and day of the window (brand, day, what `pool` gives, base, status, partial,
    missing), `base` being the mean that is usual; `brands` one per brand, `feeds` and `languages` one per brand and
    group, as `compared` gives them. Polarity lies in [-1, 1], shares in [0, 1]; they are NaN where nothing was scored.
    Counts are NaN where nothing was ever counted; a change is, where the period before was hardly counted.

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
    surges: tuple[Surge, ...]
    bridges: tuple[Bridge, ...]
    gaps: tuple[Gap, ...]
    scarce: tuple[Few, ...]
    unlooked: tuple[Unlooked, ...]
    held: tuple[date, ...]
    restated: tuple[Restated, ...]
    checked: tuple[Checked, ...]
    steps: tuple[Step, ...]
    rule_steps: tuple[RuleStep, ...]

    def total(self, brand: str) -> pd.Series:
        """The row of `brand` over the whole period."""
        return self.brands[self.brands["brand"] == brand].iloc[0]


def gather(query: Query, settings: Settings, window: Window, as_of: datetime | None = None) -> Figures:
    """Every figure of `window`, compared with the period before it, as recorded by `as_of` where given.

    Which days were held back at a former moment is not known, so none is named then.
    """
    names = (ALL, *(brand.name for brand in settings.brands))
    reach = Window(start=min(history(window).start, lead(window).start), end=window.end)
    read_revisions(query, reach.days, as_of)
    read_coverage(query, as_of)
    rows = _rows(query)
    rows = rows[rows["brand"].isin(names)]
    counted = Counted.of(rows, (feed.name for feed in settings.feeds))
    rows = rows[rows["counted"]]
    known = known_of(query, settings, window, as_of)
    gaps = coverage_gaps(query, window)
    unseen = {day for gap in coverage_gaps(query, reach) for day in gap.days}
    found = standing(rows, names, window, unseen, counted)
    daily = _daily(rows, names, window, unseen, counted, found)
    held = set(query.at.held()) & set(window.days) if as_of is None else set()
    brands, feeds, languages = (
        compared(rows, keys, window, counted, names, known)
        for keys in (["brand"], ["brand", "feed"], ["brand", "language"])
    )
    return Figures(
        window=window,
        previous=preceding(window),
        names=names,
        daily=daily,
        brands=brands,
        feeds=feeds,
        languages=languages,
        moves=tuple(move for place, name in enumerate(names) for move in moves(daily, name, place, found)),
        surges=tuple(surge for place, name in enumerate(names) for surge in surges(daily, name, place, found)),
        bridges=tuple(filter(None, (bridge(rows, name, window) for name in _comparable(brands)))),
        gaps=gaps,
        scarce=scarce(query, window),
        unlooked=counted.unlooked(names, window),
        held=tuple(map(date.fromisoformat, sorted(held))),
        restated=tuple(restated(query, window, ALL, as_of)),
        checked=checked(between(rows, window), known),
        steps=steps(query, window, ALL),
        rule_steps=rule_steps(query, window, ALL),
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of `frame` as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _comparable(brands: pd.DataFrame) -> list[str]:
    return [row["brand"] for row in records(brands) if row["comparable"]]


def _rows(query: Query) -> pd.DataFrame:
    columns = ", ".join(("brand", "feed", "kind", "language", "counted", "made_from", *STORED))
    frame: pd.DataFrame = query.table(
        f"SELECT published_date AS day, {columns} FROM daily_polarity ORDER BY day, brand, feed, language"
    ).to_pandas(date_as_object=True)
    return frame.astype(dict.fromkeys(STORED, "float64"))


def _daily(
    rows: pd.DataFrame,
    names: Sequence[str],
    window: Window,
    unseen: set[date],
    counted: Counted,
    found: Standing,
) -> pd.DataFrame:
    calendar = pd.MultiIndex.from_product([names, map(date.fromisoformat, window.days)], names=["brand", "day"])
    daily = pool(between(rows, window), ["brand", "day"]).reindex(calendar).reset_index()
    daily["base"] = found.usual.ravel()
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
