"""Reading the lake: a view pins the version of every table it opens, and DuckDB reads the files of those versions."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import contract
from jobs.lake.faults import LakeError, sentence, speaking
from jobs.lake.table import HELD, STORE, TABLES, UNDATED, File, Lake, Partition, Table, as_date
from jobs.lake.writer import BATCH_ROWS

if TYPE_CHECKING:
    import duckdb

FOLDED = "lower(regexp_replace(trim(text), '\\s+', ' ', 'g'))"
"""SQL of a `text` as its copies are told: case and spacing aside."""


@dataclass(frozen=True)
class View:
    """The lake as it was when each of its tables was first looked at, or at the `pins` given.

    Whoever reads twice through one view reads the same rows twice, whatever is written meanwhile.
    """

    lake: Lake
    pins: Mapping[str, int | None] = field(default_factory=dict)
    opened: dict[str, Table] = field(default_factory=dict, repr=False, compare=False)

    def table(self, name: str) -> Table:
        """The table `name` at its pinned version."""
        if name not in self.opened:
            pinned = name in self.pins
            absent = pinned and self.pins[name] is None
            self.opened[name] = Table(name, None, None) if absent else self.lake.table(name, self.pins.get(name))
        return self.opened[name]

    def versions(self) -> dict[str, int | None]:
        """The version of every table, all of them pinned from now on; None for one that nobody has written to."""
        return {name: self.table(name).version for name in TABLES}

    def places(self) -> dict[str, int]:
        """The version of every table that somebody has written to, by where it lies."""
        return {self.lake.uri(name): version for name, version in self.versions().items() if version is not None}

    def files(self, dataset: str, days: Iterable[str] | None = None, held: bool = False) -> list[File]:
        """The files of `dataset` (of `days` only, when given), sorted by path.

        With `held` those of posts, quarantine or deletions that are held back.
        """
        agreed, wanted = contract(dataset), None if days is None else set(days)
        verdict = f"{HELD}{agreed.verdict}" if held else agreed.verdict
        return [
            file
            for file in self.table(agreed.table).files
            if file.verdict == (verdict or file.verdict) and (wanted is None or file.day in wanted)
        ]

    def partitions(self, dataset: str, days: Iterable[str] | None = None) -> dict[Partition, list[File]]:
        """The files of each partition of `dataset`, both sorted."""
        found: dict[Partition, list[File]] = {}
        for file in self.files(dataset, days):
            found.setdefault(file.partition, []).append(file)
        return {partition: found[partition] for partition in sorted(found)}

    def by_day(self, dataset: str, days: Iterable[str] | None = None) -> dict[str, list[File]]:
        """The files of each day of `dataset`, both sorted."""
        found: dict[str, list[File]] = {}
        for file in self.files(dataset, days):
            found.setdefault(file.day, []).append(file)
        return {day: found[day] for day in sorted(found)}

    def days(self, dataset: str) -> list[str]:
        """Days that `dataset` has rows of, sorted, `undated` left out."""
        return sorted({file.day for file in self.files(dataset)} - {UNDATED})

    def held(self) -> list[str]:
        """Days whose newest data validation holds back, sorted."""
        judged = ("posts", "quarantine", "deletions")
        return sorted({file.day for name in judged for file in self.files(name, held=True)})

    def rows(self, dataset: str, days: Iterable[str] | None = None) -> int:
        """How many rows `dataset` has, by the log."""
        return sum(file.rows for file in self.files(dataset, days))

    @contextmanager
    def query(self) -> Iterator[Query]:
        """DuckDB over this view."""
        with open_query(self.lake) as query:
            query.pinned = self
            yield query


def batches(
    lake: Lake, file: File, rows: int = BATCH_ROWS, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Stored rows of `file` as written, at most `rows` at a time, of all its `columns` or some.

    Partition columns are not among them. It is read in the thread that asks: steps have threads of their own.
    """
    with lake.open(file.path) as source:
        yield from pq.ParquetFile(source).iter_batches(batch_size=rows, columns=columns, use_threads=False)


@contextmanager
def open_query(lake: Lake, threads: int = 2, memory: str = "256MB") -> Iterator[Query]:
    """A DuckDB connection bound in memory, spilling to a temporary folder; what it was told goes with it.

    A database in which something went wrong is not used again. Raises LakeError when a file cannot be read.
    """
    import duckdb

    database = _idle_database(threads, memory)
    connection, store = database.cursor(), lake.store
    query = Query(lake, connection)
    try:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        if store:
            connection.register_filesystem(_as_fsspec(store))
        with speaking(lake.root):
            yield query
        query.forget()
        if store:
            connection.unregister_filesystem(STORE)
        connection.close()
    except BaseException as fault:
        connection.close()
        database.close()
        if isinstance(fault, duckdb.IOException):
            raise LakeError(sentence(lake.root, "read", fault)) from fault
        raise
    _IDLE.setdefault((os.getpid(), threads, memory), []).append(database)


_IDLE: dict[tuple[int, int, str], list[duckdb.DuckDBPyConnection]] = {}
"""Empty databases by process (threads do not live on in a fork), threads and memory: to make one takes 40 ms of CPU."""


