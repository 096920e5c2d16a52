"""What the tasks of `daily_polarity` do of ours, and a lake in which they have nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.settings import Settings, Window, load

if TYPE_CHECKING:
    from tests.place import Place

DAYS = ["2026-06-29", "2026-06-30"]
LAST = date.fromisoformat(DAYS[-1])


def up_to_date(folder: Path) -> Place:
    """A lake in `folder` whose DAYS are made; the clock of this process stands still the day after."""
    from jobs.pipeline import restate  # what makes things loads what the tasks should do without
    from tests.artefacts import by_rules
    from tests.place import FETCHED, PT, Place, item

    os.environ["SOURCE_DATE_EPOCH"] = str(int(FETCHED.timestamp()))
    place = Place(folder)
    place.write([item(f"a-{day}", day, PT) for day in DAYS])
    by_rules(folder / "models", "words", "1", {"bom": 1.0})
    place.configure(scoring={"model": "models/words/1"}, topics=[{"name": "Service", "terms": ["atendimento"]}])
    _, failures = restate(place.settings, Window(start=FETCHED.date() - timedelta(days=1), end=FETCHED.date()))
    assert not failures
    return place


def feeds(settings: Settings) -> None:
    settings.today()


def ingest(settings: Settings) -> None:
    from jobs.ingest import ingest

    ingest(settings, settings.feeds[0].name, Window(start=LAST, end=LAST))


def validate(settings: Settings) -> None:
    from jobs.held import held_days
    from jobs.lake.query import View
    from jobs.lake.table import Lake
    from jobs.unfinished import unfinished
    from jobs.validate import validate
    from jobs.versions import before_all, first_day

    view = View(Lake(settings.lake))
    unfinished(settings)
    assert not before_all(first_day(view), LAST)
    held_days(validate(settings, DAYS, newest=LAST), DAYS, view.held())


def score(settings: Settings) -> None:
    from jobs.score import score

    score(settings, DAYS)


def enrich(settings: Settings) -> None:
    from jobs.enrich.topics import topics
    from jobs.enrich.twins import twins

    twins(settings, DAYS)
    topics(settings, DAYS)


def aggregate(settings: Settings) -> None:
    from jobs.aggregate import aggregate
    from jobs.unfinished import finish

    aggregate(settings, DAYS)
    finish(settings, {}, DAYS)


def verdict(settings: Settings) -> None:
    from jobs.alerts.runs import conclude
    from jobs.held import warn_of
    from jobs.lake.query import View
    from jobs.lake.table import Lake

    conclude(settings, "daily_polarity", ("validate", "score", "enrich", "aggregate"), ["posts"], [], finished=True)
    warn_of(View(Lake(settings.lake)), [])


TASKS: tuple[Callable[[Settings], None], ...] = (feeds, ingest, validate, score, enrich, aggregate, verdict)


def run_all() -> None:
    """Every task, one after the other, in this process."""
    settings = load()
    for task in TASKS:
        task(settings)
