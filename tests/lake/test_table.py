from __future__ import annotations

import multiprocessing
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import contract
from jobs.lake.faults import LakeError
from jobs.lake.table import (
    CHECKPOINT_EVERY,
    TABLES,
    UNDATED,
    Lake,
    Partition,
    Refused,
    as_date,
    as_day,
    day_value,
    fingerprint,
)
from tests.lake.posts import DAY, add_days_side_by_side, below, commit, publish, written

OTHER, NEXT = Partition("2026-09-03", "b2w"), Partition("2026-09-04", "olist")
UNDATED_DAY = Partition(UNDATED, "olist")


@pytest.mark.parametrize(
    ("dataset", "values", "folder"),
    [
        ("raw_posts", {"fetched_date": DAY.day, "feed": "olist"}, "raw_posts/fetched_date=2026-09-03/feed=olist"),
        ("item_versions", {"feed": "olist"}, "item_versions/feed=olist"),
        (
            "posts",
            {"published_date": None, "feed": "olist"},
            "judged_posts/published_date=__HIVE_DEFAULT_PARTITION__/feed=olist/verdict=passed",
        ),
        (
            "quarantine",
            {"published_date": DAY.day, "feed": "undated"},
            "judged_posts/published_date=2026-09-03/feed=undated/verdict=broken",
        ),
        (
            "judged_posts",
            {"published_date": DAY.day, "feed": "olist", "verdict": "held_broken"},
            "judged_posts/published_date=2026-09-03/feed=olist/verdict=held_broken",
        ),
        ("daily_polarity", {"published_date": DAY.day}, "daily_polarity/published_date=2026-09-03"),
        ("coverage", {"fetched_date": DAY.day}, "coverage/fetched_date=2026-09-03"),
    ],
)
def test_a_file_lies_in_the_hive_folder_of_its_partition(
    lake: Lake, dataset: str, values: dict[str, str | None], folder: str
) -> None:
    file, again = (lake.new_file(dataset, values, "made.from") for _ in range(2))
    assert file.path.startswith(f"{folder}/made.from-")
    assert file.path != again.path
    assert (file.table, file.made_from) == (folder.split("/")[0], "made.from")
    assert (file.day, file.feed) == (
        values.get("published_date", values.get("fetched_date")) or UNDATED,
        values.get("feed"),
    )
    assert file.partition == Partition(file.day, file.feed)


def test_every_table_has_a_contract_that_is_partitioned() -> None:
    assert all(contract(name).table == name and contract(name).partition for name in TABLES)


def test_a_table_that_nobody_has_written_to_is_empty(lake: Lake) -> None:
    table = lake.table("judged_posts")
    assert (table.version, table.files, table.covers("raw_posts")) == (None, (), None)
    assert not Path(lake.base).exists()


def test_what_was_committed_is_found_again(lake: Lake) -> None:
    files = [file for partition in (UNDATED_DAY, NEXT, OTHER, DAY) for file in written(lake, partition, ["bom", "ok"])]
    commit(lake, files)
    table = lake.table("judged_posts")
    assert set(table.files) == set(files)
    assert list(table.partitions) == sorted([UNDATED_DAY, NEXT, OTHER, DAY])
    assert {file.rows for file in table.files} == {2}
    assert {file.verdict for file in table.files} == {"passed"}
    assert {file.bytes for file in table.files} == {Path(lake.base, file.path).stat().st_size for file in files}
    (undated,) = table.of(UNDATED_DAY)
    assert dict(undated.values)["published_date"] is None
    assert table.of(Partition("2026-09-09", "olist")) == ()


def test_files_are_invisible_before_the_commit_and_gone_from_it_after_their_removal(lake: Lake) -> None:
    (old,) = written(lake, DAY, ["velho"])
    assert lake.table("judged_posts").files == ()
    commit(lake, [old])
    (new,) = written(lake, DAY, ["novo"])
    assert lake.table("judged_posts").files == (old,)
    before = lake.table("judged_posts")
    commit(lake, [new], [old])
    assert lake.table("judged_posts").files == (new,)
    assert before.files == (old,)
    assert lake.table("judged_posts", before.version).files == (old,)
    assert Path(lake.base, old.path).exists(), "what was read once can be read again"


