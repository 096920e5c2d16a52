from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import contract, schema
from jobs.storage import (
    BATCH_ROWS,
    DATA_FILE,
    HELD,
    STAGING,
    UNDATED,
    Lake,
    Partition,
    as_date,
    as_day,
    fingerprint,
    partition_runs,
    sql_days,
    sql_text,
)

SEEN = datetime(2026, 9, 3, 12, tzinfo=UTC)
DAY = Partition("2026-09-03", "olist")


def posts(partition: Partition, texts: Iterable[str]) -> pa.RecordBatch:
    """Rows of posts in `partition`, one a text."""
    rows = [
        {
            "feed": partition.feed,
            "kind": "review",
            "post_id": f"id-{n}",
            "batch_id": "b",
            "published_date": as_date(partition.day),
            "date_source": "feed",
            "first_seen_at": SEEN,
            "fetched_at": SEEN,
            "text": text,
            "language": "pt",
        }
        for n, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema("posts"))


def publish(lake: Lake, partition: Partition, texts: Sequence[str], snapshot: str = "s") -> str:
    """Publish posts of `partition`; returns the path of its file below the lake root."""
    target = lake.path("posts", partition)
    with lake.staging() as stage:
        stage.write("posts", target, [posts(partition, texts)], snapshot)
        stage.publish()
    return target


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize(
    ("dataset", "partition", "folder"),
    [
        ("raw_posts", DAY, "raw_posts/published_date=2026-09-03/feed=olist"),
        ("posts", Partition(UNDATED, "olist"), "posts/published_date=__HIVE_DEFAULT_PARTITION__/feed=olist"),
        ("posts", Partition("2026-09-03", "undated"), "posts/published_date=2026-09-03/feed=undated"),
        ("daily_polarity", Partition("2026-09-03"), "daily_polarity/published_date=2026-09-03"),
        ("coverage", Partition("2026-09-03"), "coverage/fetched_date=2026-09-03"),
    ],
)
def test_a_partition_is_a_hive_folder(lake: Lake, dataset: str, partition: Partition, folder: str) -> None:
    assert lake.folder(dataset, partition) == folder
    assert lake.path(dataset, partition) == f"{folder}/{DATA_FILE}"


def test_what_was_published_is_found_again_by_day(lake: Lake) -> None:
    wanted = [Partition(UNDATED, "olist"), Partition("2026-09-04", "b2w"), DAY, Partition("2026-09-04", "olist")]
    for partition in wanted:
        publish(lake, partition, ["bom"])
    assert list(lake.partitions("posts")) == sorted(wanted)
    assert lake.partitions("posts")[DAY] == [f"{lake.folder('posts', DAY)}/{DATA_FILE}"]
    assert list(lake.partitions("posts", ["2026-09-04"])) == [wanted[1], wanted[3]]
    assert list(lake.partitions("posts", [UNDATED, "2026-09-03"])) == [DAY, wanted[0]]
    assert lake.partitions("posts", ["2026-09-05"]) == {}
    assert lake.days("posts") == ["2026-09-03", "2026-09-04"]
    assert lake.partitions("raw_posts") == {}


def test_any_reader_of_parquet_reads_the_lake(lake: Lake) -> None:
    publish(lake, DAY, ["bom", "ruim"])
    publish(lake, Partition(UNDATED, "b2w"), ["sem data"])
    folder = f"{lake.base}/posts"

    frame = pd.read_parquet(folder, partitioning=pyarrow.dataset.partitioning(flavor="hive"))
    assert set(frame["text"]) == {"bom", "ruim", "sem data"}
    assert frame.loc[frame["text"] == "sem data", "published_date"].isna().all()
    assert set(frame.loc[frame["published_date"].notna(), "published_date"].astype(str)) == {"2026-09-03"}

    table = pyarrow.dataset.dataset(folder, partitioning="hive").to_table()
    assert sorted(zip(table["feed"].to_pylist(), table["text"].to_pylist(), strict=True)) == [
        ("b2w", "sem data"),
        ("olist", "bom"),
        ("olist", "ruim"),
    ]

    rows = duckdb.sql(f"SELECT published_date, feed, text FROM '{folder}/**/*.parquet' ORDER BY text").fetchall()
    assert rows == [
        (date(2026, 9, 3), "olist", "bom"),
        (date(2026, 9, 3), "olist", "ruim"),
        (None, "b2w", "sem data"),
    ]


