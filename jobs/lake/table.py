"""A dataset at one version: which files it is, what they were made from, and putting others in their place.

Every dataset is a Delta table. A commit names the files that come and go and is refused when anybody committed since
the table was opened (`Refused`), so two writers never overwrite each other. Files are immutable: what was read once
can be read again for as long as tidying keeps it. A file says in its name what it was made from, so a step
learns from the log alone what there is to do.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote

import pyarrow as pa
import pyarrow.fs as pafs

from data_contracts import Contract, contract
from jobs.lake.commits import OWN, Commit
from jobs.lake.faults import LakeError, sentence, speaking

if TYPE_CHECKING:
    from deltalake import DeltaTable

Key = TypeVar("Key")
Value = TypeVar("Value")

UNDATED = "undated"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
TABLES = (
    "raw_posts", "item_versions", "judged_posts", "scored_posts", "twins", "themes", "topics", "daily_polarity",
    "coverage", "labels",
)  # fmt: skip
LAYOUT_KEY, LAYOUT = "sentinela.layout", "4"
"""A table property: the number of the layout that this code reads and writes."""
CHECKPOINT_EVERY = 20
MOST_DAYS_KEPT = 30
"""For how long the log remembers versions and what was removed: no reader can be promised more."""
SYNCED_ONE_BY_ONE = 100
HELD, GIVEN_UP = "held_", "given_up_"
"""What stands before the verdict of rows that are held back, and of those that a person gave up."""
RELEASED = "-released"
"""What follows, in the name of a file that a person released, what it was made from."""
ATTEMPTS = 100
"""How often a commit is tried that others are faster than."""
LISTED_AGAIN = 5
"""How often a folder is listed anew that changed while it was looked at."""
FOLDER_MODE = 0o770
STORE = "lake"
"""The protocol under which DuckDB finds the files of a lake in an object store."""
OURS: Final = re.compile(r"-[0-9a-f]{12}\.parquet$")
"""What the name of every file that Lake.new_file named ends in."""


class Refused(RuntimeError):  # noqa: N818
    """Somebody else committed since the table was opened: open it again and see whether it matters."""


@dataclass(frozen=True)
class Amendment:
    """What a commit changes of a table, the files that come and those that go, and what it says."""

    add: Sequence[File]
    remove: Collection[File]
    said: Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Partition:
    """One day (YYYY-MM-DD or `undated`), of one feed where the dataset is cut by feed."""

    day: str
    feed: str | None = None


@dataclass(frozen=True)
class File:
    """A file of a table, committed or not: its path below the lake root, its partition values and its size.

    `values` are texts by partition column, None for the null partition; `committed` is when, in milliseconds since
    1970, and 0 before.
    """

    path: str
    values: tuple[tuple[str, str | None], ...]
    rows: int
    bytes: int
    committed: int = field(default=0, compare=False)

    @property
    def table(self) -> str:
        """Name of the table that the file belongs to."""
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        """Name of the file, without folder and ending; no other file has it."""
        return self.path.rsplit("/", 1)[-1].removesuffix(".parquet")

    @property
    def made_from(self) -> str:
        """What the file was made from, as its writer said it."""
        return self._origin.removesuffix(RELEASED)

    @property
    def feed(self) -> str | None:
        """Feed of the file, None where the table is not cut by feed."""
        return dict(self.values).get("feed")

    @property
    def day(self) -> str:
        """The day, published or fetched, that the file is of."""
        return next((value or UNDATED for key, value in self.values if key.endswith("_date")), UNDATED)

    @property
    def verdict(self) -> str | None:
        """Verdict of all rows, of judged posts."""
        return dict(self.values).get("verdict")

    @property
    def is_held(self) -> bool:
        """Whether its rows are held back."""
        return str(self.verdict).startswith(HELD)

    @property
    def is_given_up(self) -> bool:
        """Whether its rows were held back and a person gave them up."""
        return str(self.verdict).startswith(GIVEN_UP)

    @property
    def is_decided(self) -> bool:
        """Whether its rows were held back and a person gave them up or released them."""
        return self.is_given_up or self._origin.endswith(RELEASED)

    @property
    def _origin(self) -> str:
        return self.name.rsplit("-", 1)[0]

    @property
    def partition(self) -> Partition:
        """Day and feed."""
        return Partition(self.day, self.feed)


@dataclass(frozen=True)
class Table:
    """A Delta table at one version; a table that nobody has written to has the version None and no files."""

    name: str
    version: int | None
    handle: DeltaTable | None = field(repr=False, compare=False)

    @property
    def files(self) -> tuple[File, ...]:
        """Every file of this version, sorted by path. Raises LakeError when somebody else committed one of them."""
        if self.handle is None:
            return ()
        key = (self.handle.table_uri, str(self.handle.metadata().id), self.handle.version())
        if (known := _LISTED.get(key)) is not None:
            return known
        before = next((files for former, files in reversed(_LISTED.items()) if former[:2] == key[:2]), ())
        return _kept(_LISTED, key, _listed(self.name, self.handle, before))

    @cached_property
    def partitions(self) -> dict[Partition, tuple[File, ...]]:
        """The files of each partition, both sorted."""
        found: dict[Partition, list[File]] = {}
        for file in self.files:
            found.setdefault(file.partition, []).append(file)
        return {partition: tuple(found[partition]) for partition in sorted(found)}

    def of(self, partition: Partition) -> tuple[File, ...]:
        """The files of `partition`, none when there are none."""
        return self.partitions.get(partition, ())

    def covers(self, source: str) -> int | None:
        """The version of the table `source` up to which this one was derived from it; None when never said."""
        return None if self.handle is None else self.handle.transaction_version(source)


_LISTED: dict[tuple[str, str, int], tuple[File, ...]] = {}
_OPENED: dict[tuple[str, ...], tuple[DeltaTable, pafs.FileInfo]] = {}
KEPT = 12
"""A version never changes, and a run asks for each table some ten times: so many lists of files, and so many opened
tables, are kept."""


def _kept(cache: dict[Key, Value], key: Key, value: Value) -> Value:
    """`value`, kept in `cache` as the newest of KEPT."""
    cache.pop(key, None)
    while len(cache) >= KEPT:
        cache.pop(next(iter(cache)), None)
    cache[key] = value
    return value


def _listed(name: str, handle: DeltaTable, before: Iterable[File]) -> tuple[File, ...]:
    """The files of a version, sorted by path; those that another version had, `before`, are taken from there."""
    with speaking(handle.table_uri):
        actions = pa.table(handle.get_add_actions(flatten=True))
    known = {file.path: file for file in before}
    paths = [f"{name}/{unquote(path)}" for path in actions.column("path").to_pylist()]
    fresh = [place for place, path in enumerate(paths) if path not in known]
    found = [known[path] for path in paths if path in known]
    found += _files(
        [paths[place] for place in fresh], actions.take(pa.array(fresh, pa.int64())), contract(name).partition
    )
    strange = next((file.path for file in found if not OURS.search(file.path)), None)
    if strange:
        raise LakeError(
            f"{handle.table_uri}: Sentinela did not write {strange}; go back to the version before it "
            "(DeltaTable.restore), or name another folder under `lake` in the settings and ingest anew"
        )
    return tuple(sorted(found, key=attrgetter("path")))


def _files(paths: Sequence[str], actions: pa.Table, keys: Sequence[str]) -> list[File]:
    """What add actions say of the files at `paths`, partitioned by `keys`."""
    columns = [actions.column(f"partition.{key}").to_pylist() for key in keys]
    values = [tuple(zip(keys, map(_text, row), strict=True)) for row in zip(*columns, strict=True)]
    moments = actions.column("modification_time").cast(pa.timestamp("ms")).cast(pa.int64()).to_pylist()
    counts, sizes = (actions.column(column).to_pylist() for column in ("num_records", "size_bytes"))
    return [
        File(path, value, count or 0, size, moment)
        for path, value, count, size, moment in zip(paths, values, counts, sizes, moments, strict=True)
    ]


@dataclass(frozen=True)
class Lake:
    """A lake root on any file system that pyarrow and Delta know (local folder, s3://, gs://, file://)."""

    root: str
    fs: pafs.FileSystem = field(init=False, repr=False, compare=False)
    base: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            if "://" in self.root:
                fs, base = pafs.FileSystem.from_uri(self.root)
            else:
                fs, base = pafs.LocalFileSystem(), str(Path(self.root).resolve())
        except (pa.ArrowException, OSError) as fault:
            raise LakeError(f"{self.root}: no place for a lake: {fault}; mend `lake` in the settings") from fault
        if isinstance(fs, pafs.LocalFileSystem) and "%" in base:
            raise LakeError(
                f"{self.root}: Delta reads a % in a folder's name otherwise; name another folder under `lake`"
            )
        object.__setattr__(self, "fs", fs)
        object.__setattr__(self, "base", base.rstrip("/"))

    def __reduce__(self) -> tuple[type[Lake], tuple[str]]:
        return Lake, (self.root,)

    @property
    def is_local(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return isinstance(self.fs, pafs.LocalFileSystem)

    @property
    def store(self) -> Lake | None:
        """The lake in an object store whose files are read here, if any."""
        return None if self.is_local else self

    def address(self, file: File) -> str:
        """Where DuckDB finds `file`; the protocol of an object store is STORE."""
        return f"{self.base if self.is_local else f'{STORE}://{self.base}'}/{file.path}"

    def uri(self, name: str) -> str:
        """Where the table `name` lies, as Delta readers want it."""
        return f"{self.base if self.is_local else self.root.split('?', 1)[0].rstrip('/')}/{name}"

    @property
    def options(self) -> dict[str, str]:
        """Storage options for Delta readers; keys and regions in the environment they take by themselves."""
        if self.is_local:
            return {}
        given = dict(parse_qsl(self.root.partition("?")[2]))
        endpoint = given.get("endpoint_override") or os.environ.get("AWS_ENDPOINT_URL", "")
        if given.get("endpoint_override") and "://" not in endpoint:
            endpoint = f"{given.get('scheme', 'https')}://{endpoint}"
        options = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
        if endpoint.startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
        keys = _shared_keys() if self.root.startswith("s3") else {}
        return options | ({"AWS_REGION": given["region"]} if "region" in given else {}) | keys

    def table(self, name: str, version: int | None = None) -> Table:
        """The table `name`, at `version` or the newest.

        Raises LakeError when it cannot be read, is of another layout, or no longer keeps that version.
        """
        from deltalake.exceptions import TableNotFoundError

        place = self.uri(name) if version is None else f"version {version} of {self.uri(name)}"
        try:
            with speaking(place):
                handle = self._opened(name, version)
        except LakeError as fault:
            if version is not None or not isinstance(fault.__cause__, TableNotFoundError):
                raise
            self._look_around(name)
            return Table(name, None, None)
        layout = handle.metadata().configuration.get(LAYOUT_KEY)
        if layout != LAYOUT:
            raise LakeError(
                f"{self.uri(name)}: a table of layout {layout or 'unknown'}, which this version of Sentinela (layout "
                f"{LAYOUT}) did not write; name another folder under `lake` in the settings and ingest anew"
            )
        return Table(name, handle.version(), handle)

    def version_at(self, name: str, moment: datetime) -> int | None:
        """The newest version of the table `name` that was committed by `moment`; None where the log knows of none."""
        return max((commit.version for commit in self.history(name) if commit.moment <= moment), default=None)

    def history(self, name: str, newest: int | None = None) -> list[Commit]:
        """The `newest` commits to the table `name` that its log knows, or all of them, newest first."""
        handle = self.table(name).handle
        if handle is None:
            return []
        with speaking(self.uri(name)):
            entries = handle.history(newest)
        return [Commit(name, self.uri(name), entry["version"], _moment(entry["timestamp"]), entry) for entry in entries]

    def commit(
        self, table: Table, add: Sequence[File], remove: Collection[File], same_rows: bool = False, **said: Any
    ) -> None:
        """Put the files `add` in the place of `remove`, in one commit that says `said`.

        With `same_rows` it says, too, that the rows are the same as before, so that who follows changes need not look.
        `covers` among `said` maps a table to the version that this commit was derived from, as Table.covers gives it.
        Where nothing else is said it tells how many rows came, and always the days that are held back in them.
        Raises Refused, changing nothing, when anybody has committed since `table` was opened.
        """
        from deltalake import Schema
        from deltalake.exceptions import CommitFailedError
        from deltalake.transaction import CommitProperties, RemoveAction, Transaction

        covers: Mapping[str, int] = said.pop("covers", {})
        agreed, moment = contract(table.name), int(time.time() * 1000)
        said = {"run": run_name(), "rows": sum(file.rows for file in add), **said, **_held(add)}
        actions = [
            *(_add_action(file, moment, not same_rows) for file in add),
            *(RemoveAction(_below(file), not same_rows, moment, file.bytes, dict(file.values)) for file in remove),
        ]
        with speaking(self.uri(table.name), "written"):
            self._make_durable(add)
            handle = table.handle or self._create(agreed)
            try:
                handle.create_write_transaction(
                    actions,
                    mode="append",
                    schema=Schema.from_arrow(agreed.schema),
                    partition_by=list(agreed.partition),
                    commit_properties=CommitProperties(
                        custom_metadata=said,
                        max_commit_retries=0,
                        app_transactions=[Transaction(name, version) for name, version in covers.items()],
                    ),
                )
            except CommitFailedError as fault:
                if not self._is_committed(table.name, handle.version() + 1, add):
                    raise Refused(f"{self.uri(table.name)}: {fault}") from fault
        OWN.append(Commit(table.name, self.uri(table.name), handle.version() + 1, _moment(moment), said))

    def amend(self, name: str, make: Callable[[Table], Amendment | None]) -> None:
        """Commit what `make` gives for the newest version of the table `name`, nothing for None.

        When anybody was faster the files it gave are deleted and it is asked again. Raises LakeError when others are
        faster time and again.
        """
        for _ in range(ATTEMPTS):
            table = self.table(name)
            amendment = make(table)
            if amendment is None:
                return
            try:
                self.commit(table, amendment.add, amendment.remove, **amendment.said)
                return
            except Refused:
                self.discard(amendment.add)
        raise self.overtaken(name)

    def overtaken(self, name: str) -> LakeError:
        """What to raise when others were faster ATTEMPTS times."""
        return LakeError(f"{self.uri(name)}: others committed first {ATTEMPTS} times; run again when they are done")

    def make_room(self, path: str) -> None:
        """Make the folders of the file `path` of a local lake, whose owner and group alone may look into them."""
        if not self.is_local:
            return
        root = Path(self.base)
        root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (root, *reversed(Path(root, path).relative_to(root).parents[:-1])):
            (root / folder).mkdir(FOLDER_MODE, exist_ok=True)

    def move(self, file: File, place: File) -> None:
        """Let what was written as `file`, and never committed, lie at the path of `place`."""
        with speaking(self.uri(place.path), "written"):
            self.make_room(place.path)
            self.fs.move(f"{self.base}/{file.path}", f"{self.base}/{place.path}")

    def copy(self, file: File, place: File) -> None:
        """Let a copy of what lies as `file` lie at the path of `place`."""
        with speaking(self.uri(place.path), "written"):
            self.make_room(place.path)
            self.fs.copy_file(f"{self.base}/{file.path}", f"{self.base}/{place.path}")

    def discard(self, files: Iterable[File]) -> None:
        """Delete files that were written and never committed."""
        for file in files:
            self.delete(file.path)

    @contextmanager
    def open(self, path: str) -> Iterator[pa.NativeFile]:
        """The file at `path` below the lake root, open for reading."""
        with speaking(self.uri(path)), self.fs.open_input_file(f"{self.base}/{path}") as source:
            yield source

    def has(self, path: str) -> bool:
        """Whether there is a file at `path` below the lake root."""
        with speaking(self.uri(path)):
            return bool(self.fs.get_file_info(f"{self.base}/{path}").type == pafs.FileType.File)

    def delete(self, path: str) -> None:
        """Take the file at `path` below the lake root away, if it is there."""
        if self.has(path):
            with speaking(self.uri(path), "written"):
                self.fs.delete_file(f"{self.base}/{path}")

    def listing(self, folder: str, recursive: bool = False) -> list[pafs.FileInfo]:
        """What lies in `folder` below the lake root; nothing when it is not there."""
        selector = pafs.FileSelector(f"{self.base}/{folder}", allow_not_found=True, recursive=recursive)
        with speaking(self.uri(folder)):
            for _ in range(LISTED_AGAIN):
                # pyarrow takes a folder for missing that comes, or one below it that goes, while it looks.
                with suppress(FileNotFoundError):
                    return list(self.fs.get_file_info(selector))
            return list(self.fs.get_file_info(selector))

    def new_file(self, dataset: str, values: Mapping[str, str | None], made_from: str) -> File:
        """An empty file to be of `dataset` in the partition `values`, with a path that no other file has."""
        agreed = contract(dataset)
        every = {**values, **({"verdict": agreed.verdict} if agreed.verdict and "verdict" not in values else {})}
        ordered = tuple((key, every[key]) for key in contract(agreed.table).partition)
        folder = "/".join(f"{key}={HIVE_NULL if value is None else value}" for key, value in ordered)
        return File(f"{agreed.table}/{folder}/{made_from}-{uuid.uuid4().hex[:12]}.parquet", ordered, 0, 0)

    def _opened(self, name: str, version: int | None) -> DeltaTable:
        """The table `name`; the one that was opened before where it still is the version that is asked for.

        Whether it is the newest, the log tells by one look: it has no entry after the one that made this version.
        Opening anew reads it from the last checkpoint on, which names every file.
        """
        from deltalake import DeltaTable

        key = (self.uri(name), *map(str, self.options.items()))
        if key in _OPENED:
            handle, entry = _OPENED[key]
            own, following = self._entries(name, handle.version())
            # A table that was deleted and made anew has the same versions, made at other times.
            same = own.is_file and (own.mtime_ns, own.size) == (entry.mtime_ns, entry.size)
            if same and (version == handle.version() or (version is None and not following.is_file)):
                return handle
        handle = DeltaTable(self.uri(name), version=version, storage_options=self.options)
        return _kept(_OPENED, key, (handle, self._entries(name, handle.version())[0]))[0]

    def _entries(self, name: str, version: int) -> list[pafs.FileInfo]:
        """What lies there of the log's entry that made `version` of the table `name`, and of the one that follows."""
        log = f"{self.base}/{name}/_delta_log"
        return list(self.fs.get_file_info([f"{log}/{number:020}.json" for number in (version, version + 1)]))

    def _create(self, agreed: Contract) -> DeltaTable:
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import DeltaError

        if not self.is_local:
            from jobs.lake.probe import prove

            prove(self)
        self.make_room(f"{agreed.name}/_delta_log")
        try:
            handle = DeltaTable.create(
                self.uri(agreed.name),
                schema=Schema.from_arrow(agreed.schema),
                mode="error",
                partition_by=list(agreed.partition),
                name=agreed.name,
                description=agreed.description,
                configuration={
                    "delta.checkpointInterval": str(CHECKPOINT_EVERY),
                    "delta.logRetentionDuration": f"interval {MOST_DAYS_KEPT} days",
                    "delta.deletedFileRetentionDuration": f"interval {MOST_DAYS_KEPT} days",
                    LAYOUT_KEY: LAYOUT,
                },
                raise_if_key_not_exists=False,
                storage_options=self.options,
            )
        except DeltaError as fault:
            if DeltaTable.is_deltatable(self.uri(agreed.name), self.options):
                raise Refused(f"{self.uri(agreed.name)}: made by somebody else just now") from fault
            raise
        if handle.version():  # made twice at once: the second time said the same once more
            raise Refused(f"{self.uri(agreed.name)}: made by somebody else just now")
        return handle

    def _is_committed(self, name: str, version: int, add: Sequence[File]) -> bool:
        """Whether `version` is our own: the store took it, the answer was lost, and asked again it refused."""
        if not add:
            return False
        with self.open(f"{name}/_delta_log/{version:020}.json") as entry:
            return add[0].name.encode() in entry.read()

    def _look_around(self, name: str) -> None:
        """Raise LakeError when the table `name` is not there because its place is not, or is of the former layout."""
        bucket = self.base.split("/", 1)[0]
        with speaking(self.root):
            if not self.is_local and self.fs.get_file_info(bucket).type == pafs.FileType.NotFound:
                raise LakeError(sentence(self.root, "read", "NoSuchBucket"))
        former = [info.base_name for info in self.listing(name, recursive=True)]
        if "data.parquet" in former and "_delta_log" not in former:
            raise LakeError(
                f"{self.uri(name)}: Parquet files without a Delta log, as an earlier version of Sentinela left them; "
                "name another folder under `lake` in the settings and ingest anew"
            )

    def _make_durable(self, files: Sequence[File]) -> None:
        """Flush new local files: one by one, or, where they are many, all that the machine has in one go."""
        if not self.is_local:
            return
        if len(files) > SYNCED_ONE_BY_ONE:
            os.sync()
            return
        for file in files:
            with open(f"{self.base}/{file.path}", "rb") as written:
                os.fsync(written.fileno())


def run_name() -> str:
    """What a commit says about who made it: the DAG run, else the command line and its process."""
    return os.environ.get("AIRFLOW_CTX_DAG_RUN_ID") or f"command line, process {os.getpid()}"


def fingerprint(*parts: Any) -> str:
    """Short hash of `parts`, the same in every process and on every engine."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:16]


def as_day(value: date | None) -> str:
    """A partition value as the text that steps pass around."""
    return UNDATED if value is None else value.isoformat()


def as_date(day: str) -> date | None:
    """The partition value of a day that steps pass around."""
    return None if day == UNDATED else date.fromisoformat(day)


def day_value(day: str) -> str | None:
    """The text of a partition value of a day; None for the null partition."""
    return None if day == UNDATED else day


def _shared_keys() -> dict[str, str]:
    """The keys in the file AWS_SHARED_CREDENTIALS_FILE, which pyarrow finds by itself and Delta does not."""
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if file is None or "AWS_ACCESS_KEY_ID" in os.environ:
        return {}
    said, profile = configparser.ConfigParser(interpolation=None), os.environ.get("AWS_PROFILE", "default")
    try:
        said.read_string(Path(file).read_text(encoding="utf-8"))
        return {name.upper(): value for name, value in said[profile].items() if name.startswith("aws_")}
    except (OSError, KeyError, configparser.Error) as fault:
        raise LakeError(
            f"AWS_SHARED_CREDENTIALS_FILE: no keys of [{profile}] in {file}: {fault}; put aws_access_key_id and "
            "aws_secret_access_key there"
        ) from fault


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _held(add: Iterable[File]) -> dict[str, list[str]]:
    days = sorted({file.day for file in add if file.is_held})
    return {"held": days} if days else {}


def _text(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _below(file: File) -> str:
    return file.path.split("/", 1)[1]


def _add_action(file: File, moment: int, new_rows: bool) -> Any:
    from deltalake.transaction import AddAction

    stats = json.dumps({"numRecords": file.rows})
    return AddAction(_below(file), file.bytes, dict(file.values), moment, new_rows, stats)
