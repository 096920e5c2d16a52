"""Cutting the winners into tasks: whole partitions of one feed, every one of them once."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from jobs.lake.table import File, Partition, as_day
from jobs.validate.kernel import Task, tasks

FETCHED = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = [None, *(date(2026, 5, 1) + timedelta(days=n) for n in range(30))]
FEEDS = ("one", "three", "two")


def winners(counts: Sequence[int]) -> pa.Table:
    """Winning versions, `counts` of them in the partitions one after the other, sorted as validation sorts them."""
    places = [(feed, day) for feed in FEEDS for day in DAYS]
    rows = [
        {
            "feed": feed, "published_date": day, "batch_id": feed, "position": number,
            "fetched_date": FETCHED.date(), "first_seen_at": FETCHED,
        }
        for (feed, day), count in zip(places, counts, strict=True)
        for number in range(count)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema([*KINDS.items()]))


KINDS = {
    "feed": pa.string(), "published_date": pa.date32(), "batch_id": pa.string(), "position": pa.int64(),
    "fetched_date": pa.date32(), "first_seen_at": pa.timestamp("us", tz="UTC"),
}  # fmt: skip


def cut(table: pa.Table, most_rows: int) -> list[Task]:
    places = zip(table.column("feed").to_pylist(), table.column("published_date").to_pylist(), strict=True)
    made_from = {Partition(as_day(day), feed): f"{feed} {day}" for feed, day in places}
    raw = [File(f"raw_posts/{feed}", (("fetched_date", "2026-06-01"), ("feed", feed)), 1, 1) for feed in FEEDS]
    found = list(tasks(table, made_from, raw, most_rows))
    assert {partition: way for task in found for partition, way in task.made_from.items()} == made_from
    assert sum(len(task.made_from) for task in found) == len(made_from)
    return found


@pytest.mark.parametrize("most_rows", [1, 40, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_every_partition_and_every_winner_is_in_one_task(seed: int, most_rows: int) -> None:
    counts = random.Random(seed).choices([0, 1, 12, 14, 300], k=len(FEEDS) * len(DAYS))
    table = winners(counts)
    found = cut(table, most_rows)
    assert sum(task.winners.num_rows for task in found) == table.num_rows
    for task in found:
        assert {partition.feed for partition in task.made_from} == {task.feed}
        assert set(task.winners.column("batch_id").to_pylist()) == {task.feed}
        assert [file.feed for file in task.raw] == [task.feed]
    assert [task.feed for task in found] == sorted(task.feed for task in found)


def test_a_feed_is_one_task_as_long_as_it_is_small() -> None:
    found = cut(winners([5] * len(FEEDS) * len(DAYS)), 10_000)
    assert [(task.feed, task.winners.num_rows) for task in found] == [(feed, 5 * len(DAYS)) for feed in FEEDS]


def test_a_partition_is_never_cut() -> None:
    found = cut(winners([50] * len(FEEDS) * len(DAYS)), 100)
    assert {task.winners.num_rows for task in found} <= {50, 100}


def test_a_task_travels_with_its_own_rows_alone() -> None:
    table = winners([200] * len(FEEDS) * len(DAYS))
    assert max(len(pickle.dumps(task)) for task in cut(table, 1)) < table.nbytes / len(DAYS)
