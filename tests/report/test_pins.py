"""A report says what it was made from, and is made again from that, byte for byte, whatever came later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from jobs.lake.faults import LakeError
from jobs.lake.query import View
from jobs.lake.table import TABLES, Lake
from jobs.report import PinsError, Report, report, report_again
from jobs.report.pins import Pins
from jobs.settings import EngineChoice, Feed, Settings
from tests import stored
from tests.lake.object_store import BUCKET, KEYS, moto

DAYS = 12
START = date(2026, 9, 5)
FILES = ("report.html", "polarity.xlsx", "daily_polarity.csv", "summary.json")


def settings_of(small_lake: ModuleType, root: Path, **changes: Any) -> Settings:
    made: Settings = small_lake.settings(root, "en", days=7)
    return made.model_copy(update=changes)


def later_runs(small_lake: ModuleType, lake: Lake) -> None:
    """Posts of the last day come late and its figures are restated; one day more comes in."""
    last = START + timedelta(days=DAYS - 1)
    for day in (last, last + timedelta(days=1)):
        posts = stored.rows(lake, "scored_posts", [last.isoformat()])[:8]
        posts = [row | {"post_id": f"late-{n}", "published_date": day, "polarity": -0.9} for n, row in enumerate(posts)]
        for dataset in ("scored_posts", "posts", "item_versions"):
            stored.put(lake, dataset, [small_lake._as(row, dataset) for row in posts])
        stored.put(lake, "daily_polarity", small_lake.daily_rows(posts, [day]))
    stored.put(lake, "coverage", small_lake._coverage(last))


@pytest.fixture(params=["folder", pytest.param("object store", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a lake is to lie: a folder, or a bucket of a real S3 API on loopback."""
    if request.param == "folder":
        yield str(tmp_path / "lake")
        return
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with moto() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield f"s3://{BUCKET}/lake"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_a_pinned_report_is_made_again_after_later_runs(place: str, small_lake: ModuleType, tmp_path: Path) -> None:
    settings = settings_of(small_lake, tmp_path, lake=place)
    small_lake.build(tmp_path, START, DAYS, daily_posts=14, hostile=False, lake=place)
    first = report(settings)
    before = contents(first.path.parent)
    copy = tmp_path / "elsewhere" / "kept"
    copy.mkdir(parents=True)
    (copy / "pins.json").write_bytes(first.path.with_name("pins.json").read_bytes())

    later_runs(small_lake, Lake(place))
    assert contents(report(settings, Pins.read(copy / "pins.json").window).path.parent) != before

    assert report_again(copy / "pins.json") == copy / "report.html"
    assert contents(copy) == before
    assert not (tmp_path / "elsewhere" / "index.html").exists()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, small_lake: ModuleType) -> Path:
    root = tmp_path_factory.mktemp("pins")
    small_lake.build(root, START, DAYS, daily_posts=10, hostile=False)
    return root


@pytest.fixture
def written(once: Path, small_lake: ModuleType, tmp_path: Path) -> Report:
    return report(settings_of(small_lake, once, reports=str(tmp_path)))


def test_the_pins_name_versions_period_settings_contracts_and_models(written: Report, once: Path) -> None:
    pins = Pins.read(written.path.with_name("pins.json"))
    assert pins.versions == View(Lake(str(once / "lake"))).versions()
    assert set(pins.versions) == set(TABLES)
    assert (str(pins.window.start), str(pins.window.end), pins.as_of) == (written.start, written.end, None)
    assert pins.models == ("balanced-1",)
    assert {"daily_polarity", "coverage", "posts"} <= set(pins.contracts)
    assert [brand["name"] for brand in pins.settings["brands"]] == ["Aurora", "Casa Brisa"]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_page_and_workbook_print_the_versions(
    once: Path, small_lake: ModuleType, tmp_path: Path, language: str
) -> None:
    made = report(small_lake.settings(once, language, 7).model_copy(update={"reports": str(tmp_path)}))
    version = Pins.read(made.path.with_name("pins.json")).versions["daily_polarity"]
    page = made.path.read_text(encoding="utf-8")
    label = {"en": "Table versions", "pt": "Versões das tabelas"}[language]
    assert label in page
    assert f"daily_polarity&nbsp;{version}" in page
    notes = openpyxl.load_workbook(made.path.with_name("polarity.xlsx")).worksheets[0].iter_rows(values_only=True)
    assert any(row[0] == label and f"daily_polarity {version}" in row[1] for row in notes)


