"""Deleting from a table what no reader needs: files removed long ago, files never committed, entries of an old log.

Delta's own vacuum knows one age for both kinds of files and commits twice; here files that were never committed go
earlier, nothing is committed, and what has no name of ours is left where it lies.
"""

from __future__ import annotations

from datetime import timedelta

from jobs.lake.faults import speaking
from jobs.lake.table import OURS, Lake, Table


def clear(lake: Lake, name: str, keep_days: int, unfinished: timedelta) -> tuple[int, int]:
    """Make a checkpoint of the table `name` and delete files; returns how many, and their bytes.

    Deleted is what was removed from the table before the last `keep_days`, and what was written but not committed for
    as long as `unfinished`.
    """
    table = lake.table(name)
    if table.handle is None:
        return 0, 0
    sizes = {info.path.removeprefix(f"{lake.base}/"): info.size for info in lake.listing(name, recursive=True)}
    with speaking(lake.uri(name), "tidied"):
        paths = {f"{name}/{path}" for path in _no_longer_kept(table, keep_days, unfinished)}
        gone = sorted(path for path in paths & sizes.keys() if OURS.search(path))
        for path in gone:
            lake.delete(path)
        table.handle.create_checkpoint()
        table.handle.cleanup_metadata()
    return len(gone), sum(sizes[path] for path in gone)


def _no_longer_kept(table: Table, keep_days: int, unfinished: timedelta) -> set[str]:
    removed = _candidates(table, 0, full=False)
    uncommitted = _candidates(table, int(unfinished / timedelta(hours=1)), full=True) - removed
    return _candidates(table, keep_days * 24, full=False) | uncommitted


def _candidates(table: Table, hours: int, full: bool) -> set[str]:
    """Files removed from the table for `hours`; with `full` also those that lie there for as long and are not in it."""
    assert table.handle is not None
    return set(table.handle.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=full))