def test_a_file_holds_the_contracts_columns_in_zstd(lake: Lake) -> None:
    path = publish(lake, DAY, ["bom"])
    stored = pq.ParquetFile(f"{lake.base}/{path}")
    assert stored.schema_arrow.remove_metadata().equals(contract("posts").stored_schema)
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_row_that_lacks_a_required_value_cannot_be_stored(lake: Lake) -> None:
    batch = posts(DAY, ["bom"])
    place = batch.schema.get_field_index("text")
    broken = batch.set_column(place, pa.field("text", pa.string()), pa.nulls(1, pa.string()))
    with lake.staging() as stage, pytest.raises(ValueError, match="text"):
        stage.write("posts", lake.path("posts", DAY), [broken], "s")


def test_nothing_is_visible_before_it_is_published(lake: Lake) -> None:
    with lake.staging() as stage:
        stage.write("posts", lake.path("posts", DAY), [posts(DAY, ["bom"])], "s")
        assert lake.partitions("posts") == {}
        stage.publish()
        assert list(lake.partitions("posts")) == [DAY]
    assert files_below(Path(lake.base)).keys() == {lake.path("posts", DAY)}


def test_an_exception_in_staging_leaves_the_lake_as_it_was(lake: Lake) -> None:
    publish(lake, DAY, ["velho"])
    before = files_below(Path(lake.base))

    def batches() -> Iterable[pa.RecordBatch]:
        yield posts(DAY, ["novo"])
        raise RuntimeError("broken stream")

    def fail_halfway() -> None:
        with lake.staging() as stage:
            stage.put("_state/cursor", b"new")
            stage.write("posts", lake.path("posts", DAY), batches(), "s2")
            stage.publish()

    with pytest.raises(RuntimeError, match="broken stream"):
        fail_halfway()
    assert files_below(Path(lake.base)) == before
    assert not any((Path(lake.base) / STAGING).iterdir())


def test_what_was_not_published_is_gone(lake: Lake) -> None:
    with lake.staging() as stage:
        stage.write("posts", lake.path("posts", DAY), [posts(DAY, ["bom"])], "s")
    assert files_below(Path(lake.base)) == {}


def test_staged_files_can_be_published_elsewhere(lake: Lake) -> None:
    target = lake.path("posts", DAY)
    with lake.staging() as stage:
        stage.write("posts", target, [posts(DAY, ["bom"])], "s")
        stage.redirect(target, f"{HELD}/{target}")
        stage.publish()
    assert lake.partitions("posts") == {}
    assert list(lake.partitions("posts", below=HELD)) == [DAY]
    assert lake.held() == [DAY.day]
    lake.discard(f"{HELD}/{target}")
    lake.discard(f"{HELD}/{target}")
    assert lake.held() == []


def test_only_old_leftovers_of_killed_writers_are_swept(lake: Lake) -> None:
    staging = Path(lake.base) / STAGING
    for name, hours in (("old", 25), ("young", 23)):
        (staging / name / "posts").mkdir(parents=True)
        (staging / name / "posts" / DATA_FILE).write_bytes(b"half")
        then = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
        for left in (staging / name / "posts" / DATA_FILE, staging / name / "posts", staging / name):
            os.utime(left, (then, then))
    with lake.staging():
        assert not (staging / "old").exists()
        assert (staging / "young" / "posts" / DATA_FILE).exists()


def test_two_writers_do_not_meet_in_staging(lake: Lake) -> None:
    other = Partition("2026-09-04", "olist")
    with lake.staging() as one, lake.staging() as two:
        one.write("posts", lake.path("posts", DAY), [posts(DAY, ["um"])], "s")
        two.write("posts", lake.path("posts", other), [posts(other, ["dois"])], "s")
        two.publish()
        one.publish()
    assert list(lake.partitions("posts")) == [DAY, other]


