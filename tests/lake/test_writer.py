from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import contract, schema
from jobs.lake.faults import LakeError
from jobs.lake.query import batches
from jobs.lake.table import UNDATED, Lake, Partition, as_date
from jobs.lake.writer import BATCH_ROWS, partition_runs, write, writing
from tests.lake.posts import DAY, below, posts, written

HERE = {"published_date": DAY.day, "feed": DAY.feed}


def cut(rows: pa.RecordBatch, lengths: list[int]) -> Iterator[pa.RecordBatch]:
    """`rows` in pieces of `lengths`, an empty one between each two, the rest in one."""
    start = 0
    for length in [*lengths, rows.num_rows]:
        yield rows.slice(start, length)
        yield rows.slice(0, 0)
        start = min(start + length, rows.num_rows)


def test_a_file_holds_the_contracts_columns_in_zstd(lake: Lake) -> None:
    (file,) = written(lake, DAY, ["bom"])
    stored = pq.ParquetFile(f"{lake.base}/{file.path}")
    assert stored.schema_arrow.remove_metadata().equals(contract("posts").stored_schema)
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_file_comes_with_its_size(lake: Lake) -> None:
    (file,) = written(lake, DAY, ["bom", "ruim"])
    assert file.rows == 2
    assert file.bytes == Path(lake.base, file.path).stat().st_size


@hypothesis.settings(max_examples=15)
@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=5), st.lists(st.integers(1, 9_000), min_size=1, max_size=5))
def test_equal_rows_give_equal_bytes_however_they_are_batched(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], other_sizes: list[int]
) -> None:
    total = min(sum(sizes), sum(other_sizes))
    rows = posts(DAY, (f"texto {n % 97}" for n in range(total)))
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    contents = []
    for lengths in (sizes, other_sizes):
        (file,) = write(lake, "posts", HERE, "made", cut(rows, lengths))
        assert file.rows == total
        contents.append(Path(lake.base, file.path).read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("size", [BATCH_ROWS, 1_000])
def test_row_groups_are_of_one_size(lake: Lake, size: int) -> None:
    rows, file = posts(DAY, ["bom"] * (2 * size + 5)), lake.new_file("posts", HERE, "made")
    with writing(lake, "posts", file, [], size) as writer:
        for piece in cut(rows, [size // 3] * 7):
            writer.write(piece)
            assert sum(waiting.num_rows for waiting in writer.waiting) < size
    stored = pq.ParquetFile(f"{lake.base}/{file.path}").metadata
    assert [stored.row_group(n).num_rows for n in range(stored.num_row_groups)] == [size, size, 5]


def test_a_file_is_read_in_batches_as_it_was_written(lake: Lake) -> None:
    rows = posts(DAY, (f"texto {n}" for n in range(2_500)))
    (file,) = write(lake, "posts", HERE, "made", [rows])
    pieces = list(batches(lake, file, 1_000))
    assert [piece.num_rows for piece in pieces] == [1_000, 1_000, 500]
    assert pa.Table.from_batches(pieces).equals(
        pa.Table.from_batches([rows.select(contract("posts").stored_schema.names)])
    )


def test_no_rows_are_no_file(lake: Lake) -> None:
    assert write(lake, "posts", HERE, "made", []) == []
    assert write(lake, "posts", HERE, "made", [posts(DAY, [])]) == []
    assert below(lake.base) == set()


def test_a_fault_in_the_stream_leaves_no_file(lake: Lake) -> None:
    def stream() -> Iterable[pa.RecordBatch]:
        yield posts(DAY, ["novo"] * (BATCH_ROWS + 1))
        raise RuntimeError("broken stream")

    with pytest.raises(RuntimeError, match="broken stream"):
        write(lake, "posts", HERE, "made", stream())
    assert below(lake.base) == set()


def test_a_row_that_lacks_a_required_value_cannot_be_stored(lake: Lake) -> None:
    batch = posts(DAY, ["bom"])
    place = batch.schema.get_field_index("text")
    broken = batch.set_column(place, pa.field("text", pa.string()), pa.nulls(1, pa.string()))
    with pytest.raises(ValueError, match="text"):
        write(lake, "posts", HERE, "made", [broken])
    assert below(lake.base) == set()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(LakeError, match=rf"{tmp_path}/lake/judged_posts/.*: cannot be written"):
        written(Lake(str(tmp_path / "lake")), DAY, ["bom"])


partitions = st.builds(
    Partition,
    st.one_of(st.just(UNDATED), st.dates(date(2020, 1, 1), date(2030, 1, 1)).map(date.isoformat)),
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True),
)


@given(st.dictionaries(partitions, st.integers(1, 6), max_size=12), st.integers(1, 9))
def test_runs_are_the_partitions_of_the_stream(sizes: dict[Partition, int], batch_rows: int) -> None:
    stream = pa.Table.from_batches([posts(p, ["x"] * n) for p, n in sizes.items()], schema("posts"))
    pieces = [*stream.combine_chunks().to_batches(max_chunksize=batch_rows), posts(DAY, [])]
    runs = [(partition, list(run)) for partition, run in partition_runs("posts", pieces)]
    assert [partition for partition, _ in runs] == list(sizes)
    assert [sum(piece.num_rows for piece in run) for _, run in runs] == list(sizes.values())
    for partition, run in runs:
        for piece in run:
            assert set(piece.column("feed").to_pylist()) == {partition.feed}
            assert set(piece.column("published_date").to_pylist()) == {as_date(partition.day)}
    if runs:
        rows = pa.Table.from_batches([piece for _, run in runs for piece in run])
        assert rows.equals(stream)


def test_runs_of_a_dataset_without_feeds_are_its_days() -> None:
    fields = [f for f in schema("daily_polarity") if f.name in ("published_date", "feed")]
    rows = [{"published_date": date(2026, 9, n), "feed": feed} for n in (3, 4) for feed in ("a", "b")]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema(fields))
    days = [partition for partition, _ in partition_runs("daily_polarity", [batch])]
    assert days == [Partition("2026-09-03"), Partition("2026-09-04")]


def test_a_sorted_stream_becomes_one_file_a_partition(lake: Lake) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(30)]
    rows = {Partition(day, feed): 1 + n % 4 for n, day in enumerate([UNDATED, *days]) for feed in ("a", "b")}
    stream = pa.Table.from_batches([posts(partition, ["x"] * count) for partition, count in rows.items()])
    counts = {}
    for partition, pieces in partition_runs("posts", stream.combine_chunks().to_batches(max_chunksize=11)):
        values = {"published_date": partition.day, "feed": partition.feed}
        (file,) = write(lake, "posts", values, "made", pieces)
        counts[partition] = file.rows
    assert counts == rows
