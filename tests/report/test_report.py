"""The step: one folder a period, the same bytes each time, an index, and a clear word when there is nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest

from data_contracts import contract
from jobs.lake.commits import published_since
from jobs.report import Report, ReportError, report
from jobs.settings import Settings, Window
from tests.lake.object_store import BUCKET, KEYS, client, keys, moto


def test_the_period_is_by_default_the_last_days_that_were_aggregated(made: Report, settings: Settings) -> None:
    assert (made.start, made.end) == ("2026-09-01", "2026-09-30")
    folder = Path(settings.reports) / "2026-09-01_2026-09-30"
    assert made.path == folder / "report.html"
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "polarity.xlsx",
        "daily_polarity.csv",
        "summary.json",
        "pins.json",
    }
    assert not [path for path in Path(settings.reports).iterdir() if path.name.startswith(".")]


def test_the_unsure_are_shown_beside_the_other_shares(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    assert re.search(r"<dt>Modelo em dúvida</dt><dd>\d+\s?%", page)
    assert '<th scope="col">Modelo em dúvida</th>' in page


def test_the_sentence_says_of_how_many_posts_some_could_not_be_scored(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    said = re.search(r"O humor de ([\d.]+) de ([\d.]+) publicações", page)
    assert said
    scored, posts = (int(count.replace(".", "")) for count in said.groups())
    assert scored < posts == made.posts


def test_a_second_run_gives_the_same_bytes(made: Report, settings: Settings, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.path.parent.iterdir()}
    inodes = {path.name: path.stat().st_ino for path in made.path.parent.iterdir()}
    report(settings)
    assert {path.name: path.read_bytes() for path in made.path.parent.iterdir()} == before
    elsewhere = report(settings.model_copy(update={"reports": str(tmp_path)}))
    there = {path.name: path.read_bytes() for path in elsewhere.path.parent.iterdir()}
    del before["report.html"], there["report.html"]  # names the settings by their hash, which holds the folder
    del before["polarity.xlsx"], there["polarity.xlsx"]
    del before["pins.json"], there["pins.json"]
    assert there == before
    assert inodes


def test_the_index_lists_reports_newest_first_with_their_figures(
    root: Path, small_lake: ModuleType, tmp_path: Path
) -> None:
    settings = small_lake.settings(root, "en").model_copy(update={"reports": str(tmp_path)})
    report(settings, Window(start=date(2026, 8, 10), end=date(2026, 8, 16)))
    newest = report(settings, Window(start=date(2026, 9, 14), end=date(2026, 9, 14)))
    page = newest.index.read_text(encoding="utf-8")
    assert page.index("2026-09-14_2026-09-14/report.html") < page.index("2026-08-10_2026-08-16/report.html")
    assert "14 September 2026" in page
    assert "Casa Brisa" in page


def test_the_language_of_the_settings_is_spoken(
    made: Report, root: Path, small_lake: ModuleType, tmp_path: Path
) -> None:
    english = report(small_lake.settings(root, "en", 7).model_copy(update={"reports": str(tmp_path)}))
    page, other = english.path.read_text(encoding="utf-8"), made.path.read_text(encoding="utf-8")
    assert '<html lang="en">' in page
    assert "Polarity over time" in page
    assert "24–30 September 2026" in page
    assert '<html lang="pt">' in other
    assert "Polaridade ao longo do tempo" in other
    assert "1 a 30 de setembro de 2026" in other


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("This model on more posts like these", "What people would say", "about 49% of a true change")),
        ("pt", ("Este modelo em mais publicações como estas", "O que as pessoas diriam", "49% de uma variação")),
    ],
)
def test_both_widths_and_the_slope_of_a_change_are_named_in_plain_words(
    language: str, said: tuple[str, ...], root: Path, small_lake: ModuleType, tmp_path: Path
) -> None:
    told = report(small_lake.settings(root, language, 1).model_copy(update={"reports": str(tmp_path)}))
    page = unescape(told.path.read_text(encoding="utf-8"))
    notes = [cell.value for cell in openpyxl.load_workbook(told.path.with_name("polarity.xlsx")).worksheets[0]["A"]]
    for words in said:
        assert words in page
        assert any(words in note for note in notes if note)


def test_the_summary_has_every_figure_with_both_widths_and_what_it_rests_on(made: Report) -> None:
    summary = json.loads(made.path.with_name("summary.json").read_text(encoding="utf-8"))
    for figure in summary["figures"]:
        for name, least in (("mean", -1), ("negative_share", 0), ("neutral_share", 0), ("positive_share", 0)):
            told = figure[name]
            assert least <= told["people_low"] <= told["model_low"] <= told["value"]
            assert told["value"] <= told["model_high"] <= told["people_high"] <= 1
            assert told["basis"] == "unlabelled"


def test_the_page_says_what_it_was_made_from(made: Report, settings: Settings) -> None:
    page = made.path.read_text(encoding="utf-8")
    assert settings.digest() in page
    assert "balanced-1" in page
    assert f"daily_polarity&nbsp;{contract('daily_polarity').version}" in page


def test_lineage_is_told_of_the_page_and_of_the_versions_it_is_made_from(made: Report, settings: Settings) -> None:
    pages = [page for page in published_since(datetime.min.replace(tzinfo=UTC)) if page.place == str(made.path)]
    pins = json.loads((made.path.parent / "pins.json").read_text())
    written = {name: version for name, version in pins["versions"].items() if version is not None}
    assert pages[0].made_from == {f"{settings.lake}/{name}": version for name, version in written.items()}


def test_a_page_of_thirty_days_is_small(made: Report) -> None:
    assert made.path.stat().st_size < 1_500_000


def test_a_window_without_a_day_is_an_error_that_names_the_days_there_are(settings: Settings) -> None:
    with pytest.raises(ReportError, match=r"2020-01-01 to 2020-01-31.*from 2026-08-02 to 2026-09-30"):
        report(settings, Window(start=date(2020, 1, 1), end=date(2020, 1, 31)))


def test_an_empty_lake_is_an_error_that_says_what_to_run(small_lake: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="run the aggregate step first"):
        report(small_lake.settings(tmp_path))
    assert not (tmp_path / "reports").exists()


def test_reports_may_go_to_an_object_store(made: Report, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    name_of, names = made.path.parent.name, {file.name for file in made.path.parent.iterdir()}
    with moto() as address:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        told = report(settings.model_copy(update={"reports": f"s3://{BUCKET}/reports"}))
        assert told.path == f"s3://{BUCKET}/reports/{name_of}/report.html"
        assert keys(address, "reports") == {*(f"{name_of}/{name}" for name in names), "index.html"}
        page = client(address).get_object(Bucket=BUCKET, Key="reports/index.html")["Body"].read().decode()
        assert f"{name_of}/report.html" in page


def test_a_period_nothing_was_said_in_is_a_report_of_nothing(
    root: Path, small_lake: ModuleType, tmp_path: Path
) -> None:
    settings = small_lake.settings(root, "en").model_copy(update={"reports": str(tmp_path)})
    quiet = report(settings, Window(start=small_lake.SILENT, end=small_lake.SILENT))
    assert (quiet.posts, quiet.mean_polarity) == (0, None)
    assert "No post of this period could be scored." in quiet.path.read_text(encoding="utf-8")


def test_a_report_that_fails_leaves_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="blocked"):
        report(settings.model_copy(update={"reports": str(tmp_path / "blocked")}))
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]
