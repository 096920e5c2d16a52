"""The verdicts of reports, better or worse, before a range is reprocessed and after it.

Days that were not tried are moved as far as the tried ones moved, by brand, feed and language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from jobs.brands import ALL
from jobs.report.claims import Known
from jobs.report.compared import compared
from jobs.report.counted import Counted
from jobs.report.language import Voice
from jobs.settings import Settings, Window

MOST = 12
"""At most so many periods are looked at, the newest ones."""
CELL = ["brand", "feed", "language"]
SHIFTED = ["distinct_texts", "distinct_polarity_sum", "distinct_polarity_sum_squares"]
"""What a verdict is made from."""


@dataclass(frozen=True)
class Flip:
    """The verdict on a brand in the period from `start` to `end`, compared with the one before, before and after."""

    brand: str
    start: date
    end: date
    before: str
    after: str


def shifted(before: pd.DataFrame, after: pd.DataFrame, tried: Collection[str], stale: Collection[str]) -> pd.DataFrame:
    """`before` with the rows of the `tried` days from `after`, and the other `stale` days moved by as much a text."""
    own = {date.fromisoformat(day) for day in tried}
    rest = {date.fromisoformat(day) for day in stale} - own
    then, now = (rows[rows["day"].isin(own)].groupby(CELL)[SHIFTED].sum() for rows in (before, after))
    texts = then["distinct_texts"].where(then["distinct_texts"] > 0)
    by_text = (now - then).div(texts, axis=0).fillna(0).add_prefix("shift_").reset_index()
    moved = before[~before["day"].isin(own)].merge(by_text, "left", CELL)
    scale = moved["distinct_texts"].where(moved["day"].isin(rest), 0)
    for name in SHIFTED:
        moved[name] = moved[name] + scale * moved[f"shift_{name}"].fillna(0)
    return pd.concat([moved[before.columns], after[after["day"].isin(own)]], ignore_index=True)


def flips(settings: Settings, made: Window, before: pd.DataFrame, after: pd.DataFrame) -> tuple[Flip, ...]:
    """Verdicts that would come out otherwise: of the newest report, and of those before it, as far as days of `made`
    lie in them or in the period that they compare with."""
    names = (ALL, *(brand.name for brand in settings.brands))
    voice, found = Voice(settings.report.language), []
    for period in _periods(before["day"].max(), settings.report.days, made):
        then, now = (_verdicts(settings, period, names, rows, voice) for rows in (before, after))
        found += [
            Flip(name, period.start, period.end, then[name], now[name]) for name in names if then[name] != now[name]
        ]
    return tuple(found)


def _periods(newest: date, days: int, made: Window) -> Iterator[Window]:
    end, length = newest, timedelta(days=days)
    for _ in range(MOST):
        if end < made.start:
            return
        period = Window(start=end - length + timedelta(days=1), end=end)
        if period.start - length <= made.end:
            yield period
        end -= length


def _verdicts(
    settings: Settings, period: Window, names: Sequence[str], rows: pd.DataFrame, voice: Voice
) -> dict[str, str]:
    own = rows[rows["brand"].isin(names)]
    counted = Counted.of(own, (feed.name for feed in settings.feeds))
    groups = compared(own[own["counted"]], ["brand"], period, counted, names, Known())
    ends = zip(groups["brand"], groups["change_low"], groups["change_high"], strict=True)
    return {name: voice.verdict(low, high) for name, low, high in ends}