POLL = """
import sys, pandas as pd, pyarrow.parquet as pq
path, reads = sys.argv[1], int(sys.argv[2])
readers = [
    lambda: pq.ParquetFile(path).read(columns=["text"])["text"].to_pylist(),
    lambda: pd.read_parquet(open(path, "rb"), columns=["text"])["text"].tolist(),
]
seen = []
print("ready", flush=True)
for n in range(reads):
    texts = readers[n % len(readers)]()
    (generation,) = set(texts)
    number = int(generation)
    assert len(texts) == 1000 + number % 7, f"{len(texts)} rows of generation {number}"
    seen.append(number)
assert seen == sorted(seen), "an older generation came back"
print(len(set(seen)))
"""


def test_a_reader_sees_the_old_rows_or_the_new_ones(lake: Lake) -> None:
    """Every generation has its own number in every row, and its own number of rows; a reader opens the file once."""

    def republish(generation: int) -> None:
        publish(lake, DAY, [str(generation)] * (1000 + generation % 7), snapshot=str(generation))

    republish(0)
    path = f"{lake.base}/{lake.path('posts', DAY)}"
    reader = subprocess.Popen([sys.executable, "-c", POLL, path, "200"], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    reader.stdout.readline()
    generation = 0
    while reader.poll() is None:
        generation += 1
        republish(generation)
    told = reader.stdout.read()
    reader.stdout.close()
    assert reader.returncode == 0, "the reader saw a mix, nothing, or an older partition"
    assert int(told) > 2


def test_a_file_says_what_it_was_made_from(lake: Lake) -> None:
    path = publish(lake, DAY, ["bom"], snapshot="abc123")
    assert lake.snapshot(path) == "abc123"
    assert lake.snapshot(lake.path("posts", Partition("2026-09-04", "olist"))) is None
    publish(lake, DAY, ["bom"], snapshot="def456")
    assert lake.snapshot(path) == "def456"


@hypothesis.settings(max_examples=15)
@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=5), st.lists(st.integers(1, 9_000), min_size=1, max_size=5))
def test_equal_rows_give_equal_bytes_however_they_are_batched(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], other_sizes: list[int]
) -> None:
    total = min(sum(sizes), sum(other_sizes))
    rows = posts(DAY, (f"texto {n % 97}" for n in range(total)))
    lake, target = Lake(str(tmp_path_factory.mktemp("lake"))), "posts/here.parquet"
    contents = []
    for lengths in (sizes, other_sizes):
        with lake.staging() as stage:
            assert stage.write("posts", target, cut(rows, lengths), "s") == total
            stage.publish()
        contents.append(Path(lake.base, target).read_bytes())
    assert contents[0] == contents[1]


def cut(rows: pa.RecordBatch, lengths: list[int]) -> Iterable[pa.RecordBatch]:
    """`rows` in pieces of `lengths`, an empty one between each two, the rest in one."""
    start = 0
    for length in [*lengths, rows.num_rows]:
        yield rows.slice(start, length)
        yield rows.slice(0, 0)
        start = min(start + length, rows.num_rows)


def test_row_groups_are_of_one_size(lake: Lake) -> None:
    target, rows = lake.path("posts", DAY), posts(DAY, ["bom"] * (2 * BATCH_ROWS + 5))
    with lake.staging() as stage:
        stage.write("posts", target, cut(rows, [5_000] * 7), "s")
        stage.publish()
    stored = pq.ParquetFile(f"{lake.base}/{target}").metadata
    assert [stored.row_group(n).num_rows for n in range(stored.num_row_groups)] == [BATCH_ROWS, BATCH_ROWS, 5]
    assert lake.rows(target) == 2 * BATCH_ROWS + 5


