"""Backups: the lake as it was at one version of every table, beside what earlier backups hold of it, and its return.

A place of backups is a folder or a bucket. `data/` there holds files of tables, which never change: a backup copies
those that are new. `moments/<moment>/` is one backup: the part of each table's log that its version is read from, and,
written last, `backup.json`, which names every file that belongs to it. Reading and writing go on meanwhile.

Not kept are versions before the one backed up, marks of unfinished work, and `begun`, so that the first run after a
return looks at every day once; a secret of the environment lies nowhere in the lake and so in no backup.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from jobs.lake.faults import LakeError, speaking
from jobs.lake.probe import prove
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import LAYOUT, TABLES, Lake, Table
from jobs.lake.writer import open_new
from jobs.settings import Settings, now
from models.files import write_whole

DATA, MOMENTS, MANIFEST, KEY, LOG = "data", "moments", "backup.json", "author.key", "_delta_log"
KEEP = 14
"""So many backups stay."""
MOMENT = "%Y-%m-%dT%H-%M-%SZ"
NAMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
UNFINISHED = timedelta(hours=24)
"""What no whole backup names may for so long be of one that is being made."""
CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True)
class BackedUp:
    """One backup: its name, how many files it has, and how many of them had to be copied, of how many bytes."""

    name: str
    tables: int
    files: int
    copied: int
    copied_bytes: int


@dataclass(frozen=True)
class Returned:
    """A lake made of a backup: the backup's name, its tables and how many files they have."""

    name: str
    tables: int
    files: int


@dataclass(frozen=True)
class Kept:
    """A table in a backup: its version, and the sizes of its files and of its log's, by path below the lake root."""

    version: int
    files: dict[str, int]
    log: dict[str, int]


def backup(settings: Settings, place: str, keep: int = KEEP) -> BackedUp:
    """Back the lake up to `place`, and take away all but the newest `keep` backups there.

    Raises LakeError when the lake cannot be read, or has no table though the newest backup there has some, or `place`
    cannot be written or lies in the lake.
    """
    lake, target = Lake(settings.lake), _place(settings, place)
    name = now().astimezone(UTC).strftime(MOMENT)
    state = State(lake)
    cursors = {feed: state.cursor(feed) for feed in state.feeds()}
    known = _sizes(target, DATA)
    kept: dict[str, Kept] = {}
    copied: dict[str, int] = {}
    tables = _pinned(lake)
    if not tables:
        _expect_nothing_lost(lake, target)
    for table in tables:
        files, entries = {file.path: file.bytes for file in table.files}, _entries(lake, table)
        new = {path: size for path, size in files.items() if known.get(f"{DATA}/{path}") != size}
        for path in new:
            _copy(lake, path, target, f"{DATA}/{path}")
        for path in entries:
            _copy(lake, path, target, f"{MOMENTS}/{name}/{path}")
        kept[table.name] = Kept(table.version or 0, files, entries)
        copied |= new
    if key := state.author_key():
        _write(target, f"{MOMENTS}/{name}/{KEY}", key)
    told = {"layout": LAYOUT, "tables": {table: asdict(one) for table, one in kept.items()}, "cursors": cursors}
    _write(target, f"{MOMENTS}/{name}/{MANIFEST}", json.dumps(told, indent=1).encode())
    _prune(target, keep)
    return BackedUp(name, len(kept), sum(len(one.files) for one in kept.values()), len(copied), sum(copied.values()))


def restore(settings: Settings, place: str, name: str | None = None) -> Returned:
    """Make the lake of the settings, which must be empty, what it was at the backup `name`, by default the newest.

    When it was interrupted it goes on where it was. Raises LakeError when there is no such backup, the lake holds
    something else, or a file of the backup is lost or short.
    """
    lake, source = Lake(settings.lake), _place(settings, place)
    name = name or next(iter(backups(source)), None)
    if name is None or not source.has(f"{MOMENTS}/{name}/{MANIFEST}"):
        raise LakeError(f"{place}: there is no backup{f' {name}' if name else ''}; name one that `lake backup` made")
    tables, cursors = _manifest(source, name)
    there = {table: _sizes(lake, table) for table in TABLES}
    _expect_nothing_else(lake, there, tables)
    _expect_whole(source, name, tables)
    if not lake.is_local:
        prove(lake)
    for table, kept in tables.items():
        for path, size in kept.files.items():
            if there[table].get(path) != size:
                _copy(source, f"{DATA}/{path}", lake, path)
    for table, kept in tables.items():  # only now is there a table to be read
        for path, size in kept.log.items():
            if there[table].get(path) != size:
                _copy(source, f"{MOMENTS}/{name}/{path}", lake, path)
    state = State(lake)
    for feed, cursor in cursors.items():
        state.keep_cursor(feed, cursor)
    if lake.is_local and source.has(f"{MOMENTS}/{name}/{KEY}"):
        with source.open(f"{MOMENTS}/{name}/{KEY}") as stream:
            state.keep_author_key(stream.read())
    return Returned(name, len(tables), sum(len(kept.files) for kept in tables.values()))


def backups(place: Lake) -> list[str]:
    """Names of the whole backups in `place`, the newest first."""
    return [name for name in _begun(place) if place.has(f"{MOMENTS}/{name}/{MANIFEST}")]


def _begun(place: Lake) -> list[str]:
    """Names of all backups in `place`, whole or not, the newest first."""
    names = [info.base_name for info in place.listing(MOMENTS)]
    return sorted(filter(NAMED.fullmatch, names), reverse=True)


