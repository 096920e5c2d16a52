"""The whole line by hand, as the DAG runs it: ingest, validate, score, aggregate, report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from jobs.aggregate import aggregate
from jobs.held import held_days, warn_of
from jobs.ingest import FeedError, ingest
from jobs.report import report
from jobs.score import score
from jobs.settings import Settings, Window
from jobs.storage import Lake
from jobs.unfinished import finish, unfinished
from jobs.validate import validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a run made, and what it could not: messages of failed feeds and of days that it holds back."""

    days: list[str]
    report: Path
    failures: list[str]


def run(settings: Settings, window: Window, report_window: Window | None = None) -> Outcome:
    """`restate` the datasets, then report on `report_window`, by default the newest period."""
    days, failures = restate(settings, window)
    return Outcome(days, report(settings, report_window).path, failures)


def restate(settings: Settings, window: Window) -> tuple[list[str], list[str]]:
    """Bring every dataset up to date for the published days of `window` and all other days that the feeds touch.

    Returns the days, and the failures: a failing feed or a held day does not stop the others. Days that
    an earlier run held back are no failures of this one; a warning names them.
    """
    days: set[str] = set(window.days)
    failures: list[str] = []
    for feed in settings.feeds:
        try:
            ingested = ingest(settings, feed.name, window)
        except FeedError as fault:
            failures.append(str(fault))
            continue
        days.update(ingested.days)
        if ingested.failed:
            failures.append(f"feed {feed.name!r}: {ingested.message}")
    marks, before = unfinished(settings), Lake(settings.lake).held()
    days.update(*marks.values())
    validated = validate(settings, sorted(days), newest=window.end)
    held = held_days(validated, window.days, before)
    failures += [f"{day} held back: {reason}" for day, reasons in held.failing.items() for reason in reasons]
    warn_of(held.older)
    score(settings, validated.days)
    aggregate(settings, validated.days)
    finish(settings, marks, [*validated.days, *validated.held])
    return validated.days, failures