def test_a_sorted_stream_becomes_one_file_a_partition(lake: Lake) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(120)]
    wanted = {Partition(day, feed): f"{day} {feed}" for day in [UNDATED, *days] for feed in ("a", "b")}
    filled = [p for n, p in enumerate(wanted) if n % 3]
    stream = pa.Table.from_batches([posts(p, ["x"] * (1 + n % 4)) for n, p in enumerate(filled)])
    with lake.staging() as stage:
        counts = stage.write_partitions("posts", stream.combine_chunks().to_batches(max_chunksize=11), wanted)
        stage.publish()
    assert counts == dict.fromkeys(wanted, 0) | {p: 1 + n % 4 for n, p in enumerate(filled)}
    assert list(lake.partitions("posts")) == sorted(wanted)
    for partition, (path,) in lake.partitions("posts").items():
        assert lake.rows(path) == counts[partition]
        assert lake.snapshot(path) == wanted[partition]
    assert pq.read_schema(f"{lake.base}/{path}").remove_metadata().equals(contract("posts").stored_schema)


def test_a_partition_that_comes_twice_is_an_error_and_not_a_loss(lake: Lake) -> None:
    other = Partition("2026-09-04", "olist")
    with lake.staging() as stage, pytest.raises(ValueError, match="not sorted"):
        stage.write_partitions("posts", [posts(p, ["x"]) for p in (DAY, other, DAY)], {DAY: "s", other: "s"})


partitions = st.builds(
    Partition,
    st.one_of(st.just(UNDATED), st.dates(date(2020, 1, 1), date(2030, 1, 1)).map(date.isoformat)),
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True),
)


@given(st.dictionaries(partitions, st.integers(1, 6), max_size=12), st.integers(1, 9))
def test_runs_are_the_partitions_of_the_stream(sizes: dict[Partition, int], batch_rows: int) -> None:
    stream = pa.Table.from_batches([posts(p, ["x"] * n) for p, n in sizes.items()], schema("posts"))
    batches = [*stream.combine_chunks().to_batches(max_chunksize=batch_rows), posts(DAY, [])]
    runs = [(partition, list(pieces)) for partition, pieces in partition_runs("posts", batches)]
    assert [partition for partition, _ in runs] == list(sizes)
    assert [sum(piece.num_rows for piece in pieces) for _, pieces in runs] == list(sizes.values())
    for partition, pieces in runs:
        for piece in pieces:
            assert set(piece.column("feed").to_pylist()) == {partition.feed}
            assert set(piece.column("published_date").to_pylist()) == {as_date(partition.day)}
    if runs:
        rows = pa.Table.from_batches([piece for _, pieces in runs for piece in pieces])
        assert rows.equals(stream)


def test_runs_of_a_dataset_without_feeds_are_its_days() -> None:
    fields = [f for f in schema("daily_polarity") if f.name in ("published_date", "feed")]
    rows = [{"published_date": date(2026, 9, n), "feed": feed} for n in (3, 4) for feed in ("a", "b")]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema(fields))
    days = [partition for partition, _ in partition_runs("daily_polarity", [batch])]
    assert days == [Partition("2026-09-03"), Partition("2026-09-04")]


def test_a_state_file_is_replaced_whole(lake: Lake) -> None:
    assert lake.read_state("cursors/olist.json") is None
    lake.write_state("cursors/olist.json", b"one, and long")
    lake.write_state("cursors/olist.json", b"two")
    assert lake.read_state("cursors/olist.json") == b"two"
    assert files_below(Path(lake.base)) == {"_state/cursors/olist.json": b"two"}


def test_views_have_the_types_of_the_contract(lake: Lake) -> None:
    publish(lake, Partition("2026-09-03", "123"), ["bom"])
    publish(lake, Partition(UNDATED, "undated"), ["sem data"])
    with lake.query() as query:
        query.view("item", "posts", lake.files("posts"))
        query.view("nothing", "quarantine", [])
        table = query.table("FROM item ORDER BY text")
        assert table.column_names == contract("posts").columns
        assert table.schema.types == contract("posts").schema.types
        assert table["feed"].to_pylist() == ["123", "undated"]
        assert table["published_date"].to_pylist() == [date(2026, 9, 3), None]
        assert query.rows("SELECT count(*) AS n FROM nothing") == [{"n": 0}]
        assert query.table("FROM nothing").column_names == contract("quarantine").columns


