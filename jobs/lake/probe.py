"""Whether an object store refuses the second commit of one version. One that does not would lose posts, and is refused.

Delta relies on conditional puts (If-None-Match), which not every store that speaks S3 knows. So the first table of a
lake is preceded by a table of no consequence, to which several writers commit at once.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from threading import Barrier
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.fs as pafs

from jobs.lake.faults import LakeError, speaking
from jobs.lake.state import State

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from jobs.lake.table import Lake

FOLDER = "_probe"
WRITERS, ROUNDS = 4, 3
SCHEMA = pa.schema([("nothing", pa.string())])


def prove(lake: Lake) -> None:
    """Try it once a lake. Raises LakeError when the store lets the second commit pass, or cannot be written."""
    state = State(lake)
    if state.probed:
        return
    place = f"{FOLDER}/{uuid.uuid4().hex}"
    with speaking(lake.uri(place), "written"):
        try:
            refused = _are_refused(lake, place)
        finally:
            _drop(lake, place)
    if not refused:
        raise LakeError(
            f"{lake.root}: this store lets two writers commit the same version, one of them unseen, because it ignores "
            "conditional puts (If-None-Match); name a lake in a store that heeds them, or a folder"
        )
    state.keep_probed()


def sweep(lake: Lake, before: datetime) -> int:
    """Take away the probes that processes had begun before that moment and were killed in; returns how many."""
    newest: dict[str, datetime] = {}
    for info in lake.listing(FOLDER, recursive=True):
        if info.type == pafs.FileType.File:
            place = "/".join(info.path.removeprefix(f"{lake.base}/").split("/", 2)[:2])
            newest[place] = max(info.mtime, newest.get(place, info.mtime))
    left = [place for place, written in newest.items() if written < before]
    for place in left:
        with speaking(lake.uri(place), "written"):
            _drop(lake, place)
    return len(left)


def _drop(lake: Lake, place: str) -> None:
    with suppress(FileNotFoundError):  # of a store that let nothing be written, which is what is to be said then
        lake.fs.delete_dir_contents(f"{lake.base}/{place}", missing_dir_ok=True)
        lake.fs.delete_dir(f"{lake.base}/{place}")


def _are_refused(lake: Lake, place: str) -> bool:
    """Whether in no round more than one of the writers, all at once, commits the next version.

    One after the other would prove nothing: Delta lists the versions before it puts one.
    """
    from deltalake import DeltaTable, Schema

    uri, options = lake.uri(place), lake.options
    DeltaTable.create(uri, schema=Schema.from_arrow(SCHEMA), storage_options=options)
    start = Barrier(WRITERS)
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(ROUNDS):
            handles = [DeltaTable(uri, storage_options=options) for _ in range(WRITERS)]
            if sum(pool.map(lambda handle: _commits(handle, start), handles)) > 1:
                return False
    return True


def _commits(handle: DeltaTable, start: Barrier) -> bool:
    from deltalake import Schema
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import AddAction, CommitProperties

    name = AddAction(f"{uuid.uuid4().hex}.parquet", 0, {}, 0, True, "{}")
    once = CommitProperties(max_commit_retries=0)
    start.wait()
    try:
        handle.create_write_transaction([name], "append", Schema.from_arrow(SCHEMA), commit_properties=once)
    except CommitFailedError:
        return False
    return True
