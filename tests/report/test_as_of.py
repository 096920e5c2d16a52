"""Figures of a former moment, and what moved since a day was first recorded."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from jobs.brands import ALL
from jobs.enrich.reading import read_posts
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.report import ReportError, report
from jobs.report.figures import Figures, gather
from jobs.settings import Settings, Window
from jobs.status import status
from tests import stored

START, DAYS = date(2026, 8, 10), 12
LATE, EDITED = date(2026, 8, 19), date(2026, 8, 17)
FIRST = datetime(2026, 8, 23, tzinfo=UTC)
"""Every day had been recorded once."""
SECOND, THIRD = datetime(2026, 8, 24, tzinfo=UTC), datetime(2026, 8, 25, tzinfo=UTC)
WINDOW = Window(start=START + timedelta(days=5), end=START + timedelta(days=DAYS - 1))


def restate(lake: Lake, rows: Sequence[dict[str, Any]], day: date, moment: datetime, cause: str, add: int) -> None:
    """Put a revision of `day` beside the former: `add` very negative posts more of the feed mastodon."""
    points = [row for row in rows if row["published_date"] == day and row["brand"] == ALL]
    newest = max(points, key=lambda row: (row["feed"] == "mastodon", row["language"] == "pt", row["recorded_at"]))
    counts = ("posts", "distinct_texts", "scored", "negative")
    sums = [f"{once}{name}" for once in ("", "distinct_") for name in ("polarity_sum_squares", "negative_sum")]
    changed = newest | {name: newest[name] + add for name in (*counts, *sums)}
    changed |= {name: newest[name] - add for name in ("polarity_sum", "distinct_polarity_sum")}
    changed |= {"recorded_at": moment, "cause": cause}
    mean = changed["distinct_polarity_sum"] / changed["distinct_texts"]
    changed |= {"mean_polarity": mean, "model_low": mean, "model_high": mean}
    stored.put(lake, "daily_polarity", [*(row for row in rows if row["published_date"] == day), changed])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, small_lake: ModuleType) -> Settings:
    """Days recorded once each, the 19th restated for late items and the 17th, a day later, for an edit."""
    root = tmp_path_factory.mktemp("as_of")
    small_lake.build(root, START, DAYS, daily_posts=20, hostile=False)
    made: Settings = small_lake.settings(root, "en")
    lake = Lake(made.lake)
    restate(lake, stored.rows(lake, "daily_polarity"), LATE, SECOND, "late items", 10)
    restate(lake, stored.rows(lake, "daily_polarity"), EDITED, THIRD, "edits", 4)
    failed = small_lake._coverage(LATE)[0] | {"fetched_at": THIRD, "fetched_date": THIRD.date(), "status": "failed"}
    never = failed | {"window_start": WINDOW.end, "window_end": WINDOW.end, "feed": "late", "status": "complete"}
    stored.put(lake, "coverage", [failed, never])
    return made


def figures_of(settings: Settings, as_of: datetime | None) -> Figures:
    with View(Lake(settings.lake)).query() as query:
        read_posts(query, settings, WINDOW.days, as_of)
        return gather(query, settings, WINDOW, as_of)


def test_figures_are_those_recorded_by_then(settings: Settings) -> None:
    posts = {at: figures_of(settings, at).total(ALL)["posts"] for at in (FIRST, SECOND, THIRD, None)}
    assert posts[SECOND] == posts[FIRST] + 10
    assert posts[THIRD] == posts[None] == posts[FIRST] + 14


def test_a_day_that_was_not_recorded_by_then_was_not_computed(settings: Settings) -> None:
    morning = datetime(2026, 8, 20, tzinfo=UTC)
    daily = figures_of(settings, morning).daily.set_index(["brand", "day"])["status"]
    assert daily[ALL, date(2026, 8, 18)] == "ok"
    assert daily[ALL, date(2026, 8, 20)] == "absent"


def test_what_moved_is_told_newest_first_with_its_cause(settings: Settings) -> None:
    edited, late = figures_of(settings, None).restated
    assert (edited.day, edited.causes, edited.posts) == (EDITED, ("edits",), 4)
    assert (late.day, late.causes, late.posts) == (LATE, ("late items",), 10)
    days = figures_of(settings, None).daily.set_index(["brand", "day"])["mean"]
    assert late.mean == pytest.approx(days[ALL, LATE])
    assert late.before == pytest.approx(
        figures_of(settings, FIRST).daily.set_index(["brand", "day"])["mean"][ALL, LATE]
    )
    assert [day.day for day in figures_of(settings, SECOND).restated] == [LATE]
    assert figures_of(settings, FIRST).restated == ()


@pytest.mark.parametrize(
    ("language", "said"), [("en", r"19 Aug moved −0."), ("pt", "19 de ago. mudou −0,")], ids=["en", "pt"]
)
def test_the_report_lists_it(settings: Settings, tmp_path: Path, language: str, said: str) -> None:
    spoken = settings.report.model_copy(update={"language": language})
    made = report(settings.model_copy(update={"report": spoken, "reports": str(tmp_path)}), WINDOW)
    assert said in unescape(made.path.read_text(encoding="utf-8"))
    book = openpyxl.load_workbook(made.path.with_name("polarity.xlsx")).worksheets[-1]
    moved = [row for row in book.iter_rows(values_only=True) if row[4] in ("late items", "itens tardios")]
    assert [row[0].date() for row in moved] == [LATE]


def test_a_report_of_a_moment_says_so_and_lies_apart(settings: Settings, tmp_path: Path) -> None:
    apart = settings.model_copy(update={"reports": str(tmp_path)})
    newest, former = report(apart, WINDOW), report(apart, WINDOW, SECOND)
    assert former.path.parent.name == f"{newest.path.parent.name}_as-of-20260824T000000Z"
    assert former.posts == newest.posts - 4
    page = unescape(former.path.read_text(encoding="utf-8"))
    assert "As of 24 August 2026, 00:00 UTC." in page
    assert "a text that was edited since is shown as it reads today" in page
    assert "As of" not in unescape(newest.path.read_text(encoding="utf-8"))
    notes = openpyxl.load_workbook(former.path.with_name("polarity.xlsx")).worksheets[0]
    assert str(notes["A3"].value).startswith("As of 24 August 2026")
    with former.path.with_name("daily_polarity.csv").open(encoding="utf-8", newline="") as source:
        assert max(row["recorded_at"] for row in csv.DictReader(source)) == str(SECOND)
    index = unescape(former.index.read_text(encoding="utf-8"))
    assert index.index(f"{newest.path.parent.name}/") < index.index("Figures of a former moment")
    assert index.index("Figures of a former moment") < index.index(f"{former.path.parent.name}/")


def test_posts_first_seen_later_are_not_shown(settings: Settings, tmp_path: Path, small_lake: ModuleType) -> None:
    day = START + timedelta(days=DAYS - 1)
    until = datetime(day.year, day.month, day.day, 23, tzinfo=UTC) + timedelta(days=1)
    root = tmp_path / "lake"
    small_lake.build(tmp_path, day, 1, daily_posts=30, hostile=False)
    lake = Lake(str(root))
    rows = stored.rows(lake, "scored_posts")
    late = [row | {"first_seen_at": until, "text": f"Chegou tarde {n}"} for n, row in enumerate(rows)]
    stored.put(lake, "scored_posts", late)
    here = settings.model_copy(update={"lake": str(root), "reports": str(tmp_path)})
    window = Window(start=day, end=day)
    assert "Chegou tarde" in report(here, window).path.read_text(encoding="utf-8")
    assert "Chegou tarde" not in report(here, window, until - timedelta(hours=1)).path.read_text(encoding="utf-8")


def test_fetches_after_the_moment_are_not_known_yet(settings: Settings) -> None:
    assert [gap.start for gap in figures_of(settings, THIRD).gaps] == []
    assert {feed.feed for feed in status(settings, SECOND)} == {"avaliacoes", "mastodon", "noticias"}
    assert "late" in {feed.feed for feed in status(settings, THIRD)}


def test_nothing_recorded_by_then_is_an_error_that_says_so(settings: Settings) -> None:
    with pytest.raises(ReportError, match="holds no day yet as of 2026-08-01"):
        report(settings, WINDOW, datetime(2026, 8, 1, tzinfo=UTC))


def test_status_of_a_moment_counts_what_was_recorded_by_then(settings: Settings) -> None:
    def posts(at: datetime) -> tuple[int, int]:
        mastodon = next(feed for feed in status(settings, at) if feed.feed == "mastodon")
        assert mastodon.undated is None
        return mastodon.days[str(LATE)][0], mastodon.posts

    day, whole = posts(FIRST)
    assert posts(SECOND) == (day + 10, whole + 10)
    assert posts(THIRD) == (day + 10, whole + 14)
