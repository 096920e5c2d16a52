"""The chain, written once: ingest, days carried through validate, score, twins, topics and aggregate, the report.

A run, replay and rebuild go through it; the DAGs call the same steps, a task each, and share the marks of unfinished
work with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jobs.aggregate import aggregate
from jobs.enrich.topics import topics
from jobs.enrich.twins import twins
from jobs.held import HeldDays, held_days, warn_of
from jobs.ingest import FeedError, Ingested, ingest
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.report import report
from jobs.score import score
from jobs.settings import STEPS, Settings, Window
from jobs.step import Order
from jobs.unfinished import finish, unfinished
from jobs.validate import Validated, validate
from jobs.versions import before_all, first_day

AT_ONCE = 16
"""So many feeds are fetched at once: they wait for servers most of the time, and one that hangs holds up no other."""


@dataclass(frozen=True)
class Outcome:
    """What a run made, and what it could not: messages of failed feeds and of days that it holds back."""

    days: list[str]
    report: Path
    failures: list[str]


@dataclass(frozen=True)
class Carried:
    """Days carried to daily_polarity, and those that were held back on the way."""

    validated: Validated
    held: HeldDays

    @property
    def days(self) -> list[str]:
        """All days that validation looked at, published or held back."""
        return [*self.validated.days, *self.validated.held]

    @property
    def failures(self) -> list[str]:
        """One line a reason for each day that this run is to be blamed for."""
        return [f"{day} held back: {reason}" for day, reasons in self.held.failing.items() for reason in reasons]


def run(settings: Settings, window: Window, report_window: Window | None = None) -> Outcome:
    """`restate` the datasets, then report on `report_window`, by default the newest period."""
    days, failures = restate(settings, window)
    return Outcome(days, report(settings, report_window).path, failures)


def restate(settings: Settings, window: Window) -> tuple[list[str], list[str]]:
    """Bring every dataset up to date for the days of `window`, all others that the feeds touch and what dead runs left.

    Returns the days, and the failures: a failing feed or a held day does not stop the others. Days that
    an earlier run held back are no failures of this one; a warning names them.
    """
    touched, failures = ingest_all(settings, [feed.name for feed in settings.feeds], window)
    marks = unfinished(settings)
    left = {day for asked in marks.values() for day in asked}
    first = first_day(View(Lake(settings.lake)))
    if refusal := before_all(first, window.end):
        failures.append(refusal)
    own = [day for day in window.days if not before_all(first, date.fromisoformat(day))]
    carried = carry(settings, {*own, *touched, *left}, own, newest=window.end)
    finish(settings, marks, carried.days)
    warn_of(View(Lake(settings.lake)), carried.held.older)
    return carried.validated.days, failures + carried.failures


def ingest_all(settings: Settings, feeds: Iterable[str], window: Window) -> tuple[set[str], list[str]]:
    """Ingest `feeds` side by side; the days that they touch, and a line for each feed that failed, in their order."""
    days: set[str] = set()
    failures: list[str] = []
    for feed, done in ingest_each(settings, feeds, window):
        if isinstance(done, FeedError):
            failures.append(str(done))
            continue
        days.update(done.days)
        if done.failed:
            failures.append(f"feed {feed!r}: {done.message}")
    return days, failures


def ingest_each(settings: Settings, feeds: Iterable[str], window: Window) -> Iterator[tuple[str, Ingested | FeedError]]:
    """Ingest `feeds`, AT_ONCE of them side by side; each with what came of it, in their order."""

    def one(feed: str) -> Ingested | FeedError:
        try:
            return ingest(settings, feed, window)
        except FeedError as fault:
            return fault

    names = list(feeds)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ingest")
    try:
        yield from zip(names, pool.map(one, names), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def carry(
    settings: Settings,
    days: Collection[str],
    own: Collection[str],
    newest: date | None = None,
    order: Order | None = None,
    steps: Collection[str] = STEPS,
) -> Carried:
    """Validate, score, enrich and add up `days`, or take only those of these `steps`; `own` are those of the run."""
    before = View(Lake(settings.lake)).held()
    validated = Validated(sorted(days), {}, posts=0, quarantined=0, deleted=0)
    if "validate" in steps:
        validated = validate(settings, validated.days, newest, order)
    if "score" in steps:
        score(settings, validated.days, order)
    if "enrich" in steps:
        twins(settings, validated.days, order)
        topics(settings, validated.days, order)
    if "aggregate" in steps:
        aggregate(settings, validated.days, order)
    return Carried(validated, held_days(validated, own, before))
