from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from jobs.ingest.store import GROUP_ROWS
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import MOST_DAYS_KEPT, TABLES
from jobs.tidy import tidy
from jobs.validate import validate
from jobs.versions import INDEX, RAW
from tests import stored
from tests.place import FETCHED, PT, Place, item

DATASETS = ("raw_posts", "item_versions", "posts")
DAYS = ["2026-06-01", "2026-06-02"]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, so that nobody else's is swept."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two feeds that were each polled four times a day, each time with a new item, and validated."""
    place = Place(tmp_path_factory.mktemp("made"), ("posts", "shop"))
    for hour in range(4):
        for feed in ("posts", "shop"):
            place.write([item(f"{feed}-{hour}", DAYS[hour % 2], f"{PT} {hour}")], feed, str(hour))
        place.ingest(FETCHED + timedelta(hours=hour))
    validate(place.settings, DAYS)
    for name in State(place.lake).marked():
        (Path(place.lake.base) / f"_state/pending/{name}.json").unlink()
    return place


@pytest.fixture
def polled(made: Place, tmp_path: Path) -> Place:
    return made.copy(tmp_path / "polled")


def age(path: Path, hours: float) -> None:
    """Let `path` look as if it was written `hours` ago."""
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def on_disk(place: Place, table: str) -> set[str]:
    return {
        str(path.relative_to(place.lake.base)) for path in Path(place.lake.base, table).rglob("*.parquet")
        if "_delta_log" not in path.parts
    }  # fmt: skip


def test_small_files_become_one_a_day_and_feed_and_no_row_changes(polled: Place) -> None:
    before, view = polled.contents(*DATASETS), View(polled.lake)
    assert len(view.files(RAW)) == 8
    tidied = tidy(polled.settings)
    files = View(polled.lake).files(RAW)
    assert [(file.day, file.feed, file.rows) for file in files] == [
        (FETCHED.date().isoformat(), feed, 4) for feed in ("posts", "shop")
    ]
    assert polled.contents(*DATASETS) == before
    (raw,) = [table for table in tidied.tables if table.name == RAW]
    assert (raw.before, raw.after, raw.deleted) == (8, 2, 0)
    assert [table.name for table in tidied.tables] == list(TABLES)
    newest = DeltaTable(polled.lake.uri(RAW)).history(1)[0]
    assert (newest["step"], newest["cause"]) == ("tidy", "tidy")
    entries = Path(polled.lake.base, RAW, "_delta_log", f"{newest['version']:020}.json").read_text().splitlines()
    changes = [{**json.loads(entry)} for entry in entries]
    assert [c.get("add", c.get("remove"))["dataChange"] for c in changes if "add" in c or "remove" in c] == [False] * 10


