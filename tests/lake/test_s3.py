"""The lake on an object store: real S3 servers on loopback, spoken to by the same code as a folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from data_contracts import contract
from jobs.aggregate import aggregate
from jobs.ingest import ingest
from jobs.lake.faults import LakeError, LakeKeysError
from jobs.lake.probe import prove
from jobs.lake.query import View
from jobs.lake.side import beside
from jobs.lake.state import State
from jobs.lake.table import UNDATED, Lake, Partition, Refused
from jobs.lake.vacuum import clear
from jobs.report import report
from jobs.score import score
from jobs.settings import Window
from jobs.validate import validate
from tests.lake.object_store import BUCKET, KEYS, NotHereError, keys, misbehaving, moto, seaweedfs
from tests.lake.posts import DAY, add_days_side_by_side, publish, written
from tests.place import FETCHED, PT, Place, item

UNDATED_DAY = Partition(UNDATED, "b2w")


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    with moto() as address:
        yield address


@pytest.fixture(scope="session")
def seaweedfs_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as address:
            yield address
    except NotHereError as why:
        pytest.skip(str(why))


@pytest.fixture(params=["moto", "seaweedfs"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_address"))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A free place in the bucket, and an environment to reach it by."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return f"s3://{BUCKET}/{name}/lake"


@pytest.fixture
def lake(root: str, address: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    return Lake(root)


def below(lake: Lake, address: str) -> set[str]:
    return keys(address, lake.base.split("/", 1)[1])


def test_files_are_committed_replaced_and_read(lake: Lake) -> None:
    assert not lake.is_local
    assert lake.table("judged_posts").files == ()
    publish(lake, DAY, ["bom", "ruim"])
    publish(lake, UNDATED_DAY, ["sem data"])
    before = View(lake)
    assert before.rows("posts") == 3
    publish(lake, DAY, ["bom", "ruim", "ok"])
    assert list(View(lake).partitions("posts")) == [DAY, UNDATED_DAY]
    assert before.rows("posts") == 3
    with View(lake).query() as query:
        query.read("posts")
        table = query.table("FROM posts ORDER BY text")
    assert table.schema.types == contract("posts").schema.types
    assert table["text"].to_pylist() == ["bom", "ok", "ruim", "sem data"]
    assert table["published_date"].to_pylist() == [date(2026, 9, 3)] * 3 + [None]
    frame = DeltaTable(lake.uri("judged_posts"), storage_options=lake.options).to_pandas()
    assert set(frame["text"]) == {"bom", "ruim", "ok", "sem data"}


def test_a_lake_beside_it_reads_from_the_store_and_writes_to_a_folder(lake: Lake, address: str) -> None:
    publish(lake, DAY, ["bom", "ruim"])
    publish(lake, UNDATED_DAY, ["sem data"])
    before = below(lake, address)
    with beside(View(lake)) as side:
        publish(side, DAY, ["ok"])
        with View(side).query() as query:
            query.read("posts")
            assert query.table("FROM posts ORDER BY text")["text"].to_pylist() == ["ok", "sem data"]
    assert below(lake, address) == before


def test_a_stale_handle_is_refused(lake: Lake) -> None:
    publish(lake, DAY, ["um"])
    stale = lake.table("judged_posts")
    publish(lake, UNDATED_DAY, ["dois"])
    with pytest.raises(Refused):
        lake.commit(stale, written(lake, DAY, ["tarde"]), stale.of(DAY), step="test", days=[], cause="test")
    assert View(lake).rows("posts") == 2


def test_files_are_moved_and_discarded(lake: Lake, address: str) -> None:
    (file,) = written(lake, DAY, ["bom"])
    place = lake.new_file("judged_posts", {**dict(file.values), "verdict": "held_passed"}, "made")
    lake.move(file, place)
    assert below(lake, address) == {place.path}
    lake.discard([file, place])
    assert below(lake, address) == set()


def test_what_is_no_longer_kept_is_deleted(lake: Lake, address: str) -> None:
    publish(lake, DAY, ["velho"])
    publish(lake, DAY, ["novo"])
    written(lake, DAY, ["nunca"])
    assert clear(lake, "judged_posts", 1, timedelta(days=1)) == (0, 0)
    deleted, freed = clear(lake, "judged_posts", 0, timedelta(0))
    assert deleted == 2
    assert freed > 0
    (file,) = lake.table("judged_posts").files
    assert {key for key in below(lake, address) if key.endswith(".parquet") and "_delta_log" not in key} == {file.path}
    assert State(lake).sweep(datetime.now(UTC)) == 0


def test_an_alert_is_claimed_by_one_of_many_and_by_nobody_while_it_stands(lake: Lake) -> None:
    state = State(lake)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda n: state.claim_alert("late.dag", {"by": n}), range(8)))
    assert claimed.count(True) == 1
    assert state.alerts() == {"late.dag": {"by": claimed.index(True)}}
    assert not state.claim_alert("late.dag", {"by": 9})
    state.drop_alert("late.dag")
    assert state.claim_alert("late.dag", {"by": 9})


def test_who_is_slow_between_look_and_claim_does_not_claim_what_another_has(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, look, quick = State(lake), Lake.has, []

    def look_and_dawdle(place: Lake, path: str) -> bool:
        there = look(place, path)
        monkeypatch.setattr(Lake, "has", look)
        quick.append(state.claim_alert("late.dag", {"by": "the quick one"}))
        return there

    monkeypatch.setattr(Lake, "has", look_and_dawdle)
    slow = state.claim_alert("late.dag", {"by": "the slow one"})
    assert [slow, *quick].count(True) == 1


@pytest.mark.parametrize("address", ["seaweedfs"], indirect=True)  # the other takes any key
def test_a_store_that_refuses_a_claim_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(LakeKeysError, match=r"_state/alerts/late\.dag\.json: cannot be written: .*mend the keys"):
        State(Lake(lake.root)).claim_alert("late.dag", {})


def test_the_state_is_kept_and_replaced(lake: Lake, address: str) -> None:
    state = State(lake)
    assert state.cursor("olist") == {}
    state.keep_cursor("olist", {"etag": "one"})
    state.keep_cursor("olist", {"etag": "two"})
    assert state.cursor("olist") == {"etag": "two"}
    assert below(lake, address) == {"_state/cursors/olist.json"}


def test_two_processes_that_commit_to_one_table_lose_nothing(lake: Lake) -> None:
    add_days_side_by_side(lake, 6)


@pytest.mark.parametrize("address", [pytest.param("moto", marks=pytest.mark.slow), "seaweedfs"], indirect=True)
def test_the_whole_chain_runs_on_it_and_a_second_time_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    place = Place(tmp_path, lake=lake.root, reports=str(tmp_path / "reports"))
    place.write([item("a", "2026-06-29"), item("b", "2026-06-29", PT + "!"), item("c", None)])

    def chain() -> dict[str, int | None]:
        settings = place.settings
        window = Window(start=FETCHED.date(), end=FETCHED.date())
        for feed in settings.feeds:
            ingest(settings, feed.name, window)
        days = ["2026-06-29", UNDATED]
        validate(settings, days)
        score(settings, days)
        aggregate(settings, days)
        assert report(settings, None).path.exists()
        return View(lake).versions()

    before = chain()
    rows = {dataset: View(lake).rows(dataset) for dataset in ("raw_posts", "item_versions", "posts", "scored_posts")}
    assert set(rows.values()) == {3}
    assert [row["posts"] for row in place.rows("daily_polarity") if row["brand"] == "all" and row["posts"]] == [2]
    assert chain() == before


def test_the_first_table_is_preceded_by_one_probe_of_the_store(lake: Lake, address: str) -> None:
    assert not State(lake).probed
    publish(lake, DAY, ["bom"])
    assert State(lake).probed
    assert not any(key.startswith("_probe") for key in below(lake, address))


@pytest.fixture
def misled(
    root: str, moto_address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Lake]:
    """A lake in a store that misbehaves in the manner of the parameter."""
    with misbehaving(moto_address, request.param) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield Lake(root)


@pytest.mark.parametrize("misled", ["ignores If-None-Match"], indirect=True)
def test_a_store_without_conditional_puts_is_refused_before_the_first_table(misled: Lake, moto_address: str) -> None:
    for _ in range(2):
        with pytest.raises(LakeError, match=rf"{misled.root}: .*If-None-Match.*name a lake in a store that heeds them"):
            publish(misled, DAY, ["bom"])
    assert not State(misled).probed
    assert all(key.endswith(".parquet") for key in below(misled, moto_address)), "no table, and nothing of the probe"


@pytest.mark.parametrize("misled", ["refuses to write"], indirect=True)
def test_a_store_that_lets_nobody_write_is_said_to_before_the_first_table(misled: Lake) -> None:
    with pytest.raises(LakeKeysError, match=r"_probe/.*cannot be written: .*mend the keys of the store"):
        prove(misled)


@pytest.mark.parametrize("misled", ["loses an answer"], indirect=True)
def test_a_commit_whose_answer_was_lost_is_one_commit(misled: Lake) -> None:
    files = written(misled, DAY, ["bom"])
    misled.commit(misled.table("judged_posts"), files, [], step="test", days=[], cause="test")
    assert misled.table("judged_posts").files == tuple(files)
    assert misled.table("judged_posts").version == 1


@pytest.mark.parametrize("misled", ["refuses everything"], indirect=True)
def test_a_store_that_refuses_is_named(misled: Lake) -> None:
    doings = [
        lambda: View(misled).files("posts"),
        lambda: written(misled, DAY, ["bom"]),
        lambda: State(misled).cursor("olist"),
        lambda: State(misled).begin(),
    ]
    for doing in doings:
        with pytest.raises(LakeError, match=rf"^{misled.root}.*: cannot be .*; mend the keys of the store") as fault:
            doing()
        assert "\n" not in str(fault.value)


def test_a_bucket_that_is_not_there_is_named(root: str, moto_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_address)
    lake = Lake("s3://nobodys-bucket/lake")
    for doing in (lambda: View(lake).files("posts"), lambda: written(lake, DAY, ["bom"])):
        with pytest.raises(LakeError, match=r"^s3://nobodys-bucket/lake.*: cannot be .*; make the bucket, or name"):
            doing()
