"""A lake to try things in: it begins as a view of another one, and what is written to it lies in a folder of its own.

Nothing is copied, and nothing of it is ever in the lake beneath. It lives in one process and is gone with its folder.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.lake.query import View
from jobs.lake.table import File, Lake, Refused, Table


@dataclass(frozen=True)
class _Listed(Table):
    """A version of a table that no log knows: its files are named here."""

    listed: tuple[File, ...] = ()

    @property
    def files(self) -> tuple[File, ...]:
        return self.listed


@dataclass(frozen=True)
class SideLake(Lake):
    """The lake that `beneath` shows, and what was committed to this one since, whose files lie below `root`."""

    beneath: View = field(kw_only=True, repr=False, compare=False)
    changed: dict[str, Table] = field(default_factory=dict, repr=False, compare=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __reduce__(self) -> Any:
        raise TypeError("a side lake is known to its own process alone; let the local engine work on it")

    @property
    def store(self) -> Lake | None:
        """The lake beneath, where that lies in an object store."""
        return self.beneath.lake.store

    def address(self, file: File) -> str:
        """Where DuckDB finds `file`, here or beneath."""
        return super().address(file) if self.has(file.path) else self.beneath.lake.address(file)

    def table(self, name: str, version: int | None = None) -> Table:
        """The table `name` as it was changed here, else as `beneath` has it; a former `version` is one beneath."""
        if version is not None and name not in self.changed:
            return self.beneath.lake.table(name, version)
        return self.changed.get(name) or self.beneath.table(name)

    def commit(
        self,
        table: Table,
        add: Sequence[File],
        remove: Collection[File],
        same_rows: bool = False,  # noqa: ARG002
        **said: Any,  # noqa: ARG002
    ) -> None:
        """Put the files `add` in the place of `remove`, here alone. Raises Refused as every lake does."""
        moment, gone = int(time.time() * 1000), set(remove)
        with self.lock:
            if self.table(table.name).version != table.version:
                raise Refused(f"{self.uri(table.name)}: changed since it was opened")
            kept = [file for file in table.files if file not in gone]
            files = sorted([*kept, *(replace(file, committed=moment) for file in add)], key=lambda file: file.path)
            version = 0 if table.version is None else table.version + 1
            self.changed[table.name] = _Listed(table.name, version, None, tuple(files))

    @contextmanager
    def open(self, path: str) -> Iterator[pa.NativeFile]:
        """The file at `path`, here or beneath, open for reading."""
        with super().open(path) if self.has(path) else self.beneath.lake.open(path) as source:
            yield source


@contextmanager
def beside(view: View) -> Iterator[SideLake]:
    """A side lake that begins as `view`, in a temporary folder that is taken away in the end."""
    with tempfile.TemporaryDirectory(prefix=f"sentinela-side-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield SideLake(str(Path(folder)), beneath=view)