def test_a_merged_file_is_sorted_and_grouped_as_a_fetched_one(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number, day in enumerate(reversed(DAYS)):
        place.add([item(f"{number}-{n}", day, str(n)) for n in range(GROUP_ROWS)], file=str(number))
    for name in State(place.lake).marked():
        State(place.lake).finish({name: []}, [])
    tidy(place.settings)
    (file,) = View(place.lake).files(RAW)
    stored_file = pq.ParquetFile(f"{place.lake.base}/{file.path}")
    assert [stored_file.metadata.row_group(n).num_rows for n in range(2)] == [GROUP_ROWS] * 2
    days = stored_file.read(columns=["published_date"])["published_date"].to_pylist()
    assert days == sorted(days)


def test_who_reads_an_older_version_still_can(polled: Place) -> None:
    view = View(polled.lake)
    files = view.files(RAW)
    tidy(polled.settings)
    with view.query() as query:
        query.read(RAW)
        assert query.rows(f"SELECT count(*) AS n FROM {RAW}") == [{"n": 8}]
    assert {file.path for file in files} <= on_disk(polled, RAW)


def test_a_second_tidying_finds_nothing_to_do(polled: Place) -> None:
    tidy(polled.settings)
    before = stored.versions(polled.lake)
    assert all(table.before == table.after and not table.deleted for table in tidy(polled.settings).tables)
    assert stored.versions(polled.lake) == before


def test_a_file_that_unfinished_work_is_marked_by_is_left_alone(polled: Place) -> None:
    (marked, *_) = View(polled.lake).files(RAW)
    State(polled.lake).mark(marked.name, DAYS)
    tidy(polled.settings)
    assert marked in View(polled.lake).files(RAW)
    assert State(polled.lake).pending() == {marked.name: DAYS}


def test_what_is_ingested_and_validated_after_it_is_as_if_it_had_not_been(polled: Place) -> None:
    tidy(polled.settings)
    validated = polled.files("judged_posts")
    validate(polled.settings, DAYS)
    assert polled.files("judged_posts") == validated
    polled.add([item("posts-0", DAYS[0], f"{PT} 0"), item("late", DAYS[0])], file="0", at=FETCHED + timedelta(hours=5))
    assert len(polled.rows(RAW)) == len(polled.rows(INDEX)) == 9
    validate(polled.settings, DAYS)
    assert len(polled.rows("posts")) == 9


def test_beside_a_writer_nothing_is_lost_and_nobody_waits(polled: Place) -> None:
    def write() -> None:
        for number in range(5):
            polled.write([item(f"more-{number}", DAYS[0], f"mais {number}")], "posts", f"more-{number}")
            polled.ingest(FETCHED + timedelta(hours=5))

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        tidy(polled.settings)
    writer.join()
    tidy(polled.settings)
    ids = [row["post_id"] for row in polled.rows(RAW)]
    assert len(ids) == len(set(ids)) == 13
    assert sorted(ids) == sorted(row["post_id"] for row in polled.rows(INDEX))


def test_what_was_replaced_is_deleted_when_no_reader_is_promised_it_any_more(
    polled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidy(polled.settings)
    replaced = on_disk(polled, RAW) - {file.path for file in View(polled.lake).files(RAW)}
    assert len(replaced) == 8
    _let_pass(polled, RAW, days=8)
    assert tidy(polled.settings, keep_days=9).tables[0].deleted == 0
    (raw, *_) = tidy(polled.settings, keep_days=7).tables
    assert raw.deleted == 8
    assert raw.freed_bytes > 0
    assert on_disk(polled, RAW) == {file.path for file in View(polled.lake).files(RAW)}
    assert len(polled.rows(RAW)) == 8


def _let_pass(place: Place, table: str, days: int) -> None:
    """Let the log of `table` look as if all of it was written `days` ago."""
    log = Path(place.lake.base, table, "_delta_log")
    for checkpoint in [*log.glob("*.checkpoint.parquet"), *log.glob("_last_checkpoint")]:
        checkpoint.unlink()

    def earlier(value: Any) -> Any:
        if isinstance(value, dict):
            stamps = ("timestamp", "modificationTime", "deletionTimestamp")
            return {k: v - days * 86_400_000 if k in stamps else earlier(v) for k, v in value.items()}
        return value

    for entry in log.glob("*.json"):
        lines = [json.dumps(earlier(json.loads(line))) for line in entry.read_text().splitlines()]
        entry.write_text("\n".join(lines))


def test_what_killed_processes_left_is_deleted_after_a_day(polled: Place, scratch: Path) -> None:
    lake = polled.lake
    folder = Path(lake.base, View(lake).files(RAW)[0].path).parent
    leftovers = {hours: folder / f"killed-{hours:012x}.parquet" for hours in (23, 25)}
    (folder / "notes.txt").touch()
    age(folder / "notes.txt", 25)
    for hours, path in leftovers.items():
        path.write_bytes(b"half")
        age(path, hours)
        State(lake).mark(f"never-{hours}", DAYS)
        age(Path(lake.base, f"_state/pending/never-{hours}.json"), hours)
        probe = Path(lake.base, f"_probe/{hours}/_delta_log/0.json")
        probe.parent.mkdir(parents=True)
        probe.touch()
        age(probe, hours)
        draft = Path(lake.base, f"_state/.{hours}")
        draft.touch()
        age(draft, hours)
        for process in (os.getpid(), 2**22 + 1):
            spill = scratch / f"sentinela-spill-{process}-{hours}"
            spill.mkdir()
            age(spill, hours)
    tidied = tidy(polled.settings)
    assert [path.exists() for path in leftovers.values()] == [True, False]
    assert (folder / "notes.txt").exists(), "it is not ours"
    assert State(lake).marked() == ["never-23"]
    assert [path.name for path in Path(lake.base, "_probe").iterdir()] == ["23"]
    assert sorted(path.name for path in Path(lake.base, "_state").glob(".*")) == [".23"]
    assert {path.name for path in scratch.glob("sentinela-spill-*-2[35]")} == {
        f"sentinela-spill-{os.getpid()}-23",
        f"sentinela-spill-{os.getpid()}-25",
        f"sentinela-spill-{2**22 + 1}-23",
    }
    assert tidied.tables[0].deleted == 1
    assert tidied.left == 4


def test_every_table_has_a_checkpoint_and_remembers_for_as_long_as_may_be_asked(polled: Place) -> None:
    tidy(polled.settings)
    for name in (RAW, INDEX, "judged_posts", "coverage"):
        assert list(Path(polled.lake.base, name, "_delta_log").glob("*.checkpoint.parquet"))
        configuration = DeltaTable(polled.lake.uri(name)).metadata().configuration
        assert configuration["delta.deletedFileRetentionDuration"] == f"interval {MOST_DAYS_KEPT} days"


def test_a_lake_that_is_not_there_has_nothing_to_tidy(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert all(table.before == table.after == 0 for table in tidy(place.settings).tables)
    assert not Path(place.lake.base).exists()


def test_a_temporary_folder_that_goes_while_one_tidies_is_nobodys_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / f"sentinela-spill-{2**22 + 1}-gone"
    monkeypatch.setattr(Path, "glob", lambda *_: iter([gone]))
    assert tidy(Place(tmp_path).settings).left == 0