@pytest.mark.parametrize("theirs", [DAY, OTHER], ids=["the same partition", "another partition"])
def test_a_commit_to_a_table_that_moved_on_is_refused_and_changes_nothing(lake: Lake, theirs: Partition) -> None:
    publish(lake, DAY, ["um"])
    stale = lake.table("judged_posts")
    publish(lake, theirs, ["dois"])
    now = lake.table("judged_posts")
    ours = written(lake, DAY, ["tarde"])
    with pytest.raises(Refused):
        lake.commit(stale, ours, stale.of(DAY), step="test", days=[], cause="test")
    assert lake.table("judged_posts").files == now.files
    assert lake.table("judged_posts").version == now.version
    lake.commit(now, ours, now.of(DAY), step="test", days=[], cause="test")
    assert lake.table("judged_posts").of(DAY) == tuple(ours)


def test_of_two_that_opened_the_same_version_the_second_is_refused(lake: Lake) -> None:
    publish(lake, DAY, ["um"])
    first, second = (lake.table("judged_posts") for _ in range(2))
    ours, theirs = (written(lake, partition, ["bom"]) for partition in (OTHER, NEXT))
    lake.commit(first, ours, [], step="test", days=[], cause="test")
    with pytest.raises(Refused):
        lake.commit(second, theirs, [], step="test", days=[], cause="test")
    assert lake.table("judged_posts").of(NEXT) == ()


def test_a_table_is_not_read_anew_until_somebody_commits(lake: Lake) -> None:
    publish(lake, DAY, ["um"])
    before = lake.table("judged_posts")
    assert lake.table("judged_posts").handle is before.handle
    assert lake.table("judged_posts", before.version).handle is before.handle
    theirs = written(lake, OTHER, ["dois"])
    spawn = multiprocessing.get_context("spawn").Process(target=commit, args=(Lake(lake.root), theirs))
    spawn.start()
    spawn.join()
    assert lake.table("judged_posts").of(OTHER) == tuple(theirs)
    assert before.of(OTHER) == ()


def test_a_table_that_was_deleted_and_made_anew_is_read_anew(lake: Lake) -> None:
    publish(lake, DAY, ["velho"])
    old = lake.table("judged_posts")
    shutil.rmtree(lake.base)
    assert lake.table("judged_posts").files == ()
    publish(lake, DAY, ["novo"])
    new = lake.table("judged_posts")
    assert new.version == old.version
    assert [file.rows for file in new.files] == [1]
    assert set(new.files).isdisjoint(old.files)


def test_of_two_that_make_a_table_one_is_refused(lake: Lake) -> None:
    first, second = (lake.table("judged_posts") for _ in range(2))
    files = [written(lake, partition, ["bom"]) for partition in (DAY, OTHER)]
    lake.commit(first, files[0], [], step="test", days=[], cause="test")
    with pytest.raises(Refused):
        lake.commit(second, files[1], [], step="test", days=[], cause="test")
    assert lake.table("judged_posts").files == tuple(files[0])


def test_of_many_that_commit_at_once_each_commits_once(lake: Lake) -> None:
    def add(number: int) -> None:
        files = written(lake, Partition("2026-09-03", f"feed{number}"), ["bom"])
        while True:
            try:
                return commit(lake, files)
            except Refused:
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    table = lake.table("judged_posts")
    assert {file.feed for file in table.files} == {f"feed{n}" for n in range(8)}
    said = [entry for entry in DeltaTable(lake.uri("judged_posts")).history() if entry["operation"] == "WRITE"]
    assert len(said) == 8