def _idle_database(threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return _IDLE[os.getpid(), threads, memory].pop()
    except (KeyError, IndexError):
        spill = tempfile.mkdtemp(prefix=f"sentinela-spill-{os.getpid()}-")
        atexit.register(shutil.rmtree, spill, ignore_errors=True)
        return duckdb.connect(
            config={
                "memory_limit": memory, "temp_directory": spill, "threads": threads, "preserve_insertion_order": False
            }
        )  # fmt: skip


@dataclass
class Query:
    """DuckDB over files of the lake, with the types of the contracts."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    pinned: View | None = None
    taught: set[str] = field(default_factory=set)

    @property
    def at(self) -> View:
        """The view that this connection reads."""
        if self.pinned is None:
            raise ValueError("this connection was opened without a view; use View.query()")
        return self.pinned

    def read(
        self, dataset: str, days: Iterable[str] | None = None, held: bool = False, name: str | None = None
    ) -> None:
        """Make `dataset` (of `days`) of this connection's view readable as `name`, by default its own name."""
        self.view(name or dataset, dataset, self.at.files(dataset, days, held))

    def keep(self, dataset: str, days: Iterable[str] | None = None, name: str | None = None) -> None:
        """As `read`, but as a table: the files are opened once, however often it is asked."""
        name = name or dataset
        self.read(dataset, days, name=f"{name}_read")
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {name}_read")

    def view(self, name: str, dataset: str, files: Sequence[File]) -> None:
        """Make `files` of `dataset` readable as the view `name`; none of them gives an empty view."""
        agreed = contract(dataset)
        self.connection.unregister(name)
        if not files:
            self.connection.execute(f"DROP VIEW IF EXISTS {name}")
            self.connection.register(name, agreed.schema.empty_table())
            return
        paths = [self.lake.address(file) for file in files]
        columns = [
            pa.array([dict(file.values)[key] for file in files], pa.string()).cast(agreed.schema.field(key).type)
            for key in agreed.partition
        ]
        table = pa.table([pa.array(paths, pa.string()), *columns], names=["filename", *agreed.partition])
        self.connection.register(f"{name}_key", table)
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW {name} AS SELECT {", ".join(agreed.columns)}
                FROM read_parquet([{", ".join(map(sql_text, paths))}], filename = true, hive_partitioning = false)
                JOIN {name}_key USING (filename)"""
        )

    def teach(self, name: str, function: Callable[[pa.Array], pa.Array], takes: str, gives: str) -> None:
        """Let SQL call `function` as `name`, as long as this connection is open; what `name` was before is forgotten.

        `takes` and `gives` are the SQL types of a value and of what is made of it.
        """
        if name in self.taught:
            self.connection.remove_function(name)
        self.connection.create_function(name, function, [takes], gives, type="arrow")
        self.taught.add(name)

    def keys(self, name: str, partitions: Iterable[Partition]) -> None:
        """Make `partitions` readable as the table `name` with the columns published_date and feed."""
        rows = [{"published_date": as_date(partition.day), "feed": partition.feed} for partition in partitions]
        schema = pa.schema([("published_date", pa.date32()), ("feed", pa.string())])
        self.connection.register(name, pa.Table.from_pylist(rows, schema=schema))

    def forget(self) -> None:
        """Take away the functions that were taught: they belong to the database, which others use after this."""
        while self.taught:
            self.connection.remove_function(self.taught.pop())

    def batches(self, sql: str, rows: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """The result of `sql` as a stream of record batches of at most `rows` rows."""
        return self.connection.sql(sql).to_arrow_reader(rows)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The (small) result of `sql` as one dictionary a row."""
        return list(self.table(sql).to_pylist())

    def table(self, sql: str) -> pa.Table:
        """The (small) result of `sql`, whole."""
        return self.connection.sql(sql).to_arrow_table()


def sql_text(value: str) -> str:
    """`value` as a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_days(days: Iterable[str], column: str = "published_date") -> str:
    """A SQL condition on `column` that holds for `days`."""
    wanted = set(days)
    dated = ", ".join(f"DATE '{date.fromisoformat(day)}'" for day in sorted(wanted - {UNDATED}))
    clauses = [f"{column} IN ({dated})"] if dated else []
    clauses += [f"{column} IS NULL"] if UNDATED in wanted else []
    return "(" + (" OR ".join(clauses) or "false") + ")"


def sql_until(column: str, as_of: datetime | None) -> str:
    """A SQL condition that holds where the time in `column` is not after `as_of`; always without one."""
    return f"{column} <= TIMESTAMPTZ '{as_of.isoformat()}'" if as_of else "true"


def _as_fsspec(lake: Lake) -> Any:
    from fsspec.implementations.arrow import ArrowFSWrapper

    class LakeFileSystem(ArrowFSWrapper):  # type: ignore[misc]
        """DuckDB looks a file system up by its protocol; this gives pyarrow's one a name."""

        protocol = STORE

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            """The path whole: fsspec would take the bucket for a host and drop it."""
            return path.removeprefix(f"{STORE}://")

    return LakeFileSystem(lake.fs)
