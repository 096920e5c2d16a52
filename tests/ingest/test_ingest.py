from __future__ import annotations

import json
import resource
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts import contract
from jobs.ingest import FeedError, ingest
from jobs.ingest.feed import author_key
from jobs.ingest.folder import FolderError
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import UNDATED, Lake, LakeError
from jobs.read.read import READERS
from jobs.read.record import Record
from jobs.settings import Feed, Settings, SettingsError, Window

Desk = Callable[..., Any]


def put(desk: Any, items: list[dict[str, Any]], name: str = "a.jsonl") -> None:
    (desk.folder / name).write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")


def post(number: int, day: str | None = "2026-09-03", **more: Any) -> dict[str, Any]:
    return {"id": number, "date": day and f"{day}T12:00:00Z", "text": f"bom dia {number}", **more}


def test_items_are_stored_on_the_days_they_were_published(desk: Desk, present: datetime) -> None:
    olist = desk()
    put(
        olist,
        [post(1, "2026-09-03"), post(2, "2026-09-04"), post(3, "2026-09-03"), post(4, None), post(5, "2031-01-01")],
    )
    done = olist.ingest()
    assert (done.feed, done.status, done.message) == ("olist", "complete", None)
    assert done.days == ["2026-09-03", "2026-09-04", UNDATED]
    assert (done.items_seen, done.items_new, done.failed) == (5, 5, False)
    rows = olist.rows()
    assert [row["position"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["published_date"] for row in rows] == [date(2026, 9, 3), date(2026, 9, 4), date(2026, 9, 3), None, None]
    assert {row["fetched_at"] for row in rows} == {present}
    assert {row["source"] for row in rows} == {str(olist.folder / "a.jsonl")}
    assert {file.day for file in View(olist.lake).files("raw_posts")} == {"2026-10-01"}, "by the day of the fetch"


def test_the_same_bytes_again_add_nothing_and_lose_nothing(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1), post(2, None)])
    olist.ingest()
    files, ledger = olist.files(), olist.rows("coverage")
    again = olist.ingest()
    assert again.days == []
    assert (again.status, again.items_seen, again.items_new) == ("unchanged", 0, 0)
    assert olist.files() == files
    assert olist.rows("coverage") == ledger


def test_the_same_bytes_under_another_name_are_the_same_batch(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    olist.ingest()
    (olist.folder / "a.jsonl").rename(olist.folder / "b.jsonl")
    assert olist.ingest().items_new == 0
    assert len(olist.rows()) == 1


def test_a_changed_file_adds_what_is_new_of_it_and_leaves_the_old_rows(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    olist.ingest()
    before = olist.files()
    put(olist, [post(1), post(2)])
    done = olist.ingest()
    assert (done.items_seen, done.items_new, done.days) == (2, 1, ["2026-09-03"])
    after = olist.files()
    assert {name: content for name, content in after.items() if name in before} == before
    assert {row["post_id"] for row in olist.rows()} == {"1", "2"}
    assert len({row["batch_id"] for row in olist.rows()}) == 2


def test_the_same_bytes_read_another_way_are_new_where_they_say_something_else(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1, headline="título")])
    olist.ingest()
    done = desk(columns={"title": "headline"}).ingest()
    assert done.items_new == 1
    assert {row["title"] for row in olist.rows()} == {None, "título"}


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("2026-09-03", "2026-09-05", ["2026-09-03", "2026-09-05"]),
        (None, "2026-09-05", ["2026-09-05", UNDATED]),
        ("2026-09-03", None, ["2026-09-03", UNDATED]),
    ],
)
def test_an_item_whose_date_moved_touches_its_old_day(
    desk: Desk, old: str | None, new: str | None, touched: list[str]
) -> None:
    olist = desk()
    put(olist, [post(1, old), post(2, "2026-09-10")])
    olist.ingest()
    put(olist, [post(1, new)])
    done = olist.ingest()
    assert done.days == touched
    assert olist.ingest().days == [], "a repeat touches nothing"


