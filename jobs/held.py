"""Which held days make a run red: its own and those that it is the first to hold back; older ones are a warning.

What holds a day back is said in validate, and how it comes out again in quarantine.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.lake.query import View
from jobs.lake.table import as_day

if TYPE_CHECKING:
    from jobs.validate import Validated

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldDays:
    """Days held back after a run: the `failing` ones with their reasons, and the `older` ones, sorted."""

    failing: dict[str, list[str]]
    older: list[str]


def held_days(validated: Validated, own: Collection[str], before: Collection[str]) -> HeldDays:
    """Sort the held days of the run of the days `own`; `before` are those that were held when it began."""
    failing = {day: reasons for day, reasons in validated.held.items() if day in own or day not in before}
    return HeldDays(failing, sorted({*before, *validated.held} - {*validated.days, *failing}))


def warn_of(view: View, older: Sequence[str]) -> None:
    """Log a line for each of the days `older`: since when it is held back, and how to look at it."""
    if not older:
        return
    with view.query() as query:
        query.read("quarantine", older, held=True)
        found = query.rows("SELECT published_date, min(first_seen_at) AS moment FROM quarantine GROUP BY ALL")
    since = {as_day(row["published_date"]): row["moment"] for row in found}
    for day in older:
        when = f" of {since[day]:%Y-%m-%d %H:%M} UTC" if day in since else ""
        log.warning(
            "%s is held back since an earlier run%s; see `sentinela quarantine list --held --date %s`", day, when, day
        )
