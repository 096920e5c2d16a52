"""What was never looked for is told from zero, everywhere in a report; brands that change are counted anew."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
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
from jobs.pipeline import run
from jobs.report import Report, report
from jobs.report.figures import Figures, gather
from jobs.report.pooled import COUNTS
from jobs.report.posts import behind
from jobs.settings import Settings, Window
from tests import stored
from tests.place import Place, item

WINDOW = Window(start=date(2026, 9, 1), end=date(2026, 9, 30))
BRAND_ADDED, FEED_ADDED = date(2026, 9, 5), date(2026, 9, 12)
BEFORE = date(2026, 9, 4)
FIGURES = [*COUNTS, "quarantined", "mean_polarity", "model_low", "model_high"]


def as_it_was(row: dict[str, Any]) -> dict[str, Any] | None:
    """A row of daily_polarity of a lake where a brand and a feed were added late: none, or one without figures."""
    if row["brand"] == "Casa Brisa" and row["published_date"] < BRAND_ADDED:
        return None
    if row["feed"] == "noticias" and row["published_date"] < FEED_ADDED:
        return row | {"counted": False} | dict.fromkeys(FIGURES)
    return row


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory, small_lake: ModuleType) -> Settings:
    """The feed noticias is looked at from 12 September on, Casa Brisa counted from the 5th, the feed fórum never."""
    root = tmp_path_factory.mktemp("late")
    small_lake.build(root, hostile=False)
    lake = Lake(str(root / "lake"))
    stored.put(lake, "daily_polarity", filter(None, map(as_it_was, stored.rows(lake, "daily_polarity"))))
    settings: Settings = small_lake.settings(root, "en")
    forum = settings.feeds[0].model_copy(update={"name": "forum"})
    return settings.model_copy(update={"feeds": (*settings.feeds, forum)})


def figures_of(settings: Settings, window: Window = WINDOW) -> Figures:
    with View(Lake(settings.lake)).query() as query:
        read_posts(query, settings, window.days)
        return gather(query, settings, window)


@pytest.fixture(scope="module")
def figures(late: Settings) -> Figures:
    return figures_of(late)


@pytest.fixture(scope="module")
def written(late: Settings) -> Report:
    return report(late, WINDOW)


def test_a_day_before_a_brand_was_counted_is_no_zero(figures: Figures, small_lake: ModuleType) -> None:
    days = figures.daily.set_index(["brand", "day"])
    assert days.loc[("Casa Brisa", BEFORE), "status"] == "uncounted"
    assert days.loc[("Casa Brisa", BEFORE), COUNTS].isna().all()
    assert days.loc[(ALL, BEFORE), "status"] == "ok"
    assert days.loc[("Casa Brisa", small_lake.SILENT), "status"] == "zero"
    assert days.loc[("Casa Brisa", small_lake.SILENT), "posts"] == 0
    assert days.loc[("Casa Brisa", small_lake.ABSENT), "status"] == "absent"
    assert days.loc[("Casa Brisa", small_lake.UNSEEN), "status"] == "unseen"


def test_a_day_names_the_feeds_that_were_not_looked_at(figures: Figures) -> None:
    missing = figures.daily.set_index(["brand", "day"])["missing"]
    assert missing[ALL, BEFORE] == ("noticias", "forum")
    assert missing[ALL, FEED_ADDED] == ("forum",)
    assert missing["Casa Brisa", BEFORE] == ()


def test_brands_and_feeds_say_from_which_day_they_were_counted(figures: Figures) -> None:
    brands = figures.brands.set_index("brand")
    assert brands.loc["Casa Brisa", ["computed", "counted", "since"]].tolist() == [29, 25, BRAND_ADDED]
    assert brands.loc[ALL, ["computed", "counted", "since"]].tolist() == [29, 29, None]
    feeds = figures.feeds.set_index(["brand", "feed"])
    assert feeds.loc[(ALL, "noticias"), "since"] == FEED_ADDED
    assert feeds.loc[(ALL, "forum"), "counted"] == 0
    assert feeds.loc[(ALL, "forum"), COUNTS].isna().all()


def test_days_not_looked_for_are_listed_by_feed_and_brand(figures: Figures) -> None:
    first, last = WINDOW.start, WINDOW.end
    found = {(place.brand, place.feed): place.spans for place in figures.unlooked}
    assert found[ALL, "noticias"] == ((first, date(2026, 9, 11)),)
    assert found["Casa Brisa", None] == ((first, BEFORE),)
    assert found[ALL, "forum"] == ((first, last),)


def test_nothing_is_compared_with_a_period_that_was_not_counted(figures: Figures) -> None:
    brands = figures.brands.set_index("brand")
    assert brands.loc["Casa Brisa", ["change", "change_low", "posts_before"]].isna().all()
    assert brands.loc["Aurora", ["change", "change_low", "posts_before"]].notna().all()


@pytest.mark.parametrize(
    ("start", "end", "counted_before", "is_compared"),
    [(date(2026, 9, 8), date(2026, 9, 17), 3, False), (date(2026, 9, 6), date(2026, 9, 7), 1, True)],
    ids=["hardly", "half"],
)
def test_a_period_that_was_counted_in_part_is_said_so_and_a_hardly_counted_one_not_compared(
    late: Settings, start: date, end: date, counted_before: int, is_compared: bool
) -> None:
    brand = figures_of(late, Window(start=start, end=end)).brands.set_index("brand").loc["Casa Brisa"]
    assert brand["counted_before"] == counted_before
    assert (brand["change"] == brand["change"]) == is_compared


def test_feeds_new_in_the_period_are_named(late: Settings) -> None:
    week = Window(start=date(2026, 9, 12), end=date(2026, 9, 18))
    assert figures_of(late, week).brands.set_index("brand").loc[ALL, "new_feeds"] == ("noticias",)


def test_a_window_that_nobody_looked_at_is_a_report_that_says_so(late: Settings, tmp_path: Path) -> None:
    day = Window(start=BEFORE, end=BEFORE)
    only = late.model_copy(update={"feeds": late.feeds[2:3], "reports": str(tmp_path)})
    lake = Lake(str(tmp_path / "lake"))
    rows = [row for row in stored.rows(Lake(late.lake), "daily_polarity", day.days) if row["feed"] == "noticias"]
    stored.put(lake, "daily_polarity", rows)
    told = report(only.model_copy(update={"lake": lake.root}), day)
    assert (told.posts, told.mean_polarity) == (0, None)
    assert "No feed was looked at for these days." in told.path.read_text(encoding="utf-8")
    assert "not looked for" in told.index.read_text(encoding="utf-8")


def test_the_page_shows_it(written: Report) -> None:
    page = unescape(written.path.read_text(encoding="utf-8"))
    assert "Counted since 5 Sept" in page
    assert "Period before: not counted" in page
    assert "What was not looked for" in page
    assert "1 Sept–11 Sept" in page
    assert '<bdi>forum</bdi><br><span class="note">not looked for</span>' in page
    row = page[page.index('<div data-brand="Casa Brisa"') :]
    assert '<td>–</td><td class="words">not looked for</td>' in row[: row.index("</table>")]


def test_portuguese_says_it_too(late: Settings, tmp_path: Path) -> None:
    spoken = late.report.model_copy(update={"language": "pt"})
    settings = late.model_copy(update={"report": spoken, "reports": str(tmp_path)})
    page = report(settings, Window(start=WINDOW.start, end=date(2026, 9, 13))).path.read_text(encoding="utf-8")
    for said in ("Monitoramento desde 5 de set.", "monitoramento desde 12 de set.", "Período anterior: não monitorado"):
        assert said in page


def test_the_charts_show_it_unlike_zero_and_unlike_could_not_see(written: Report) -> None:
    page = written.path.read_text(encoding="utf-8")
    assert page.count('"s":"uncounted"') == 4
    assert '"lacks":"not looked for"' in page
    assert "Not looked for (–)" in page


def cells(rows: Sequence[Sequence[Any]], *wanted: Any) -> Sequence[Any]:
    """The first of `rows` that begins with `wanted`."""
    return next(row for row in rows if tuple(row[: len(wanted)]) == wanted)


def test_the_workbook_shows_it(written: Report) -> None:
    book = openpyxl.load_workbook(written.path.with_name("polarity.xlsx"))
    days = [[row[0].date(), *row[1:]] for row in book["Daily"].iter_rows(min_row=2, values_only=True)]
    unlooked = cells(days, BEFORE, "Casa Brisa")
    assert unlooked[2:] == [None] * 10 + ["not looked for"]
    assert cells(days, date(2026, 9, 9), "Casa Brisa")[5] == 0
    groups = list(book["By feed and language"].iter_rows(values_only=True))
    forum = cells(groups, "All posts", "Feed", "forum")
    assert (forum[14], forum[25]) == (None, "not looked for")
    summary = list(book["Summary"].iter_rows(values_only=True))
    assert cells(summary, "Casa Brisa")[23:25] == ("counted since 5 Sept", "period before: not counted")
    quality = list(book["Quality"].iter_rows(values_only=True))
    assert cells(quality, "noticias", "1 Sept–11 Sept")
    assert "not looked for" in cells(quality, "forum", 0)


def test_the_csv_has_rows_without_figures_of_what_was_not_counted(written: Report) -> None:
    with written.path.with_name("daily_polarity.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    unlooked = [row for row in rows if row["counted"] == "False"]
    assert {(row["brand"], row["feed"]) for row in unlooked if row["published_date"] == str(BEFORE)} == {
        *((brand, feed) for brand in (ALL, "Aurora") for feed in ("noticias", "forum")),
        *(("Casa Brisa", feed) for feed in ("avaliacoes", "mastodon", "noticias", "forum")),
    }
    assert {row[name] for row in unlooked for name in FIGURES} == {""}
    assert all(row["posts"].isdigit() for row in rows if row["counted"] == "True")


def test_figures_and_examples_agree_after_a_run_with_other_terms(tmp_path: Path) -> None:
    days = ("2026-06-01", "2026-06-02")
    place = Place(tmp_path, brands=[{"name": "Rede", "terms": ["aurora"]}])
    place.write([item("a", days[0], "A Aurora fez um café delicioso, adorei"), item("b", days[0], "A Brisa foi ótima")])
    window = Window(start=date(2026, 6, 2), end=date(2026, 6, 2))
    for term in ("aurora", "brisa"):
        place.configure(brands=[{"name": "Rede", "terms": [term]}])
        run(place.settings, window)
        with View(place.lake).query() as query:
            read_posts(query, place.settings, days)
            figures = gather(query, place.settings, Window(start=date(2026, 6, 1), end=window.end))
            texts = {post.text for post in behind(query, place.settings, figures).period["Rede"].all}
        assert figures.total("Rede")["posts"] == len(texts) == 1
        assert all(term in text.lower() for text in texts)