def test_items_of_other_feeds_touch_nothing(desk: Desk) -> None:
    put(desk(), [post(1, "2026-09-03")])
    desk().ingest()
    (desk().folder / "a.jsonl").unlink()
    settings = desk(name="b2w").settings
    put(desk(), [post(1, "2026-09-05")])
    done = ingest(settings, "b2w", Window(start=date(2026, 9, 30), end=date(2026, 9, 30)))
    assert done.days == ["2026-09-05"]


def test_unreadable_records_are_kept_with_their_error(desk: Desk) -> None:
    olist = desk()
    (olist.folder / "a.jsonl").write_text(json.dumps(post(1)) + '\n{"id": 2, "te\n[3]\n', encoding="utf-8")
    assert olist.ingest().items_seen == 3
    errors = [(row["position"], row["read_error"], row["published_date"]) for row in olist.rows() if row["read_error"]]
    assert [(position, day) for position, _, day in errors] == [(1, None), (2, None)]
    assert "line 2: not JSON" in errors[0][1]
    assert '{\\"xx\\": 9, \\"xx' in olist.rows()[1]["payload"], "its shape, and nothing that it says"


def ledger(desk: Any) -> dict[str, Any]:
    (line,) = desk.rows("coverage")
    return line


def test_a_complete_fetch_is_on_the_ledger(desk: Desk, present: datetime) -> None:
    olist = desk()
    put(olist, [post(1)], "a.jsonl")
    put(olist, [post(2)], "b.jsonl")
    olist.ingest(date(2026, 9, 30))
    assert ledger(olist) == {
        "feed": "olist",
        "window_start": date(2026, 9, 30),
        "window_end": date(2026, 9, 30),
        "fetched_date": date(2026, 10, 1),
        "fetched_at": present,
        "source": str(olist.folder / "*"),
        "status": "complete",
        "items_seen": 2,
        "batches": 2,
        "first_day": date(2026, 9, 3),
        "last_day": date(2026, 9, 3),
        "message": None,
        **dict.fromkeys(("pages", "seen_from", "seen_until", "detail")),
    }


