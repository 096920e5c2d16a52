"""The report step: `daily_polarity` -> one HTML page, a workbook and a CSV, and the index of all reports."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts import contract
from jobs.settings import Settings, Window
from jobs.storage import Lake, Query, sql_days

if TYPE_CHECKING:
    from jobs.report.language import Voice
    from jobs.report.page import Edition

PAGE, TABLE, WORKBOOK, SUMMARY, INDEX = (
    "report.html",
    "daily_polarity.csv",
    "polarity.xlsx",
    "summary.json",
    "index.html",
)
CELL_STARTS = ("=", "+", "-", "@", "\t", "\r")


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
    from jobs.report.figures import ALL, gather
    from jobs.report.language import Voice
    from jobs.report.page import Edition, headline, render_page, title
    from jobs.report.posts import behind
    from jobs.report.quality import judge
    from jobs.report.workbook import workbook

    if "://" in settings.reports:
        raise ReportError(f"reports: {settings.reports}: reports are written to a folder; name one")
    lake, voice = Lake(settings.lake), Voice(settings.report.language)
    window = _window(lake, settings, window)
    with lake.query() as query:
        figures = gather(lake, query, settings, window)
        posts = behind(lake, query, settings, figures)
        quality = judge(lake, query, settings, window)
        table = _csv(lake, query, window)
    folder = f"{window.start}_{window.end}"
    edition = Edition(folder, title(settings, voice), window.start, window.end, headline(figures, voice))
    reports = Path(settings.reports)
    _publish(
        reports / folder,
        {
            TABLE: table,
            WORKBOOK: workbook(settings, figures, posts, quality, voice),
            SUMMARY: _summary(edition),
            PAGE: render_page(settings, figures, posts, quality, voice).encode(),
        },
    )
    write_index(reports, voice)
    whole = figures.total(ALL)
    return Report(
        path=reports / folder / PAGE,
        index=reports / INDEX,
        start=window.start.isoformat(),
        end=window.end.isoformat(),
        posts=int(whole["posts"]),
        mean_polarity=None if math.isnan(whole["mean"]) else float(whole["mean"]),
    )


def write_index(reports: Path, voice: Voice) -> Path:
    """Write the page that lists every report in `reports`, the newest period first; returns its path."""
    from jobs.report.page import render_index

    editions = sorted(editions_in(reports), key=lambda edition: (edition.end, edition.start), reverse=True)
    page = render_index(editions, voice)
    _replace(reports / INDEX, page.encode())
    return reports / INDEX


def editions_in(reports: Path) -> Iterator[Edition]:
    """Every finished report in `reports`, as its summary tells it."""
    from jobs.report.page import Edition, HeadlineFigure

    for path in sorted(reports.glob(f"[0-9]*_*/{SUMMARY}")):
        told = json.loads(path.read_text(encoding="utf-8"))
        figures: list[dict[str, Any]] = [
            {key: math.nan if value is None else value for key, value in figure.items()} for figure in told["figures"]
        ]
        yield Edition(
            folder=path.parent.name,
            title=told["title"],
            start=date.fromisoformat(told["start"]),
            end=date.fromisoformat(told["end"]),
            figures=tuple(HeadlineFigure(**figure) for figure in figures),
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


def _csv(lake: Lake, query: Query, window: Window) -> bytes:
    """The rows of `daily_polarity` in `window`, with its columns; text that a spreadsheet would run begins with '."""
    agreed = contract("daily_polarity")
    query.view("exported", "daily_polarity", lake.files("daily_polarity", window.days))
    columns = ", ".join(agreed.columns)
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(agreed.columns)
    # Sorted whole: parallel scans give their batches in any order.
    rows = query.batches(
        f"SELECT {columns} FROM exported WHERE {sql_days(window.days)} ORDER BY {', '.join(agreed.key)}"
    )
    for batch in rows:
        writer.writerows(zip(*(_column(batch.column(name)) for name in agreed.columns), strict=True))
    return sink.getvalue().encode()


def _column(values: pa.Array) -> list[Any]:
    return [harmless(value) if isinstance(value, str) else value for value in values.to_pylist()]


def harmless(text: str) -> str:
    """`text` so that a spreadsheet takes it for text: an apostrophe before what could begin a formula."""
    return f"'{text}" if text.startswith(CELL_STARTS) else text


def _summary(edition: Edition) -> bytes:
    told = asdict(edition) | {"start": edition.start.isoformat(), "end": edition.end.isoformat()}
    del told["folder"]
    told["figures"] = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in figure.items()}
        for figure in told["figures"]
    ]
    return (json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def _publish(folder: Path, files: dict[str, bytes]) -> None:
    """Put `files` in place as `folder`: a new folder appears whole, in an old one each file changes in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        aside = folder.parent / f".{folder.name}.{uuid.uuid4().hex}"
        aside.mkdir()
        try:
            for name, content in files.items():
                (aside / name).write_bytes(content)
            aside.rename(folder)
            return
        except OSError:
            # Another run may have published the same folder in the meantime; then its files are replaced below.
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    for name, content in files.items():
        _replace(folder / name, content)


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
