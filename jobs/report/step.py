"""The report step: `daily_polarity` -> one HTML page, a workbook and a CSV, and the index of all reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from jobs.report.editions import Edition, editions_in, publish
from jobs.report.figures import ALL, gather
from jobs.report.language import Voice
from jobs.report.page import headline, render_index, render_page, title
from jobs.report.posts import behind
from jobs.report.quality import judge
from jobs.report.table import table
from jobs.report.workbook import workbook
from jobs.settings import Settings, Window
from jobs.storage import Lake
from models.files import write_whole

PAGE, TABLE, WORKBOOK, INDEX = "report.html", "daily_polarity.csv", "polarity.xlsx", "index.html"


class ReportError(ValueError):
    """There is nothing to report; the message says which days, and what to run."""


@dataclass(frozen=True)
class Report:
    """Where a report lies and what it covers. `path` is the page; the other files lie beside it."""

    path: Path
    index: Path
    start: str
    end: str
    posts: int
    mean_polarity: float | None


def report(settings: Settings, window: Window | None = None) -> Report:
    """Write the report of `window`, by default the last `report.days` days that `daily_polarity` reaches.

    The period is compared with the one of equal length before it. The files lie in `<reports>/<start>_<end>/` and the
    same lake and settings give the same bytes. Raises ReportError when no day of the window was ever aggregated, or
    when `reports` is no folder.
    """
    if "://" in settings.reports:
        raise ReportError(f"reports: {settings.reports}: reports are written to a folder; name one")
    lake, voice = Lake(settings.lake), Voice(settings.report.language)
    window = _window(lake, settings, window)
    with lake.query() as query:
        figures = gather(lake, query, settings, window)
        posts = behind(lake, query, settings, figures)
        quality = judge(lake, query, settings, window)
        rows = table(lake, query, window)
    folder = f"{window.start}_{window.end}"
    edition = Edition(folder, title(settings, voice), window.start, window.end, headline(figures, voice))
    reports = Path(settings.reports)
    publish(
        reports,
        edition,
        {
            TABLE: rows,
            WORKBOOK: workbook(settings, figures, posts, quality, voice),
            PAGE: render_page(settings, figures, posts, quality, voice).encode(),
        },
    )
    write_whole(reports / INDEX, render_index(editions_in(reports), voice))
    whole = figures.total(ALL)
    return Report(
        path=reports / folder / PAGE,
        index=reports / INDEX,
        start=window.start.isoformat(),
        end=window.end.isoformat(),
        posts=int(whole["posts"]),
        mean_polarity=None if math.isnan(whole["mean"]) else float(whole["mean"]),
    )


def _window(lake: Lake, settings: Settings, window: Window | None) -> Window:
    days = [date.fromisoformat(day) for day in lake.days("daily_polarity")]
    if not days:
        raise ReportError(f"{settings.lake}: daily_polarity holds no day yet; run the aggregate step first")
    if window is None:
        start = days[-1] - timedelta(days=settings.report.days - 1)
        return Window(start=max(start, days[0]), end=days[-1])
    if not any(window.start <= day <= window.end for day in days):
        raise ReportError(
            f"{settings.lake}: daily_polarity holds no day from {window.start} to {window.end}; "
            f"it reaches from {days[0]} to {days[-1]}: choose days of these, or run the aggregate step for yours"
        )
    return window