def test_every_window_has_its_line(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    for day in (29, 30):
        olist.ingest(date(2026, 9, day))
    assert [line["window_start"].day for line in olist.rows("coverage")] == [29, 30]


def test_a_feed_that_holds_nothing_is_empty_and_not_complete(desk: Desk) -> None:
    olist = desk()
    put(olist, [])
    done = olist.ingest()
    assert (done.status, done.days, done.failed) == ("empty", [], False)
    assert (ledger(olist)["status"], ledger(olist)["items_seen"], ledger(olist)["batches"]) == ("empty", 0, 1)


def test_a_failure_is_raised_after_the_ledger_was_written(desk: Desk) -> None:
    olist = desk()
    with pytest.raises(FeedError, match=r"feed 'olist': .*no such file"):
        olist.ingest()
    line = ledger(olist)
    assert (line["status"], line["items_seen"], line["batches"]) == ("failed", 0, 0)
    assert "no such file" in line["message"]


def test_a_later_success_is_told_after_the_failure(desk: Desk) -> None:
    olist = desk()
    with pytest.raises(FeedError):
        olist.ingest()
    put(olist, [post(1)])
    olist.ingest()
    lines = sorted(olist.rows("coverage"), key=lambda line: line["fetched_at"])
    assert [line["status"] for line in lines] == ["failed", "complete"]


def test_a_later_failure_leaves_the_line_of_what_was_seen(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    olist.ingest()
    (olist.folder / "a.jsonl").unlink()
    with pytest.raises(FeedError):
        olist.ingest()
    assert sorted(row["status"] for row in olist.rows("coverage")) == ["complete", "failed"]
    assert len(olist.rows()) == 1


@pytest.mark.parametrize("bad", ["0.csv", "z.csv"])
def test_one_bad_file_does_not_lose_the_others(desk: Desk, bad: str) -> None:
    olist = desk(reader="csv", columns=dict.fromkeys(("title", "author", "url", "rating")))
    (olist.folder / bad).write_text("something;else\n1;2\n")
    (olist.folder / "a.csv").write_text("id,date,text\n1,2026-09-03T12:00:00Z,bom\n")
    done = olist.ingest()
    assert (done.status, done.days, done.items_new, done.failed) == ("failed", ["2026-09-03"], 1, True)
    assert bad in str(done.message)
    assert (ledger(olist)["status"], ledger(olist)["items_seen"], ledger(olist)["batches"]) == ("failed", 1, 1)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read, even by root")
def test_one_file_that_cannot_be_opened_does_not_lose_the_others(desk: Desk) -> None:
    olist = desk()
    (olist.folder / "0.jsonl").symlink_to("/proc/self/mem")
    put(olist, [post(1)])
    done = olist.ingest()
    assert (done.status, done.items_new) == ("failed", 1)
    assert "0.jsonl: cannot be read" in str(done.message)


class UnforeseenError(Exception):
    """What no one expects of a parser."""


def broken_reader(feed: Feed, path: Path) -> Iterator[Record]:
    yield Record({"post_id": "1", "text": "bom"}, {})
    raise UnforeseenError("Ana wrote this")


def test_what_no_one_foresaw_of_a_parser_is_a_failure_of_its_feed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "jsonl", broken_reader)
    olist = desk()
    put(olist, [post(1)])
    told = r"feed 'olist': .*a\.jsonl: cannot be read: its reader broke with UnforeseenError in tests\.\S+, line \d+"
    with pytest.raises(FeedError, match=told):
        olist.ingest()
    assert (ledger(olist)["status"], ledger(olist)["items_seen"]) == ("failed", 0)
    assert "UnforeseenError" in ledger(olist)["message"]
    assert "Ana" not in ledger(olist)["message"]
    assert olist.rows() == []


def test_a_full_disk_is_no_fault_of_the_feed(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(n, title=secrets.token_hex(500)) for n in range(500)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises((FolderError, LakeError), match=r"File too large.*; make room"):
            olist.ingest()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert olist.ingest().items_new == 500


def test_a_folder_for_downloads_that_cannot_be_written_is_one_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    olist = desk()
    put(olist, [post(1)])
    monkeypatch.setattr("tempfile.tempdir", str(olist.folder / "a.jsonl"))
    with pytest.raises(FolderError, match="name another folder with TMPDIR"):
        olist.ingest()


def test_nobody_but_owner_and_group_looks_into_the_lake(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1, author="Ana")])
    olist.ingest()
    root = Path(olist.lake.base)
    folders = [root, *(path for path in root.iterdir() if path.is_dir())]
    assert len(folders) > 3
    assert {oct(path.stat().st_mode & 0o007) for path in folders} == {"0o0"}


def test_an_unknown_feed_is_wrong_use_and_no_failure_of_a_feed(desk: Desk) -> None:
    with pytest.raises(SettingsError, match="no feed 'gossip'"):
        ingest(desk().settings, "gossip", Window(start=date(2026, 9, 30), end=date(2026, 9, 30)))


def test_the_cursor_moves_only_after_the_items_are_durable(desk: Desk, site: Any) -> None:
    item = '<rss version="2.0"><channel><item><guid>1</guid><title>t</title></item></channel></rss>'
    site.then(body=item, ETag="v1")
    news = desk(reader="rss", path=None, url=site.url)
    Path(news.lake.base).mkdir()
    obstacle = Path(news.lake.base) / "raw_posts"
    obstacle.write_text("no folder can be made here")
    with pytest.raises(LakeError, match="raw_posts"):
        news.ingest()
    obstacle.unlink()
    done = news.ingest()
    assert "If-None-Match" not in site.requests[1]
    assert (done.status, done.items_new, len(news.rows())) == ("complete", 1, 1)