def test_two_processes_that_commit_to_one_table_lose_nothing(lake: Lake) -> None:
    add_days_side_by_side(lake, CHECKPOINT_EVERY // 2 + 3)
    files = lake.table("judged_posts").files
    assert below(Path(lake.base, "judged_posts")) >= {file.path.split("/", 1)[1] for file in files}


def test_a_table_is_what_its_contract_says(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    handle, agreed = DeltaTable(lake.uri("judged_posts")), contract("judged_posts")
    metadata, schema = handle.metadata(), handle.schema()
    assert (metadata.name, metadata.description) == (agreed.name, agreed.description)
    assert metadata.partition_columns == list(agreed.partition)
    assert [(f.name, f.nullable) for f in schema.fields] == [(f.name, f.nullable) for f in agreed.schema]
    assert metadata.configuration["sentinela.layout"] == "4"


def test_a_commit_says_what_was_done_and_why(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "scheduled__2026-09-03")
    said = {"step": "validate", "days": ["2026-09-03", UNDATED], "cause": "replay", "made_from": {"raw_posts": 3}}
    lake.commit(lake.table("judged_posts"), written(lake, DAY, ["bom"]), [], **said)
    (newest, _created) = DeltaTable(lake.uri("judged_posts")).history()
    assert {key: newest[key] for key in said} == said
    assert newest["run"] == "scheduled__2026-09-03"


def test_a_commit_outside_airflow_names_its_process(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    assert DeltaTable(lake.uri("judged_posts")).history()[0]["run"].startswith("command line, process ")


def test_a_table_says_up_to_which_version_it_was_derived_from_another(lake: Lake) -> None:
    for version in (7, 9):
        table = lake.table("judged_posts")
        lake.commit(table, [], [], step="test", days=[], cause="test", covers={"raw_posts": version})
    assert lake.table("judged_posts").covers("raw_posts") == 9
    assert lake.table("judged_posts").covers("coverage") is None
    assert lake.table("judged_posts", 1).covers("raw_posts") == 7


def test_a_version_that_is_no_longer_kept_is_a_sentence(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    with pytest.raises(LakeError, match=r"version 12 of .*judged_posts: cannot be read"):
        lake.table("judged_posts", 12)


def test_what_was_written_can_be_moved_or_discarded_before_the_commit(lake: Lake) -> None:
    (file,) = written(lake, DAY, ["bom"])
    place = lake.new_file("judged_posts", {**dict(file.values), "verdict": "held_passed"}, "made")
    lake.move(file, place)
    assert below(lake.base) == {place.path}
    lake.discard([file, place])
    lake.discard([place])
    assert below(lake.base) == set()


@pytest.mark.parametrize("name", ["com espaço", "it's", "a=b", "[brackets]", "star*", "why?", "n#1"])
def test_a_lake_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    lake = Lake(str(tmp_path / name / "lake"))
    publish(lake, DAY, ["bom"])
    publish(lake, UNDATED_DAY, ["sem data"])
    assert list(lake.table("judged_posts").partitions) == [DAY, UNDATED_DAY]
    assert all(Path(lake.base, file.path).exists() for file in lake.table("judged_posts").files)


def test_a_folder_whose_name_delta_cannot_carry_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"percent%20/lake: .*%.*name another folder under `lake`"):
        Lake(str(tmp_path / "percent%20" / "lake"))


def test_a_lake_can_be_named_by_a_file_address(tmp_path: Path) -> None:
    by_path, by_address = Lake(str(tmp_path / "lake")), Lake((tmp_path / "lake").as_uri())
    publish(by_address, DAY, ["bom"])
    assert by_address.is_local
    assert by_path.table("judged_posts").files == by_address.table("judged_posts").files


def test_a_lake_goes_to_another_process_as_its_root(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    other = pickle.loads(pickle.dumps(lake))
    assert other == lake
    assert other.table("judged_posts").files == lake.table("judged_posts").files


def test_a_table_that_is_made_while_a_reader_looks_for_it_is_no_fault(lake: Lake) -> None:
    place, done = Path(lake.base, "judged_posts"), Event()

    def come_and_go() -> None:
        while not done.is_set():
            place.mkdir(parents=True)
            place.rmdir()

    with ThreadPoolExecutor() as pool:
        coming = pool.submit(come_and_go)
        try:
            assert all(lake.listing("judged_posts", recursive=True) == [] for _ in range(20_000))
        finally:
            done.set()
        coming.result()


@given(st.one_of(st.none(), st.dates()))
def test_days_and_dates_are_the_same_thing(day: date | None) -> None:
    assert as_date(as_day(day)) == day
    assert day_value(as_day(day)) == (day.isoformat() if day else None)


def test_a_fingerprint_is_the_same_everywhere_and_keeps_its_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    script = "from jobs.lake.table import fingerprint; print(fingerprint('a', 1, None))"
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert told.stdout.strip() == fingerprint("a", 1, None)