def test_no_secret_gets_into_the_pins(once: Path, small_lake: ModuleType, tmp_path: Path) -> None:
    settings: Settings = settings_of(small_lake, once, reports=str(tmp_path))
    keyed = Feed(name="keyed", kind="news", reader="rss", url="https://feeds.example/rss?key=hush&lang=pt#hush")
    engine = EngineChoice(kind="spark", master="local[2]", options={"spark.hadoop.fs.s3a.secret.key": "hush"})
    made = report(settings.model_copy(update={"feeds": (*settings.feeds, keyed), "engine": engine}))
    told = made.path.with_name("pins.json").read_text(encoding="utf-8")
    assert "hush" not in told
    assert "https://feeds.example/rss" in told
    before = contents(made.path.parent)
    report_again(made.path.with_name("pins.json"))
    assert contents(made.path.parent) == before


@pytest.mark.parametrize("lake", ["s3://key:hush@bucket/lake", "abfs://box@account/lake?sig=hush"])
def test_a_lake_whose_address_holds_a_secret_is_left_out(once: Path, small_lake: ModuleType, lake: str) -> None:
    settings, view = settings_of(small_lake, once), View(Lake(str(once / "lake")))
    window = Pins.read(report(settings).path.with_name("pins.json")).window
    pins = Pins.of(view, settings.model_copy(update={"lake": lake}), window, None, (), "digest")
    assert pins.lake is None
    assert b"hush" not in pins.written()


def test_a_lake_that_the_pins_do_not_name_is_that_of_the_settings_file(written: Report, once: Path) -> None:
    pins = written.path.with_name("pins.json")
    before, told = contents(pins.parent), json.loads(pins.read_text(encoding="utf-8"))
    del told["settings"]["lake"]
    pins.write_text(json.dumps(told), encoding="utf-8")
    config = once / "other.yaml"
    config.write_text(
        f"lake: {once / 'lake'}\nbrands: [{{name: Other, terms: [other]}}]\n"
        "feeds: [{name: other, kind: news, reader: rss, path: x.xml}]\n",
        encoding="utf-8",
    )
    report_again(pins, config)
    assert contents(pins.parent) == before


def test_versions_that_are_not_kept_are_an_error_that_names_them(written: Report) -> None:
    pins = written.path.with_name("pins.json")
    told = json.loads(pins.read_text(encoding="utf-8"))
    told["versions"]["scored_posts"] = 99
    pins.write_text(json.dumps(told), encoding="utf-8")
    before = contents(pins.parent)
    with pytest.raises(LakeError, match=r"version 99 of .*scored_posts"):
        report_again(pins)
    assert contents(pins.parent) == before


def test_versions_whose_files_are_gone_are_an_error_that_names_one(small_lake: ModuleType, tmp_path: Path) -> None:
    small_lake.build(tmp_path, START, 3, daily_posts=5, hostile=False)
    made = report(settings_of(small_lake, tmp_path))
    gone = View(Lake(str(tmp_path / "lake"))).files("scored_posts")[0].path
    (tmp_path / "lake" / gone).unlink()
    with pytest.raises(LakeError, match=f"no longer kept.*{gone.split('/')[-1]}"):
        report_again(made.path.with_name("pins.json"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"window": {"start": "soon", "end": "late"}}'])
def test_a_file_without_pins_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pins.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(PinsError, match=rf"^{file}: no pins of a report: [^\n]+$"):
        report_again(file)


def test_a_moment_is_pinned_with_its_zone(once: Path, small_lake: ModuleType, tmp_path: Path) -> None:
    moment = datetime(2026, 9, 30, 6, tzinfo=UTC)
    made = report(settings_of(small_lake, once, reports=str(tmp_path)), as_of=moment)
    pins = made.path.with_name("pins.json")
    assert Pins.read(pins).as_of == moment
    before = contents(pins.parent)
    report_again(pins)
    assert contents(pins.parent) == before