def test_a_file_that_was_not_touched_is_not_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.connect.files.SETTLED_NANOSECONDS", 0)
    olist = desk()
    put(olist, [post(1)], "a.jsonl")
    put(olist, [post(2)], "b.jsonl")
    olist.ingest()
    cursor = olist.cursor
    assert set(cursor["cursor"]["files"]) == {str(olist.folder / name) for name in ("a.jsonl", "b.jsonl")}
    again = olist.ingest()
    assert (again.status, again.days, again.items_seen, again.items_new) == ("unchanged", [], 0, 0)
    assert olist.cursor == cursor


def test_a_fetch_of_which_one_file_failed_leaves_the_cursor(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.connect.files.SETTLED_NANOSECONDS", 0)
    olist = desk(reader="csv", columns=dict.fromkeys(("title", "author", "url", "rating")))
    (olist.folder / "a.csv").write_text("id,date,text\n1,2026-09-03T12:00:00Z,bom\n")
    (olist.folder / "b.csv").write_text("something;else\n")
    olist.ingest()
    assert olist.cursor == {}
    (olist.folder / "b.csv").unlink()
    olist.ingest()
    assert olist.cursor != {}


def test_files_that_are_to_be_read_another_way_are_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.connect.files.SETTLED_NANOSECONDS", 0)
    olist = desk()
    put(olist, [post(1, headline="título")])
    olist.ingest()
    assert desk(columns={"title": "headline"}).ingest().items_new == 1


def test_pseudonyms_are_the_same_at_every_fetch_and_named_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    olist = desk()
    put(olist, [post(1, author="Maria")])
    olist.ingest()
    put(olist, [post(2, author="Maria"), post(3, author="João")])
    olist.ingest()
    authors = {row["post_id"]: row["author"] for row in olist.rows()}
    assert authors["1"] == authors["2"] != authors["3"]
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "another")
    put(olist, [post(4, author="Maria")])
    olist.ingest()
    assert {row["post_id"]: row["author"] for row in olist.rows()}["4"] != authors["1"]
    assert not any(b"Maria" in content for content in olist.files().values())


def test_the_key_of_pseudonyms_may_come_as_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    olist, file = desk(), tmp_path / "author_key"
    lake = Lake(olist.settings.lake)
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY_FILE", str(file))
    with pytest.raises(SettingsError, match=r"SENTINELA_AUTHOR_KEY_FILE: .*author_key cannot be read: No such file"):
        author_key(lake)
    file.write_text("\n")
    with pytest.raises(SettingsError, match=r"author_key is empty; put the key of the authors' pseudonyms there"):
        author_key(lake)
    file.write_text("a key\n")
    assert author_key(lake) == b"a key"
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "another")
    assert author_key(lake) == b"another"


def test_what_text_cannot_hold_is_stored_all_the_same(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1, title="só \ud83d meio", text="nulo \0 aqui", author="\ud800")])
    olist.ingest()
    (row,) = olist.rows()
    assert (row["title"], row["body"]) == ("só ? meio", "nulo aqui")


def test_files_are_those_of_the_contract(desk: Desk) -> None:
    import pyarrow.parquet as pq

    olist = desk()
    put(olist, [post(1), post(2, None)])
    olist.ingest()
    for dataset in ("raw_posts", "coverage", "item_versions"):
        for file in View(olist.lake).files(dataset):
            stored = pq.read_schema(f"{olist.lake.base}/{file.path}").remove_metadata()
            assert stored.equals(contract(dataset).stored_schema)


def test_many_days_come_in_one_call(desk: Desk) -> None:
    days = [date.fromordinal(date(2025, 1, 1).toordinal() + n).isoformat() for n in range(300)]
    olist = desk()
    put(olist, [post(n, days[n * 7 % 300]) for n in range(600)])
    done = olist.ingest()
    assert done.days == days
    assert len(olist.rows()) == 600


def test_an_edit_that_is_taken_back_is_told(desk: Desk, present: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    olist = desk()
    for hour, text in enumerate(("um", "dois", "um")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(present.timestamp()) + 3600 * hour))
        put(olist, [post(1, text=text)])
        assert olist.ingest().items_new == 1
    assert len(olist.rows()) == 3


