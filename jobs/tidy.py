"""Tidy: what a lake gathers with age and no reader needs is merged or taken away, beside whoever reads and writes.

Small files of raw_posts become one a day and feed; files that no version of the last days has are deleted, as is what
killed processes left. Other tables are not merged: a step rewrites their partitions whole, and the index merges
itself. No row changes.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

import psutil

from data_contracts import contract
from jobs.ingest.store import GROUP_ROWS, ORDER
from jobs.lake import probe
from jobs.lake.query import open_query
from jobs.lake.state import State
from jobs.lake.table import ATTEMPTS, TABLES, File, Lake, Partition, Refused, Table
from jobs.lake.vacuum import clear
from jobs.lake.writer import writing
from jobs.settings import Settings, now
from jobs.versions import RAW, catch_up

log = logging.getLogger(__name__)

KEEP_DAYS = 7
UNFINISHED = timedelta(hours=24)
"""What was written and not committed for so long is nobody's any more."""
SMALL_BYTES = 32 * 1024 * 1024
AT_ONCE = 50
SPILL = re.compile(r"^sentinela-(spill|fetch|side)-(?P<process>\d+)-")


@dataclass(frozen=True)
class TidiedTable:
    """What became of one table: its files before and after, and what was deleted from the disk."""

    name: str
    before: int
    after: int
    deleted: int
    freed_bytes: int


@dataclass(frozen=True)
class Tidied:
    """What one tidying did; `left` counts files and folders that killed processes had left outside the tables."""

    tables: list[TidiedTable]
    left: int


def tidy(settings: Settings, keep_days: int = KEEP_DAYS) -> Tidied:
    """Tidy the lake; files that a version of the last `keep_days` has stay readable.

    Raises LakeError when the lake cannot be read or written.
    """
    lake = Lake(settings.lake)
    before = {name: len(lake.table(name).files) for name in TABLES}
    catch_up(lake)
    compact(lake)
    catch_up(lake)
    tables = []
    for name in TABLES:
        deleted, freed = clear(lake, name, keep_days, UNFINISHED)
        tables.append(TidiedTable(name, before[name], len(lake.table(name).files), deleted, freed))
    old = now() - UNFINISHED
    return Tidied(tables, State(lake).sweep(old) + probe.sweep(lake, old) + _sweep_spills())


def compact(lake: Lake) -> None:
    """Merge the small files of every day and feed of raw_posts, but for those that a mark of unfinished work names."""
    groups = iter(_small(lake, lake.table(RAW)).items())
    while some := dict(islice(groups, AT_ONCE)):
        log.info("tidy: merging %d files of raw_posts into %d", sum(map(len, some.values())), len(some))
        merged = {partition: _merged(lake, files) for partition, files in some.items()}
        _replace(lake, some, merged)


def _small(lake: Lake, raw: Table) -> dict[Partition, list[File]]:
    """Files to be merged, by the partition that they lie in."""
    marked = State(lake).marked()
    small = {
        partition: [file for file in files if file.bytes < SMALL_BYTES and file.name not in marked]
        for partition, files in raw.partitions.items()
    }
    return {partition: files for partition, files in small.items() if len(files) > 1}


def _merged(lake: Lake, files: list[File]) -> File:
    written: list[File] = []
    columns = ", ".join(contract(RAW).stored_schema.names)
    with (
        open_query(lake) as query,
        writing(lake, RAW, lake.new_file(RAW, dict(files[0].values), "compact"), written, GROUP_ROWS) as writer,
    ):
        query.view("raw", RAW, files)
        for batch in query.batches(f"SELECT {columns} FROM raw ORDER BY {', '.join(ORDER)}"):
            writer.write(batch)
    return written[0]


def _replace(lake: Lake, former: dict[Partition, list[File]], merged: dict[Partition, File]) -> None:
    """Commit `merged` in the place of `former`, but for partitions of which another has replaced a file meanwhile."""
    for _ in range(ATTEMPTS):
        raw = lake.table(RAW)
        kept = [partition for partition, files in former.items() if set(files) <= set(raw.of(partition))]
        add, remove = [merged[p] for p in kept], [file for p in kept for file in former[p]]
        try:
            if kept:
                lake.commit(raw, add, remove, same_rows=True, step="tidy", days=[], cause="tidy")
            break
        except Refused:
            continue
    else:
        kept = []
    lake.discard(file for partition, file in merged.items() if partition not in kept)


def _sweep_spills() -> int:
    """Delete temporary folders of processes that are gone; returns how many."""
    oldest = time.time() - UNFINISHED.total_seconds()
    found = 0
    for folder in Path(tempfile.gettempdir()).glob("sentinela-*"):
        named = SPILL.match(folder.name)
        if named and not psutil.pid_exists(int(named["process"])) and _is_older(folder, oldest):
            shutil.rmtree(folder, ignore_errors=True)
            found += 1
    return found


def _is_older(folder: Path, moment: float) -> bool:
    try:
        return folder.stat().st_mtime < moment
    except FileNotFoundError:  # its process has just taken it away
        return False
