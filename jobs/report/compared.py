"""Groups of a period beside the one before: their figures in both, the change, and what of it is like for like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
import pandas as pd

from jobs.report.claims import Known, with_claims
from jobs.report.counted import Counted, Extent
from jobs.report.cube import Cube
from jobs.report.pooled import STORED, pool
from jobs.settings import Window
from jobs.statistics.bridge import split
from jobs.statistics.changes import compare_within

HISTORY_DAYS = 56
"""So many days before both periods tell how days swing."""
CHANGES = ("change", "change_mix", "change_within", "change_low", "change_high")


@dataclass(frozen=True)
class Step:
    """What one segment of a brand did to the change of its mean: by its share of the texts, and by its own mean."""

    feed: str
    language: str
    mix: float
    within: float


@dataclass(frozen=True)
class Bridge:
    """Why a brand's mean moved between two periods: the steps add up to `after` - `before`, the largest first."""

    brand: str
    before: float
    after: float
    steps: tuple[Step, ...]

    @property
    def change(self) -> float:
        """What there is to explain."""
        return self.after - self.before


def preceding(window: Window) -> Window:
    """The period of equal length that ends the day before `window` starts."""
    length = window.end - window.start
    end = window.start - timedelta(days=1)
    return Window(start=end - length, end=end)


def history(window: Window) -> Window:
    """The days before `window` and the period before it that tell how days swing."""
    end = preceding(window).start - timedelta(days=1)
    return Window(start=end - timedelta(days=HISTORY_DAYS - 1), end=end)


def compared(
    rows: pd.DataFrame, keys: list[str], window: Window, counted: Counted, names: Sequence[str], known: Known
) -> pd.DataFrame:
    """One row for each group by `keys` (brand first), from `rows` that reach back to the start of `history`.

    Figures of the period, with the suffix `_before` of the one before; CLAIMED and `basis`; what an Extent has; and
    CHANGES: `change` is that of the mean, of which `change_mix` came from segments that grew or shrank and
    `change_within` from their own means, which lies between `change_low` and `change_high`.
    """
    previous = preceding(window)
    present, former = between(rows, window), between(rows, previous)
    now, before = pool(present, keys), pool(former, keys)
    order = _order(keys, now, before, window, counted, names)
    both = now.reindex(order).join(before.reindex(order), rsuffix="_before").reset_index()
    feeds = both["feed"] if "feed" in both else [None] * len(both)
    extents = [counted.extent(brand, feed, window, previous) for brand, feed in zip(both["brand"], feeds, strict=True)]
    for field in fields(Extent):
        both[field.name] = pd.Series([getattr(extent, field.name) for extent in extents], both.index, dtype=object)
    for suffix in ("", "_before"):
        columns = [f"{name}{suffix}" for name in STORED]
        both[columns] = both[columns].astype("float64").fillna(0)
        both.loc[both[f"counted{suffix}"] == 0, columns] = np.nan
    with_claims(both, present, keys, window, known)
    _add_changes(both, rows, order, window)
    return both


def bridge(rows: pd.DataFrame, brand: str, window: Window) -> Bridge | None:
    """Why the mean of `brand` moved since the period before; None where one of them had no texts."""
    own = rows[rows["brand"] == brand]
    cube = Cube.of(own, pd.Index([brand], name="brand"), Window(start=preceding(window).start, end=window.end))
    now, before = (cube.within(period).arrays() for period in (window, preceding(window)))
    (n0, s0), (n1, s1) = ((daily[0][0].sum(axis=-1), daily[1][0].sum(axis=-1)) for daily in (before, now))
    if not (n0.sum() and n1.sum()):
        return None
    parts = split(n0, s0, n1, s1)
    steps = [
        Step(feed, language, float(mix), float(within))
        for (feed, language), mix, within in zip(cube.segments, parts.mix, parts.within, strict=True)
        if mix or within
    ]
    steps.sort(key=lambda step: -abs(step.mix) - abs(step.within))
    return Bridge(brand, float(s0.sum() / n0.sum()), float(s1.sum() / n1.sum()), tuple(steps))


def between(rows: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The rows of the days of `window`."""
    return rows[(rows["day"] >= window.start) & (rows["day"] <= window.end)]


def _add_changes(both: pd.DataFrame, rows: pd.DataFrame, groups: pd.Index, window: Window) -> None:
    cube = Cube.of(rows, groups, Window(start=history(window).start, end=window.end))
    before, now, past = (cube.within(period) for period in (preceding(window), window, history(window)))
    change = compare_within(before, now, past)
    both["change"] = both["mean"] - both["mean_before"]
    both["change_within"], both["change_low"], both["change_high"] = change.change, change.low, change.high
    both["change_mix"] = both["change"] - both["change_within"]
    both.loc[~both["comparable"].to_numpy(dtype=bool), list(CHANGES)] = np.nan


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
