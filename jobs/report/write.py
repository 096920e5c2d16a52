"""The report step: `daily_polarity` -> one HTML page, a workbook and a CSV, and the index of all reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from jobs.brands import ALL
from jobs.enrich.reading import read_posts
from jobs.enrich.voices import make_voices
from jobs.lake.commits import PAGES, Publication
from jobs.lake.faults import LakeError
from jobs.lake.query import Query, View
from jobs.lake.table import Lake
from jobs.report import pins
from jobs.report.compared import preceding
from jobs.report.content import Content
from jobs.report.editions import Edition, editions_on, publish
from jobs.report.figures import Figures, gather
from jobs.report.language import Voice
from jobs.report.mattered import mattered
from jobs.report.page import headline, render_index, render_page, title
from jobs.report.pins import Pins
from jobs.report.posts import behind
from jobs.report.quality import quality_of
from jobs.report.table import table
from jobs.report.talk import talk
from jobs.report.telling import whole
from jobs.report.why import why
from jobs.report.workbook import workbook
from jobs.revisions import view_current
from jobs.settings import Settings, Window, load
from jobs.shelf import Shelf

PAGE, TABLE, WORKBOOK, INDEX = "report.html", "daily_polarity.csv", "polarity.xlsx", "index.html"


class ReportError(ValueError):
    """There is nothing to report; the message says which days, and what to run."""


@dataclass(frozen=True)
class Report:
    """Where a report lies and what it covers. `path` is the page; the other files lie beside it.

    In an object store both are addresses.
    """

    path: Path | str
    index: Path | str
    start: str
    end: str
    posts: int
    mean_polarity: float | None


@dataclass(frozen=True)
class Made:
    """The files of a report by name, what the index tells of it, and what it was made from."""

    files: dict[str, bytes]
    edition: Edition
    figures: Figures
    pins: Pins


def report(settings: Settings, window: Window | None = None, as_of: datetime | None = None) -> Report:
    """Write the report of `window`, by default the last `report.days` days that `daily_polarity` reaches.

    The period is compared with the one of equal length before it. The files lie in `<reports>/<start>_<end>/`, and the
    same lake and settings give the same bytes. With `as_of`, which has a zone, the figures are those recorded by then,
    and the folder's name ends in `_as-of-<moment>`. Raises ReportError when no day of the window was ever aggregated
    (by then).
    """
    view = View(Lake(settings.lake))
    view.versions()
    made = _make(view, settings, _window(view, settings, window, as_of), as_of)
    shelf = Shelf(settings.reports)
    publish(shelf, made.edition, {**made.files, pins.FILE: made.pins.written()})
    shelf.write(INDEX, render_index(editions_on(shelf), Voice(settings.report.language)).encode())
    total, path = made.figures.total(ALL), shelf.place(f"{made.edition.folder}/{PAGE}")
    PAGES.append(Publication(str(path), datetime.now(UTC), view.places()))
    return Report(
        path=path,
        index=shelf.place(INDEX),
        start=made.edition.start.isoformat(),
        end=made.edition.end.isoformat(),
        posts=whole(total["posts"]),
        mean_polarity=None if math.isnan(total["mean"]) else float(total["mean"]),
    )


def report_again(file: Path, config: Path | None = None) -> Path:
    """Write the report whose pins are `file` once more beside them, from the same versions; returns the page.

    The lake lies where the pins say, else where the settings file `config` says, of which nothing else is read. Raises
    PinsError when `file` holds no pins, LakeError when the lake no longer keeps what is pinned.
    """
    pinned, folder = Pins.read(file), file.resolve().parent
    pinned.warn_of_other_contracts()
    settings = pinned.settings_with(pinned.lake or load(config).lake)
    view = View(Lake(settings.lake), pinned.versions)
    view.versions()
    try:
        made = _make(view, settings, pinned.window, pinned.as_of, pinned.digest)
    except LakeError as fault:
        first = str(fault.__cause__ or fault).splitlines()[0]
        raise LakeError(f"{settings.lake}: the pinned versions are no longer kept whole: {first}") from fault
    publish(Shelf(str(folder.parent)), made.edition.moved(folder.name), made.files)
    return folder / PAGE


def _make(view: View, settings: Settings, window: Window, as_of: datetime | None, digest: str | None = None) -> Made:
    voice = Voice(settings.report.language)
    with view.query() as query:
        days = Window(start=preceding(window).start, end=window.end).days
        read_posts(query, settings, days, as_of)
        make_voices(query, days)
        figures = gather(query, settings, window, as_of)
        quality = quality_of(query, settings, window)
        posts, reasons = behind(query, settings, figures), why(query, settings, figures)
        quoted = (*posts.posts, *(one.post for told in reasons.values() for one in told.influences))
        content = Content(
            settings=settings,
            figures=figures,
            behind=posts,
            talk=talk(query, settings, figures),
            why=reasons,
            mattered=mattered(query, settings, quoted),
            quality=quality,
            pins=Pins.of(view, settings, window, as_of, quality.models, digest or settings.digest()),
        )
        rows = table(query, settings, figures.names, window)
    folder = f"{window.start}_{window.end}" + (f"_as-of-{_stamp(as_of)}" if as_of else "")
    return Made(
        files={
            TABLE: rows,
            WORKBOOK: workbook(content, voice),
            PAGE: render_page(content, voice).encode(),
        },
        edition=Edition(folder, title(settings, voice), window.start, window.end, as_of, headline(figures, voice)),
        figures=figures,
        pins=content.pins,
    )


def _stamp(as_of: datetime) -> str:
    moment = as_of.astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}{f'.{moment:%f}' if moment.microsecond else ''}Z"


def _window(view: View, settings: Settings, window: Window | None, as_of: datetime | None) -> Window:
    days = view.days("daily_polarity")
    if as_of and days:
        with view.query() as query:
            days = _recorded(query, as_of)
    found = [date.fromisoformat(day) for day in days]
    if not found:
        when = f" as of {as_of.isoformat()}" if as_of else ""
        raise ReportError(f"{settings.lake}: daily_polarity holds no day yet{when}; run the aggregate step first")
    if window is None:
        start = found[-1] - timedelta(days=settings.report.days - 1)
        return Window(start=max(start, found[0]), end=found[-1])
    if not any(window.start <= day <= window.end for day in found):
        raise ReportError(
            f"{settings.lake}: daily_polarity holds no day from {window.start} to {window.end}; "
            f"it reaches from {found[0]} to {found[-1]}: choose days of these, or run the aggregate step for yours"
        )
    return window


def _recorded(query: Query, as_of: datetime) -> list[str]:
    """The days that had been recorded by `as_of`."""
    view_current(query, query.at, None, as_of)
    rows = query.rows("SELECT DISTINCT published_date AS day FROM daily_polarity ORDER BY day")
    return [row["day"].isoformat() for row in rows]
