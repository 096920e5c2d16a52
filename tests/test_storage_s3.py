"""The lake on an object store: a real S3 API on loopback, spoken to by the same code as a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime

import boto3
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer

from data_contracts import contract, schema
from jobs.storage import HELD, UNDATED, Lake, Partition, as_date

SEEN = datetime(2026, 9, 3, 12, tzinfo=UTC)
DAY, UNDATED_DAY = Partition("2026-09-03", "olist"), Partition(UNDATED, "b2w")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def lake(address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Lake:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="bucket")
    return Lake(f"s3://bucket/{request.node.name}/lake")


def keys(lake: Lake) -> set[str]:
    """Names of the objects of the lake, folder markers left out."""
    bucket, _, prefix = lake.base.partition("/")
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    return {item["Key"].removeprefix(f"{prefix}/") for item in listed if not item["Key"].endswith("/")}


def posts(partition: Partition, *texts: str) -> pa.RecordBatch:
    rows = [
        {
            "feed": partition.feed, "kind": "review", "post_id": text, "batch_id": "b", "date_source": "feed",
            "published_date": as_date(partition.day), "first_seen_at": SEEN, "fetched_at": SEEN, "text": text,
            "language": "pt",
        }
        for text in texts
    ]  # fmt: skip
    return pa.RecordBatch.from_pylist(rows, schema=schema("posts"))


def publish(lake: Lake, snapshot: str, *texts: str) -> None:
    with lake.staging() as stage:
        batches = [posts(UNDATED_DAY, "sem data"), posts(DAY, *texts)]
        stage.write_partitions("posts", batches, {UNDATED_DAY: snapshot, DAY: snapshot})
        assert list(lake.partitions("posts")) == ([] if snapshot == "one" else [DAY, UNDATED_DAY])
        stage.publish()


def test_partitions_are_published_replaced_and_found(lake: Lake) -> None:
    assert not lake.is_local
    assert lake.partitions("posts") == {}
    publish(lake, "one", "bom", "ruim")
    publish(lake, "two", "bom", "ruim", "ok")
    assert list(lake.partitions("posts")) == [DAY, UNDATED_DAY]
    assert list(lake.partitions("posts", [UNDATED])) == [UNDATED_DAY]
    assert lake.days("posts") == ["2026-09-03"]
    path = lake.path("posts", DAY)
    assert lake.snapshot(path) == "two"
    assert lake.rows(path) == 3
    assert keys(lake) == {path, lake.path("posts", UNDATED_DAY)}


def test_duckdb_reads_it_with_the_types_of_the_contract(lake: Lake) -> None:
    publish(lake, "one", "bom", "ruim")
    with lake.query() as query:
        query.view("item", "posts", lake.files("posts"))
        table = query.table("FROM item ORDER BY text")
    assert table.schema.types == contract("posts").schema.types
    assert table["text"].to_pylist() == ["bom", "ruim", "sem data"]
    assert table["published_date"].to_pylist() == [date(2026, 9, 3)] * 2 + [None]
    assert table["feed"].to_pylist() == ["olist", "olist", "b2w"]


def test_staged_files_can_be_looked_at_and_held_back(lake: Lake) -> None:
    target = lake.path("posts", DAY)
    with lake.staging() as stage, lake.query() as query:
        stage.write("posts", target, [posts(DAY, "bom")], "s")
        query.staged_view("staged", "posts", stage)
        assert query.rows("SELECT feed, published_date, text FROM staged") == [
            {"feed": "olist", "published_date": date(2026, 9, 3), "text": "bom"}
        ]
        stage.redirect(target, f"{HELD}/{target}")
        stage.publish()
    assert lake.held() == ["2026-09-03"]
    assert lake.partitions("posts") == {}
    lake.discard(f"{HELD}/{target}")
    assert lake.held() == []


def test_an_exception_in_staging_leaves_nothing(lake: Lake) -> None:
    def fail() -> None:
        with lake.staging() as stage:
            stage.write("posts", lake.path("posts", DAY), [posts(DAY, "bom")], "s")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    assert keys(lake) == set()


def test_state_files_are_kept_and_replaced(lake: Lake) -> None:
    assert lake.read_state("cursors/olist.json") is None
    lake.write_state("cursors/olist.json", b"one")
    lake.write_state("cursors/olist.json", b"two")
    assert lake.read_state("cursors/olist.json") == b"two"
    assert keys(lake) == {"_state/cursors/olist.json"}
