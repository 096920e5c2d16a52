"""Rows of posts, written and committed without a step."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from data_contracts import schema
from jobs.lake.table import File, Lake, Partition, Refused, as_date, day_value
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


def add_days(root: str, feed: str, days: int) -> None:
    """Commit a post of each of `days` days of September, again and again when others are faster."""
    lake = Lake(root)
    for number in range(days):
        files = written(lake, Partition(f"2026-09-{number + 1:02}", feed), [feed])
        while True:
            try:
                commit(lake, files)
                break
            except Refused:
                continue


def add_days_side_by_side(lake: Lake, days: int) -> None:
    """Let two processes add `days` days each, of a feed of their own, to one table; none of them is lost."""
    spawn, feeds = multiprocessing.get_context("spawn"), ("olist", "b2w")
    workers = [spawn.Process(target=add_days, args=(lake.root, feed, days)) for feed in feeds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = sorted((file.feed, file.day) for file in lake.table("judged_posts").files)
    assert found == sorted((feed, f"2026-09-{day + 1:02}") for feed in feeds for day in range(days))


def below(folder: str | Path) -> set[str]:
    """Paths of the files below `folder`."""
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