def test_a_fetch_that_ends_after_a_later_one_brings_no_known_version_back(
    desk: Desk, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    olist = desk()
    for hour, text, new in ((0, "um", 1), (2, "dois", 1), (1, "um", 0), (1, "tres", 1), (3, "um", 1)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(present.timestamp()) + 3600 * hour))
        put(olist, [post(1, text=text)])
        assert olist.ingest().items_new == new, (hour, text)


def test_the_version_that_wins_is_not_stored_again_when_a_fetch_that_began_earlier_had_stored_it_last(
    desk: Desk, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    olist = desk(columns={"updated_at": "edited"})

    def fetched(hour: int) -> int:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(present.timestamp()) + 3600 * hour))
        return olist.ingest().items_new

    put(olist, [post(1, text="um", edited="2026-09-04T01:00:00Z")], "a.jsonl")
    assert fetched(0) == 1
    early = olist.cursor
    put(olist, [post(1, text="dois", edited="2026-09-04T02:00:00Z")], "b.jsonl")
    assert fetched(2) == 1
    put(olist, [post(1, text="tres", edited="2026-09-04T03:00:00Z")], "c.jsonl")
    assert fetched(1) == 1
    State(olist.lake).keep_cursor("olist", early)
    assert fetched(3) == 0
    assert len(olist.rows()) == 3


def test_a_feed_that_is_read_anew_brings_no_old_version_back(desk: Desk) -> None:
    olist = desk()
    for text in ("um", "dois"):
        put(olist, [post(1, text=text)], f"{text}.jsonl")
        olist.ingest()
    shutil.rmtree(Path(olist.lake.base) / "_state" / "cursors")
    assert olist.ingest().items_new == 0


def test_a_cursor_beside_a_lake_that_lost_its_tables_is_no_cursor(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    olist.ingest()
    for table in ("raw_posts", "item_versions"):
        shutil.rmtree(Path(olist.lake.base) / table)
    done = olist.ingest()
    assert (done.status, done.items_new, len(olist.rows())) == ("complete", 1, 1)


def test_a_poll_that_brings_nothing_new_writes_its_line_alone(desk: Desk) -> None:
    olist = desk()
    put(olist, [post(1)])
    olist.ingest(date(2026, 9, 29))
    before = olist.files()
    olist.ingest(date(2026, 9, 30))
    assert olist.files() == before
    assert len(olist.rows("coverage")) == 2


MEASURE = """
import resource, sys
from datetime import date
from jobs.ingest import ingest
from jobs.settings import Settings, Window
day = date(2026, 9, 30)
done = ingest(Settings.model_validate_json(sys.argv[1]), "olist", Window(start=day, end=day))
assert done.status == "complete", done
print(done.items_seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kilobytes(settings: Settings, rows: int) -> int:
    """Peak memory of a process that ingests a CSV of `rows` rows."""
    lines = (f"{n},2026-09-{1 + n % 28:02},bom dia {n} {'palavra ' * 30}\n" for n in range(rows))
    with open(str(settings.feeds[0].path), "w") as sink:
        sink.write("id,date,text\n")
        sink.writelines(lines)
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, settings.model_dump_json()],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
    ).stdout.split()
    assert int(told[0]) == rows
    return int(told[1])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(desk: Desk) -> None:
    columns = dict.fromkeys(("title", "author", "url", "rating"))
    settings = desk(reader="csv", path=str(desk().folder / "big.csv"), columns=columns).settings
    small = peak_kilobytes(settings, 30_000)
    assert peak_kilobytes(settings, 120_000) < 1.25 * small


def test_the_day_of_the_fetch_is_one_of_the_reports_zone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 10, 1, 2, tzinfo=UTC).timestamp())))
    olist = desk()
    put(olist, [post(1)])
    olist.ingest()
    assert ledger(olist)["fetched_date"] == date(2026, 9, 30)
