"""Rows of posts, written and committed without a step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from data_contracts import schema
from jobs.lake.table import File, Lake, Partition, as_date, day_value
from jobs.lake.writer import write

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


def written(lake: Lake, partition: Partition, texts: Iterable[str], made_from: str = "made") -> list[File]:
    """A file of posts in `partition`, not committed."""
    values = {"published_date": day_value(partition.day), "feed": partition.feed}
    return write(lake, "posts", values, made_from, [posts(partition, texts)])


def publish(lake: Lake, partition: Partition, texts: Iterable[str], made_from: str = "made") -> None:
    """Commit posts in the place of those of `partition`."""
    table = lake.table("judged_posts")
    commit(lake, written(lake, partition, texts, made_from), table.of(partition))


def commit(lake: Lake, add: Iterable[File], remove: Iterable[File] = ()) -> None:
    """Commit to judged_posts as a test."""
    lake.commit(lake.table("judged_posts"), [*add], [*remove], step="test", days=[], cause="test")


def below(folder: str | Path) -> set[str]:
    """Paths of the files below `folder`."""
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
