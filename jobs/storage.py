"""The lake: where a partition lies, how it is published in one step, how it is read in a stream.

A dataset is a folder of plain Parquet files in hive partitions. A partition that is restated (all but `raw_posts`
and `coverage`) is one file, so replacing it is one rename: a reader sees the old rows or the new ones. Writers put
their files under `_staging/` first and move them when they have been audited. Every file carries in its footer a
snapshot id: the hash of what it was made from, which is how a step knows that there is nothing to do.

What the columns are does not belong here: `data_contracts` says that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from data_contracts import contract

if TYPE_CHECKING:
    import duckdb

UNDATED = "undated"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
SNAPSHOT_KEY = b"sentinela.snapshot"
DATA_FILE = "data.parquet"
BATCH_ROWS = 16_384
SYNCED_ONE_BY_ONE = 100
STAGING = "_staging"
HELD = "_held"
STATE = "_state"
ABANDONED_AFTER = timedelta(hours=24)


@dataclass(frozen=True, order=True)
class Partition:
    """One published day (YYYY-MM-DD or `undated`), of one feed where the dataset has one."""

    day: str
    feed: str | None = None


@dataclass(frozen=True)
class Lake:
    """A lake root on any file system that pyarrow knows (local folder, s3://, gs://, file://)."""

    root: str
    fs: pafs.FileSystem = field(init=False, repr=False, compare=False)
    base: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if "://" in self.root:
            fs, base = pafs.FileSystem.from_uri(self.root)
        else:
            fs, base = pafs.LocalFileSystem(), str(Path(self.root).resolve())
        object.__setattr__(self, "fs", fs)
        object.__setattr__(self, "base", base.rstrip("/"))

    @property
    def is_local(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return isinstance(self.fs, pafs.LocalFileSystem)

    def folder(self, dataset: str, partition: Partition) -> str:
        """Folder of a partition of `dataset`, below the lake root."""
        values = dict(zip(contract(dataset).partition, (partition.day, partition.feed), strict=False))
        levels = [_level(key, str(value)) for key, value in values.items()]
        return "/".join([dataset, *levels])

    def path(self, dataset: str, partition: Partition, file: str = DATA_FILE) -> str:
        """Path of a file of a partition of `dataset`, below the lake root."""
        return f"{self.folder(dataset, partition)}/{file}"

    def partitions(
        self, dataset: str, days: Iterable[str] | None = None, below: str = ""
    ) -> dict[Partition, list[str]]:
        """Partitions of `dataset` (of `days` only, when given) and the files of each, all sorted.

        `below` is a folder of the lake that has datasets of its own, such as HELD.
        """
        keys = contract(dataset).partition
        roots = [dataset] if days is None else [f"{dataset}/{_level(keys[0], day)}" for day in set(days)]
        found: dict[Partition, list[str]] = {}
        for root in roots:
            for path in self._files(f"{below}/{root}".lstrip("/")):
                found.setdefault(_partition(path, keys), []).append(path)
        return {partition: sorted(found[partition]) for partition in sorted(found)}

    def files(self, dataset: str, days: Iterable[str] | None = None, below: str = "") -> list[str]:
        """The files of `partitions`, sorted, below the lake root."""
        return sorted(path for paths in self.partitions(dataset, days, below).values() for path in paths)

    def days(self, dataset: str) -> list[str]:
        """Days that `dataset` has a partition for, sorted, `undated` left out."""
        return sorted({p.day for p in self.partitions(dataset)} - {UNDATED})

    def held(self) -> list[str]:
        """Days whose newest data validation holds back, sorted."""
        return sorted({partition.day for partition in self.partitions("posts", below=HELD)})

    def snapshot(self, path: str) -> str | None:
        """Snapshot id in the footer of the file `path` below the lake root; None when there is no such file."""
        if self.fs.get_file_info(f"{self.base}/{path}").type != pafs.FileType.File:
            return None
        with self.fs.open_input_file(f"{self.base}/{path}") as source:
            metadata = pq.read_metadata(source).metadata or {}
        return metadata.get(SNAPSHOT_KEY, b"").decode() or None

    def batches(self, path: str) -> Iterator[pa.RecordBatch]:
        """Stored rows of the file `path` below the lake root, as written, BATCH_ROWS at a time."""
        with self.fs.open_input_file(f"{self.base}/{path}") as source:
            yield from pq.ParquetFile(source).iter_batches(batch_size=BATCH_ROWS)

    def rows(self, path: str) -> int:
        """Number of rows of the file `path` below the lake root, read from its footer."""
        with self.fs.open_input_file(f"{self.base}/{path}") as source:
            return int(pq.read_metadata(source).num_rows)

    @contextmanager
    def query(self) -> Iterator[Query]:
        """A DuckDB connection bound in memory, spilling to a temporary folder that goes with it."""
        import duckdb

        spill = tempfile.mkdtemp(prefix="sentinela-spill-")
        connection = duckdb.connect(
            config={"memory_limit": "400MB", "temp_directory": spill, "threads": 2, "preserve_insertion_order": False}
        )
        query = Query(self, connection)
        try:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            if not self.is_local:
                connection.register_filesystem(_as_fsspec(self.fs))
            yield query
        finally:
            connection.close()
            shutil.rmtree(spill, ignore_errors=True)
            if self.is_local:
                shutil.rmtree(f"{self.base}/{query.pins}", ignore_errors=True)

    @contextmanager
    def staging(self) -> Iterator[Staging]:
        """A place for files on their way in; whatever was not published is gone at the end."""
        self._sweep()
        stage = Staging(self, f"{STAGING}/{uuid.uuid4().hex}")
        self.fs.create_dir(f"{self.base}/{stage.root}", recursive=True)
        try:
            yield stage
        finally:
            self.fs.delete_dir(f"{self.base}/{stage.root}")

    def read_state(self, name: str) -> bytes | None:
        """Contents of the small state file `name` (cursors, keys), None when absent."""
        path = f"{self.base}/{STATE}/{name}"
        if self.fs.get_file_info(path).type != pafs.FileType.File:
            return None
        with self.fs.open_input_stream(path) as source:
            return bytes(source.read())

    def write_state(self, name: str, content: bytes) -> None:
        """Replace the small state file `name` in one step."""
        with self.staging() as stage:
            stage.put(f"{STATE}/{name}", content)
            stage.publish()

    def states(self, folder: str) -> list[str]:
        """Names, without ending, of the JSON state files of `folder`, sorted."""
        selector = pafs.FileSelector(f"{self.base}/{STATE}/{folder}", allow_not_found=True)
        return sorted(info.base_name.removesuffix(".json") for info in self.fs.get_file_info(selector))

    def drop_state(self, name: str) -> None:
        """Delete the state file `name` if it is there."""
        self.discard(f"{STATE}/{name}")

    def keep_secret(self, name: str, content: bytes) -> None:
        """Write the state file `name` of a local lake, for its owner alone, unless there is one: the first stays."""
        path = Path(self.base, STATE, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{name}.{uuid.uuid4().hex}")
        aside.touch(mode=0o600)
        try:
            with aside.open("wb") as sink:
                sink.write(content)
                sink.flush()
                os.fsync(sink.fileno())
            path.hardlink_to(aside)
        except FileExistsError:
            return
        finally:
            aside.unlink()

    def discard(self, path: str) -> None:
        """Delete the file `path` below the lake root if it is there."""
        if self.fs.get_file_info(f"{self.base}/{path}").type == pafs.FileType.File:
            self.fs.delete_file(f"{self.base}/{path}")

    def _files(self, root: str) -> list[str]:
        selector = pafs.FileSelector(f"{self.base}/{root}", allow_not_found=True, recursive=True)
        return [
            info.path[len(self.base) + 1 :]
            for info in self.fs.get_file_info(selector)
            if info.type == pafs.FileType.File and info.path.endswith(".parquet")
        ]

    def _sweep(self) -> None:
        """Remove what killed processes left in staging, once nobody can be writing it any more."""
        newest: dict[str, datetime] = {}
        for info in self.fs.get_file_info(pafs.FileSelector(f"{self.base}/{STAGING}", True, recursive=True)):
            if info.mtime:
                folder = info.path[len(self.base) + 1 :].split("/")[1]
                newest[folder] = max(info.mtime, newest.get(folder, info.mtime))
        for folder, written in newest.items():
            if datetime.now(UTC) - written > ABANDONED_AFTER:
                with suppress(FileNotFoundError):  # another process swept it
                    self.fs.delete_dir(f"{self.base}/{STAGING}/{folder}")


@dataclass
class Query:
    """DuckDB over the lake. Views are made from partition files with the types of the contract."""

    lake: Lake
    connection: duckdb.DuckDBPyConnection
    pins: str = field(default_factory=lambda: f"{STAGING}/{uuid.uuid4().hex}")

    def view(self, name: str, dataset: str, files: Sequence[str]) -> None:
        """Make `files` of `dataset` readable as the view `name`; none of them gives an empty view."""
        self.connection.unregister(name)
        if files:
            self._join(name, dataset, {self._pinned(path): path for path in files})
        else:
            self.connection.register(name, contract(dataset).schema.empty_table())

    def staged_view(self, name: str, dataset: str, stage: Staging) -> None:
        """Make what `stage` has for `dataset` readable as the view `name`."""
        staged = {path: target for target, path in stage.targets.items() if target.startswith(f"{dataset}/")}
        self._join(name, dataset, {self._path(path): target for path, target in staged.items()})

    def _join(self, name: str, dataset: str, targets: Mapping[str, str]) -> None:
        """The view `name` of the files `targets`, with the partition columns that their targets' folders name."""
        agreed = contract(dataset)
        values = [_levels(target) for target in targets.values()]
        columns = [
            pa.array([level[key] for level in values]).cast(agreed.schema.field(key).type) for key in agreed.partition
        ]
        table = pa.table([pa.array(list(targets), pa.string()), *columns], names=["filename", *agreed.partition])
        self.connection.register(f"{name}_key", table)
        files = ", ".join(sql_text(path) for path in targets)
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP VIEW {name} AS SELECT {", ".join(agreed.columns)}
                FROM read_parquet([{files}], filename = true, hive_partitioning = false)
                JOIN {name}_key USING (filename)"""
        )

    def _pinned(self, file: str) -> str:
        """Where DuckDB reads `file`: a hard link of it, for DuckDB opens a file more than once.

        Were the partition replaced in between, it would see half of the old rows and half of the new ones.
        """
        path = self._path(file)
        if not self.lake.is_local:
            return path
        link = Path(self.lake.base, self.pins, f"{uuid.uuid4().hex}.parquet")
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(path)
        except OSError:  # a file system without hard links, or a lake that may only be read
            return path
        return str(link)

    def _path(self, file: str) -> str:
        return f"{self.lake.base if self.lake.is_local else f'lake://{self.lake.base}'}/{file}"

    def keys(self, name: str, partitions: Iterable[Partition]) -> None:
        """Make `partitions` readable as the table `name` with the columns published_date and feed."""
        self.connection.register(name, _key_table(partitions))

    def batches(self, sql: str, rows: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """The result of `sql` as a stream of record batches of at most `rows` rows."""
        return self.connection.sql(sql).to_arrow_reader(rows)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The (small) result of `sql` as one dictionary a row."""
        return list(self.table(sql).to_pylist())

    def table(self, sql: str) -> pa.Table:
        """The (small) result of `sql`, whole."""
        return self.connection.sql(sql).to_arrow_table()


@dataclass
class Staging:
    """Files written but not yet visible; `publish` moves each to its place in one step."""

    lake: Lake
    root: str
    targets: dict[str, str] = field(default_factory=dict)

    def put(self, target: str, content: bytes) -> None:
        """Stage `content` for the path `target` below the lake root."""
        with self.lake.fs.open_output_stream(self._staged(target)) as sink:
            sink.write(content)

    def write(self, dataset: str, target: str, batches: Iterable[pa.RecordBatch], snapshot: str) -> int:
        """Stage `batches` as the file `target` of `dataset`; returns the rows written."""
        with self.writer(dataset, target, snapshot) as writer:
            return sum(writer.write(batch) for batch in batches)

    @contextmanager
    def writer(self, dataset: str, target: str, snapshot: str) -> Iterator[_Writer]:
        """An open staged file of `dataset` that takes batches holding at least its stored columns."""
        schema = contract(dataset).stored_schema.with_metadata({SNAPSHOT_KEY: snapshot.encode()})
        with (
            self.lake.fs.open_output_stream(self._staged(target)) as sink,
            pq.ParquetWriter(sink, schema, compression="zstd", store_schema=True) as writer,
        ):
            rows = _Writer(writer, schema)
            yield rows
            rows.close()

    def write_partitions(
        self,
        dataset: str,
        batches: Iterable[pa.RecordBatch],
        snapshots: Mapping[Partition, str],
        file: str = DATA_FILE,
    ) -> dict[Partition, int]:
        """Stage a stream sorted by (published_date, feed), one file a partition; returns the rows of each.

        Every partition of `snapshots` gets a file, an empty one where the stream brings it no rows.
        """
        counts: dict[Partition, int] = {}
        for partition, pieces in partition_runs(dataset, batches):
            if partition in counts:
                raise ValueError(f"{dataset}: the stream is not sorted by partition; {partition} came twice")
            target = self.lake.path(dataset, partition, file)
            counts[partition] = self.write(dataset, target, pieces, snapshots[partition])
        for partition in sorted(snapshots.keys() - counts.keys()):
            target = self.lake.path(dataset, partition, file)
            counts[partition] = self.write(dataset, target, [], snapshots[partition])
        return counts

    def redirect(self, target: str, elsewhere: str) -> None:
        """Publish what was staged for `target` to `elsewhere` instead."""
        self.targets[elsewhere] = self.targets.pop(target)

    def publish(self) -> None:
        """Make the staged files durable, then move each to its target in one step."""
        if self.lake.is_local:
            self._sync()
        for target, staged in self.targets.items():
            folder = f"{self.lake.base}/{target}".rsplit("/", 1)[0]
            self.lake.fs.create_dir(folder, recursive=True)
            self.lake.fs.move(f"{self.lake.base}/{staged}", f"{self.lake.base}/{target}")
        self.targets.clear()

    def _staged(self, target: str) -> str:
        self.targets[target] = f"{self.root}/{len(self.targets)}-{uuid.uuid4().hex}"
        return f"{self.lake.base}/{self.targets[target]}"

    def _sync(self) -> None:
        """Flush the staged files: one by one, or, where they are many, all that the machine has in one go."""
        if len(self.targets) > SYNCED_ONE_BY_ONE:
            os.sync()
            return
        for staged in self.targets.values():
            with open(f"{self.lake.base}/{staged}", "rb") as file:
                os.fsync(file.fileno())


@dataclass
class _Writer:
    """Writes row groups of one size whatever the sizes of the batches, so that equal rows give equal bytes."""

    parquet: pq.ParquetWriter
    schema: pa.Schema
    waiting: list[pa.RecordBatch] = field(default_factory=list)

    def write(self, batch: pa.RecordBatch) -> int:
        """Write the stored columns of `batch`; returns its rows."""
        self.waiting.append(batch.select(self.schema.names).cast(self.schema))
        if sum(piece.num_rows for piece in self.waiting) >= BATCH_ROWS:
            self._flush(BATCH_ROWS)
        return int(batch.num_rows)

    def close(self) -> None:
        self._flush(1)

    def _flush(self, at_least: int) -> None:
        table = pa.Table.from_batches(self.waiting, self.schema)
        while table.num_rows >= at_least:
            self.parquet.write_table(table.slice(0, BATCH_ROWS).combine_chunks())
            table = table.slice(BATCH_ROWS)
        self.waiting = table.to_batches()


def fingerprint(*parts: Any) -> str:
    """Short hash of `parts`, the same in every process."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def as_day(value: date | None) -> str:
    """A partition value as the text that steps pass around."""
    return UNDATED if value is None else value.isoformat()


def as_date(day: str) -> date | None:
    """The partition value of a day that steps pass around."""
    return None if day == UNDATED else date.fromisoformat(day)


def sql_text(value: str) -> str:
    """`value` as a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_days(days: Iterable[str]) -> str:
    """A SQL condition on published_date that holds for `days`."""
    wanted = set(days)
    dated = ", ".join(f"DATE '{date.fromisoformat(day)}'" for day in sorted(wanted - {UNDATED}))
    clauses = [f"published_date IN ({dated})"] if dated else []
    clauses += ["published_date IS NULL"] if UNDATED in wanted else []
    return "(" + (" OR ".join(clauses) or "false") + ")"


def _key_table(partitions: Iterable[Partition]) -> pa.Table:
    rows = [{"published_date": as_date(partition.day), "feed": partition.feed} for partition in partitions]
    return pa.Table.from_pylist(rows, schema=pa.schema([("published_date", pa.date32()), ("feed", pa.string())]))


def _partition(path: str, keys: Sequence[str]) -> Partition:
    """The partition that the folders of `path` name."""
    levels = _levels(path)
    return Partition(*(levels[key] or UNDATED for key in keys))


def _levels(path: str) -> dict[str, str | None]:
    """Partition values that the folders of `path` name; None for the hive null."""
    levels = dict(level.split("=", 1) for level in path.split("/") if "=" in level)
    return {key: None if value == HIVE_NULL else unquote(value) for key, value in levels.items()}


def _level(key: str, value: str) -> str:
    return f"{key}={HIVE_NULL if value == UNDATED and key != 'feed' else quote(value)}"


def partition_runs(
    dataset: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[tuple[Partition, Iterator[pa.RecordBatch]]]:
    """Cut a stream sorted by the partition columns into (partition, its pieces); use each group before the next."""

    def pieces() -> Iterator[tuple[Partition, pa.RecordBatch]]:
        keys = contract(dataset).partition
        for batch in batches:
            if not batch.num_rows:
                continue
            columns = [np.asarray(batch.column(key).to_numpy(zero_copy_only=False)).astype(str) for key in keys]
            changed = np.zeros(batch.num_rows - 1, dtype=bool)
            for column in columns:
                changed |= column[1:] != column[:-1]
            starts = [0, *(np.flatnonzero(changed) + 1).tolist(), batch.num_rows]
            for start, end in pairwise(starts):
                day, *feed = (batch.column(key)[start].as_py() for key in keys)
                yield Partition(as_day(day), *feed), batch.slice(start, end - start)

    for partition, group in groupby(pieces(), key=lambda piece: piece[0]):
        yield partition, (piece for _, piece in group)


def _as_fsspec(fs: pafs.FileSystem) -> Any:
    from fsspec.implementations.arrow import ArrowFSWrapper

    class LakeFileSystem(ArrowFSWrapper):  # type: ignore[misc]
        """DuckDB looks a file system up by its protocol; this gives pyarrow's one a name."""

        protocol = "lake"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            """The path whole: fsspec would take the bucket for a host and drop it."""
            return path.removeprefix("lake://")

    return LakeFileSystem(fs)
