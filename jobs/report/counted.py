"""Which days, brands and feeds were ever looked for, so that what was never counted is told from zero."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import pandas as pd

from jobs.settings import Window

ENOUGH = 0.5
"""A period is compared with one that was counted on at least this part of its own feeds and days."""


@dataclass(frozen=True)
class Extent:
    """How far a group was counted in a period, and in the one before: on so many days.

    `computed` are the days of the period that have figures of anything. `since` is the first counted day, where the
    days before it are the only ones of these that were not counted.
    `new_feeds` were counted in the period and never in the one before. `comparable` says whether the one before was
    counted far enough to compare with.
    """

    computed: int
    counted: int
    counted_before: int
    since: date | None
    new_feeds: tuple[str, ...]
    comparable: bool


@dataclass(frozen=True)
class Unlooked:
    """Days that a brand was never looked for, in one feed or (None) in any."""

    brand: str
    feed: str | None
    spans: tuple[tuple[date, date], ...]


@dataclass(frozen=True)
class Counted:
    """The days that each brand was counted on in each feed, the feeds there are to count, and all days with figures."""

    computed: frozenset[date]
    days: Mapping[tuple[str, str], frozenset[date]]
    feeds: tuple[str, ...]

    @classmethod
    def of(cls, rows: pd.DataFrame, feeds: Iterable[str]) -> Counted:
        """Of `rows` (brand, feed, day, counted), with feeds of the settings that may have none."""
        cells = rows[rows["counted"]].groupby(["brand", "feed"])["day"]
        days = {(str(brand), str(feed)): frozenset(found) for (brand, feed), found in cells}
        return cls(frozenset(rows["day"]), days, tuple(dict.fromkeys([*feeds, *sorted(feed for _, feed in days)])))

    def on(self, brand: str, feed: str | None = None) -> frozenset[date]:
        """The days that `brand` was counted on in `feed`, by default in any."""
        feeds = self.feeds if feed is None else (feed,)
        return frozenset().union(*(self.days.get((brand, name), frozenset()) for name in feeds))

    def missing(self, brand: str, day: date) -> tuple[str, ...]:
        """The feeds that were not looked at for a `day` on which `brand` was counted in others."""
        absent = [feed for feed in self.feeds if day not in self.days.get((brand, feed), ())]
        return tuple(absent) if len(absent) < len(self.feeds) else ()

    def extent(self, brand: str, feed: str | None, window: Window, before: Window) -> Extent:
        """How far `brand` was counted in `window` and `before`, in `feed` or in any."""
        days, former = _within(self.on(brand, feed), window), _within(self.on(brand, feed), before)
        feeds = self.feeds if feed is None else (feed,)
        cells = {name: _within(self.on(brand, name), window) for name in feeds}
        cells_before = {name: _within(self.on(brand, name), before) for name in feeds}
        size, size_before = (sum(map(len, counted.values())) for counted in (cells, cells_before))
        there = _within(self.computed, window)
        begun = bool(days) and days < there and days == {day for day in there if day >= min(days)}
        return Extent(
            computed=len(there),
            counted=len(days),
            counted_before=len(former),
            since=min(days) if begun else None,
            new_feeds=tuple(name for name in feeds if former and cells[name] and not cells_before[name]),
            comparable=size_before >= ENOUGH * size,
        )

    def unlooked(self, names: Iterable[str], window: Window) -> tuple[Unlooked, ...]:
        """Days of `window` that were never looked for: of each feed, and of each of the brands `names` beyond those of
        the first, which counts every post."""
        every, *brands = names
        days = sorted(_within(self.computed, window))
        found = [Unlooked(every, feed, _spans(days, self.on(every, feed))) for feed in self.feeds]
        unseen = set(days) - self.on(every)
        found += [Unlooked(brand, None, _spans(days, self.on(brand) | unseen)) for brand in brands]
        return tuple(place for place in found if place.spans)


def _within(days: Collection[date], window: Window) -> set[date]:
    return {day for day in days if window.start <= day <= window.end}


def _spans(days: Sequence[date], counted: Collection[date]) -> tuple[tuple[date, date], ...]:
    """The runs of `days` that are not among those `counted`, first and last of each."""
    runs = groupby(days, key=lambda day: day in counted)
    spans = [list(run) for is_counted, run in runs if not is_counted]
    return tuple((run[0], run[-1]) for run in spans)
