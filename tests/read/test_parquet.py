from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.read.record import ReadError, Record

Records = Callable[..., list[Record]]
TEXT = {"columns": {"post_id": "id", "text": "text"}}


def outcome(find: Callable[[], list[Record]]) -> list[Record] | str:
    """What was found, or what the ReadError says."""
    try:
        return find()
    except ReadError as fault:
        return str(fault)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=3)
    return sink.getvalue()


def test_parquet_keeps_its_native_values(records: Records) -> None:
    moment = datetime(2026, 9, 3, 12, tzinfo=UTC)
    table = pa.table({"id": [1, 2], "text": ["a", None], "at": [moment, None], "stars": [5.0, None]})
    columns = {"post_id": "id", "text": "text", "published_at": "at", "rating": "stars"}
    found = records("parquet", parquet(table), columns=columns)
    assert [record.fields for record in found] == [
        {"post_id": 1, "text": "a", "published_at": moment, "rating": 5.0},
        {"post_id": 2, "text": None, "published_at": None, "rating": None},
    ]


def test_a_parquet_file_without_a_column_is_told(records: Records) -> None:
    with pytest.raises(ReadError, match="no column 'text'; it has 'id'"):
        records("parquet", parquet(pa.table({"id": [1]})), **TEXT)


@given(st.data())
def test_a_damaged_parquet_file_is_a_source_error_or_rows(records: Records, data: st.DataObject) -> None:
    whole = parquet(pa.table({"id": [str(n) for n in range(9)], "text": ["bom"] * 9}))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(lambda: records("parquet", bytes(damaged), **TEXT))
    assert "not a readable Parquet file" in found if isinstance(found, str) else len(found) <= 9


def test_a_moment_that_cannot_be_does_not_lose_the_file(records: Records) -> None:
    far = pa.array([0, 400_000_000_000, None], pa.int64()).cast(pa.timestamp("s", "UTC"))
    found = records("parquet", parquet(pa.table({"id": [1, 2, 3], "text": list("abc"), "at": far})),
                    columns={"post_id": "id", "text": "text", "published_at": "at"})  # fmt: skip
    moments = [record.fields["published_at"] for record in found]
    assert moments == [datetime(1970, 1, 1, tzinfo=UTC), "400000000000 seconds after 1970", None]


def test_a_zone_that_nobody_knows_does_not_lose_the_file(records: Records) -> None:
    at = pa.array([0], pa.int64()).cast(pa.timestamp("us", "Mars/Olympus"))
    (record,) = records("parquet", parquet(pa.table({"id": [1], "text": ["a"], "at": at})),
                        columns={"post_id": "id", "text": "text", "published_at": "at"})  # fmt: skip
    assert record.fields["published_at"] == datetime(1970, 1, 1, tzinfo=UTC)


def test_two_columns_of_one_name_are_told_apart_or_refused(records: Records) -> None:
    table = pa.table([pa.array(["1"]), pa.array(["a"]), pa.array(["x"]), pa.array(["y"])], ["id", "text", "n", "n"])
    (record,) = records("parquet", parquet(table), **TEXT)
    assert record.payload == {"id": "1", "text": "a", "n": "x", "n (2)": "y"}
    (record,) = records("csv", "id,text,n,n\n1,a,x,y\n", **TEXT)
    assert record.payload == {"id": "1", "text": "a", "n": "x", "n (2)": "y"}
    with pytest.raises(ReadError, match="two columns are called 'text'; give each its own name"):
        records("csv", "id,text,text\n1,a,b\n", **TEXT)
