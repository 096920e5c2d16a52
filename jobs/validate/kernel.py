"""The kernel of validation: the newest versions of some partitions -> files of posts, of quarantine and of deletions.

It judges rows by the row rules of the contracts, and knows nothing of what is stale or of whole days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from jobs.lake.query import open_query
from jobs.lake.table import File, Lake, Partition, as_date, as_day, day_value
from jobs.lake.writer import partition_runs, writing
from jobs.read.declared import DELETED
from jobs.rules import broken_rules

OUTPUTS = ("posts", "quarantine", "deletions")


@dataclass(frozen=True)
class Task:
    """Partitions of one feed, whose rows lie in the raw files `raw`.

    `made_from` says of each partition what its files are made from. `winners` has one row an item:
    batch_id, position and first_seen_at of the version that counts.
    """

    feed: str
    made_from: Mapping[Partition, str]
    winners: pa.Table
    raw: tuple[File, ...]


@dataclass(frozen=True)
class Staged:
    """Files of one partition, written and not committed."""

    posts: tuple[File, ...] = ()
    quarantine: tuple[File, ...] = ()
    deletions: tuple[File, ...] = ()

    @property
    def files(self) -> tuple[File, ...]:
        """All of them."""
        return self.posts + self.quarantine + self.deletions


@dataclass(frozen=True)
class JudgeRows:
    """Writes the posts, the quarantine and the deletions of a task's partitions into `lake`."""

    lake: Lake

    def __call__(self, task: Task) -> dict[Partition, Staged]:
        """The files of every partition that has rows."""
        with open_query(self.lake, threads=1) as query:
            query.view("raw", "raw_posts", task.raw)
            query.connection.register("winner", task.winners)
            chosen = query.batches(f"""
                SELECT raw.*, winner.first_seen_at FROM raw JOIN winner USING (batch_id, position)
                WHERE {_between(task.made_from)} ORDER BY raw.published_date NULLS FIRST, raw.feed, raw.post_id
            """)
            judged = (judge_rows(batch) for batch in chosen)
            return {
                partition: self._split(partition, task.made_from[partition], pieces)
                for partition, pieces in partition_runs("posts", judged)
            }

    def _split(self, partition: Partition, made_from: str, pieces: Iterable[pa.RecordBatch]) -> Staged:
        """Write the rows of one partition: gone at their source as deletions, sound as posts, others as quarantine."""
        values = {"published_date": day_value(partition.day), "feed": partition.feed}
        places = {name: self.lake.new_file(name, values, made_from) for name in OUTPUTS}
        posts: list[File] = []
        quarantine: list[File] = []
        deletions: list[File] = []
        with (
            writing(self.lake, "posts", places["posts"], posts) as kept,
            writing(self.lake, "quarantine", places["quarantine"], quarantine) as refused,
            writing(self.lake, "deletions", places["deletions"], deletions) as gone,
        ):
            for piece in pieces:
                deleted = pc.fill_null(pc.equal(piece.column("read_error"), DELETED), False)
                passes = pc.equal(pc.list_value_length(piece.column("rules")), 0)
                gone.write(piece.filter(deleted))
                kept.write(piece.filter(pc.and_not(passes, deleted)))
                refused.write(piece.filter(pc.invert(pc.or_(passes, deleted))))
        return Staged(tuple(posts), tuple(quarantine), tuple(deletions))


def judge_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` of raw_posts rows with their text, language and the names of the rules they break."""
    from models import language

    texts = [
        joined_text(title, body)
        for title, body in zip(batch.column("title").to_pylist(), batch.column("body").to_pylist(), strict=True)
    ]
    batch = batch.append_column("text", pa.array(texts, pa.string()))
    batch = batch.append_column("language", pa.array(language.identify([text or "" for text in texts]), pa.string()))
    rules = [rule for name in ("raw_posts", "posts") for rule in contract(name).rules if rule.severity == "error"]
    return batch.append_column("rules", broken_rules(rules, batch))


def joined_text(title: str | None, body: str | None) -> str | None:
    """Title and body as the model reads them; a body that begins with its title is not given it twice."""
    if not title or not body:
        return title or body
    return body if body.startswith(title) else f"{title}\n{body}"


def tasks(winners: pa.Table, made_from: Mapping[Partition, str], raw: Iterable[File], most_rows: int) -> Iterator[Task]:
    """Cut `winners`, sorted by feed and published_date, into tasks of about `most_rows` rows and whole partitions.

    `winners` has the columns of Task.winners, and feed and fetched_date.
    """
    places: dict[tuple[str, str], list[File]] = {}
    for file in raw:
        places.setdefault((str(file.feed), file.day), []).append(file)
    for start, length in _cuts(winners, most_rows):
        piece = winners.slice(start, length)
        feed = piece.column("feed")[0].as_py()
        fetched = [as_day(day) for day in piece.column("fetched_date").unique().to_pylist()]
        days = [as_day(day) for day in piece.column("published_date").unique().to_pylist()]
        yield Task(
            feed=feed,
            made_from={p: made_from[p] for p in (Partition(day, feed) for day in days)},
            winners=_by_itself(piece.select(["batch_id", "position", "first_seen_at"])),
            raw=tuple(file for day in sorted(fetched) for file in places.get((feed, day), [])),
        )


def _by_itself(piece: pa.Table) -> pa.Table:
    """A copy of `piece`: a slice that is pickled takes along all that it was cut from."""
    return piece.take(pa.array(range(piece.num_rows), pa.int64()))


def _cuts(winners: pa.Table, most_rows: int) -> Iterator[tuple[int, int]]:
    """(first row, rows) of each task."""
    keys = ["feed", "published_date"]
    sizes = winners.group_by(keys).aggregate([([], "count_all")])  # in no order, not even that of first occurrence
    order = pc.sort_indices(sizes, sort_keys=[(key, "ascending", "at_start") for key in keys])
    sizes = sizes.take(order)
    start, length, current = 0, 0, None
    for feed, rows in zip(sizes.column("feed").to_pylist(), sizes.column("count_all").to_pylist(), strict=True):
        if length and (feed != current or length + rows > most_rows):
            yield start, length
            start, length = start + length, 0
        length, current = length + rows, feed
    if length:
        yield start, length


def _between(partitions: Iterable[Partition]) -> str:
    """A condition on published_date that holds for all of `partitions`, by which Parquet leaves row groups out."""
    dates = [as_date(partition.day) for partition in partitions]
    dated = [day for day in dates if day]
    clauses = [f"raw.published_date BETWEEN DATE '{min(dated)}' AND DATE '{max(dated)}'"] if dated else []
    clauses += ["raw.published_date IS NULL"] if None in dates else []
    return f"({' OR '.join(clauses)})"
