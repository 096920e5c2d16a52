"""Where a fetch puts what it brought until it is stored. What lies there is nobody's but the fetch's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir


class FolderError(RuntimeError):
    """What was fetched cannot be put down; the message names the place and says what to do."""


@contextmanager
def fetch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards; FolderError where it cannot be made or written."""
    try:
        with TemporaryDirectory(prefix=f"sentinela-fetch-{os.getpid()}-") as folder:
            yield Path(folder)
    except OSError as fault:
        kind = os.strerror(fault.errno) if fault.errno else type(fault).__name__
        place = os.environ.get("TMPDIR") or _temporary()
        raise FolderError(
            f"{place}: what was fetched cannot be put there: {kind}; make room there or let this user write there, or "
            "name another folder with TMPDIR"
        ) from None


def _temporary() -> str:
    try:
        return gettempdir()
    except OSError:
        return "/tmp"
