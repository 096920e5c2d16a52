"""What a feed usually has: days of which a fetch that was answered whole left suspiciously few items, or none.

A server that answers with an empty page, or with a part and no sign of it, is not told from a quiet day but by this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import numpy as np

from jobs.coverage import looked_for
from jobs.lake.query import View, sql_days
from jobs.lake.table import as_day
from jobs.versions import INDEX

WEEKS = 8
"""A day is compared with the same weekday of so many weeks before."""
SHOWN = 3
"""So many days are told in a sentence."""


@dataclass(frozen=True)
class Scarce:
    """A published day with suspiciously few items of a feed, and how many are usual on that weekday."""

    day: str
    items: int
    usual: float


def scarce(view: View, feed: str, days: Iterable[str]) -> list[Scarce]:
    """Those of `days` (YYYY-MM-DD) that have suspiciously few items of `feed`, sorted.

    They are compared with the same weekdays before that the feed was looked at for; items count by the day of any of
    their versions.
    """
    before = {day: _same_weekdays(day) for day in sorted(set(days))}
    counts = _counts(view, feed, [*before, *(other for others in before.values() for other in others)])
    doubtful = [day for day, others in before.items() if _may_be_few(counts[day], [counts[other] for other in others])]
    if not doubtful:  # almost always, and then SciPy need not be loaded
        return []
    from jobs.statistics.unusual import suspiciously_few

    looked = looked_for(view, [other for day in doubtful for other in before[day]], feeds={feed})
    found = []
    for day in doubtful:
        usual = [counts[other] for other in before[day] if looked[other]]
        if suspiciously_few(counts[day], usual):
            found.append(Scarce(day, counts[day], float(median(usual))))
    return found


def sentence(found: Sequence[Scarce]) -> str | None:
    """What the ledger says of `found`; None when there is nothing to say."""
    if not found:
        return None
    told = ", ".join(f"{one.day} has {one.items} where {one.usual:g} are usual" for one in found[:SHOWN])
    more = f", and {len(found) - SHOWN} more days" if len(found) > SHOWN else ""
    return f"suspiciously few items: {told}{more}; see whether the source still gives all that it had"


def _same_weekdays(day: str) -> list[str]:
    return [(date.fromisoformat(day) - timedelta(weeks=n)).isoformat() for n in range(1, WEEKS + 1)]


def _may_be_few(count: int, before: Sequence[int]) -> bool:
    """Whether `count` could be suspicious, whichever of the days `before` without items were looked at: these lower
    what is usual. Most counts could not, and the ledger need not be opened for them."""
    some = [other for other in before if other]
    return bool(some) and bool(count < np.quantile(some, 0.25))


def _counts(view: View, feed: str, days: Iterable[str]) -> Counter[str]:
    with view.query() as query:
        query.view(INDEX, INDEX, [file for file in view.files(INDEX) if file.feed == feed])
        rows = query.rows(f"""
            SELECT published_date, count(DISTINCT post_id) AS items FROM {INDEX}
            WHERE {sql_days(days)} GROUP BY published_date
        """)
    return Counter({as_day(row["published_date"]): row["items"] for row in rows})