def test_staged_files_can_be_looked_at_before_they_are_published(lake: Lake) -> None:
    undated = Partition(UNDATED, "b2w")
    with lake.staging() as stage, lake.query() as query:
        stage.write_partitions("posts", [posts(undated, ["sem data"]), posts(DAY, ["bom"])], {undated: "s", DAY: "s"})
        query.staged_view("staged", "posts", stage)
        assert query.table("FROM staged").column_names == contract("posts").columns
        rows = query.rows("SELECT published_date, feed, text FROM staged ORDER BY feed")
    assert rows == [
        {"published_date": None, "feed": "b2w", "text": "sem data"},
        {"published_date": date(2026, 9, 3), "feed": "olist", "text": "bom"},
    ]


@pytest.mark.parametrize("name", ["com espaço", "it's", "a=b", "percent%20", "[brackets]", "star*"])
def test_a_lake_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    lake = Lake(str(tmp_path / name / "lake"))
    publish(lake, DAY, ["bom"])
    assert list(lake.partitions("posts")) == [DAY]
    with lake.query() as query:
        query.view("item", "posts", lake.files("posts"))
        assert query.rows("SELECT feed, text FROM item") == [{"feed": "olist", "text": "bom"}]


def test_partitions_can_be_joined_to(lake: Lake) -> None:
    with lake.query() as query:
        query.keys("chosen", [DAY, Partition(UNDATED, "b2w")])
        rows = query.rows("FROM chosen ORDER BY feed")
    assert rows == [{"published_date": None, "feed": "b2w"}, {"published_date": date(2026, 9, 3), "feed": "olist"}]


def test_a_stream_comes_in_batches(lake: Lake) -> None:
    with lake.query() as query:
        sizes = [batch.num_rows for batch in query.batches("FROM range(10_000)", rows=1_000)]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1_000


def test_a_lake_can_be_named_by_a_file_address(tmp_path: Path) -> None:
    by_path, by_address = Lake(str(tmp_path / "lake")), Lake((tmp_path / "lake").as_uri())
    publish(by_address, DAY, ["bom"])
    assert by_address.is_local
    assert list(by_path.partitions("posts")) == list(by_address.partitions("posts")) == [DAY]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_safe_as_a_sql_literal(text: str) -> None:
    assert duckdb.sql(f"SELECT {sql_text(text)}").fetchall() == [(text,)]


@given(st.sets(st.sampled_from(["2026-09-01", "2026-09-02", "2026-09-03", UNDATED])))
def test_a_condition_on_days_holds_for_them_alone(days: set[str]) -> None:
    rows: list[Any] = duckdb.sql(
        f"""SELECT published_date FROM (VALUES (DATE '2026-09-01'), ('2026-09-02'), ('2026-09-04'), (NULL))
            AS item(published_date) WHERE {sql_days(iter(days))}"""
    ).fetchall()
    assert {as_day(day) for (day,) in rows} == days & {"2026-09-01", "2026-09-02", UNDATED}


def test_a_day_that_is_no_date_does_not_reach_sql() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        sql_days(["2026-09-01') OR true --"])


@given(st.one_of(st.none(), st.dates()))
def test_days_and_dates_are_the_same_thing(day: date | None) -> None:
    assert as_date(as_day(day)) == day


def test_a_fingerprint_is_the_same_everywhere_and_keeps_its_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    script = "from jobs.storage import fingerprint; print(fingerprint('a', 1, None))"
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert told.stdout.strip() == fingerprint("a", 1, None)


def test_of_two_secrets_the_first_stays_and_only_its_owner_reads_it(lake: Lake) -> None:
    lake.keep_secret("author.key", b"one")
    lake.keep_secret("author.key", b"two")
    assert lake.read_state("author.key") == b"one"
    assert [path.name for path in (Path(lake.base) / "_state").iterdir()] == ["author.key"]
    assert (Path(lake.base) / "_state" / "author.key").stat().st_mode & 0o077 == 0