def _place(settings: Settings, place: str) -> Lake:
    there, lake = Lake(place), Lake(settings.lake)
    if f"{there.base}/".startswith(f"{lake.base}/") and there.fs == lake.fs:
        raise LakeError(f"{place}: backups in the lake itself would go with it; name another place")
    return there


def _pinned(lake: Lake) -> list[Table]:
    """Every table that there is, each at one version, those opened first that are made from those opened after them."""
    view = View(lake)
    opened = {name: view.table(name) for name in reversed(TABLES)}
    return [opened[name] for name in TABLES if opened[name].version is not None]


def _entries(lake: Lake, table: Table) -> dict[str, int]:
    """Files of the log that the version of `table` is read from: its last checkpoint, and what came after."""
    found = {
        path: size
        for path, size in _sizes(lake, f"{table.name}/{LOG}").items()
        if (version := _version(path)) is not None and version <= (table.version or 0)
    }
    last = max((_version(path) or 0 for path in found if ".checkpoint." in path), default=0)
    return {path: size for path, size in sorted(found.items()) if (_version(path) or 0) >= last}


def _version(path: str) -> int | None:
    digits = path.rsplit("/", 1)[-1].split(".", 1)[0]
    return int(digits) if len(digits) == 20 and digits.isdigit() else None


def _manifest(source: Lake, name: str) -> tuple[dict[str, Kept], dict[str, Any]]:
    with source.open(f"{MOMENTS}/{name}/{MANIFEST}") as stream:
        told = json.loads(stream.read())
    if told["layout"] != LAYOUT:
        raise LakeError(
            f"{source.root}: backup {name} is of layout {told['layout']}, this version of Sentinela reads {LAYOUT}; "
            "restore it with the version that made it"
        )
    return {table: Kept(**one) for table, one in told["tables"].items()}, told["cursors"]


def _expect_nothing_lost(lake: Lake, target: Lake) -> None:
    """A backup of an empty lake would be the one that is restored, and evict those of what was lost."""
    newest = next(iter(backups(target)), None)
    if newest and _manifest(target, newest)[0]:
        raise LakeError(
            f"{lake.root}: the lake has no table, its newest backup {newest} in {target.root} has; restore that, or "
            "name another place for the backups of a new lake"
        )


def _expect_nothing_else(lake: Lake, there: dict[str, dict[str, int]], tables: dict[str, Kept]) -> None:
    for table, sizes in there.items():
        log = {path for path in sizes if f"/{LOG}/" in path}
        if strange := sorted(log - set(tables[table].log if table in tables else ())):
            raise LakeError(
                f"{lake.uri(strange[0])}: the lake is not empty, and a restore overwrites nothing; name another place "
                "under `lake` in the settings, or take what lies there away"
            )


def _expect_whole(source: Lake, name: str, tables: dict[str, Kept]) -> None:
    sizes = {**_sizes(source, DATA), **_sizes(source, f"{MOMENTS}/{name}")}
    for kept in tables.values():
        wanted = {f"{DATA}/{path}": size for path, size in kept.files.items()}
        wanted |= {f"{MOMENTS}/{name}/{path}": size for path, size in kept.log.items()}
        for path, size in wanted.items():
            if sizes.get(path) != size:
                raise LakeError(
                    f"{source.uri(path)}: of {size} bytes backed up {sizes.get(path, 'nothing')} is left; restore "
                    "another backup (`--backup`)"
                )


def _prune(place: Lake, keep: int) -> None:
    """Take away all but the newest `keep` backups, those that were never finished, and files of none."""
    whole, oldest = backups(place), now() - UNFINISHED
    stay = whole[:keep]
    for name in _begun(place):
        if name not in stay and (name in whole or name < oldest.astimezone(UTC).strftime(MOMENT)):
            with speaking(place.uri(name), "written"):
                place.delete(f"{MOMENTS}/{name}/{MANIFEST}")  # first: what is left of it is no backup
                place.fs.delete_dir(f"{place.base}/{MOMENTS}/{name}")
    wanted = {f"{DATA}/{path}" for name in stay for kept in _manifest(place, name)[0].values() for path in kept.files}
    for info in _files(place, DATA):
        path = info.path.removeprefix(f"{place.base}/")
        if path not in wanted and info.mtime < oldest:
            place.delete(path)


def _files(place: Lake, folder: str) -> list[pafs.FileInfo]:
    return [info for info in place.listing(folder, recursive=True) if info.type == pafs.FileType.File]


def _sizes(place: Lake, folder: str) -> dict[str, int]:
    """Sizes of all files in `folder`, by path below the root of `place`."""
    return {info.path.removeprefix(f"{place.base}/"): info.size for info in _files(place, folder)}


def _copy(source: Lake, path: str, target: Lake, as_path: str) -> None:
    """Copy one file, which appears whole: a store does that by itself, a folder by a name of its own until then."""
    aside = f"{as_path}.part" if target.is_local else as_path
    with source.open(path) as stream, speaking(target.uri(as_path), "written"):
        with open_new(target, aside) as sink:
            shutil.copyfileobj(stream, sink, CHUNK)
        if aside != as_path:
            target.fs.move(f"{target.base}/{aside}", f"{target.base}/{as_path}")


def _write(place: Lake, path: str, content: bytes) -> None:
    with speaking(place.uri(path), "written"):
        if place.is_local:
            place.make_room(path)
            write_whole(Path(place.base, path), content)
            Path(place.base, path).chmod(0o600)
        else:
            with open_new(place, path) as sink:
                sink.write(content)
