"""Files of a path or glob. One that was not touched since the last fetch is not opened again."""

from __future__ import annotations

import glob
import hashlib
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from jobs.connect.connector import Body, Outcome, Request, SourceError

SETTLED_NANOSECONDS = 2_000_000_000
UNSETTLED = [None] * 4


def bodies(request: Request) -> Generator[Body, None, Outcome]:
    """The files that match the feed's `path`, sorted; SourceError, after the others, for those that cannot be read.

    The cursor is {"files": {path: [size, mtime_ns, ctime_ns, inode, sha256]}}, the first four null where they cannot be
    relied on yet; a file that is gone is not in it.
    """
    pattern, known = str(request.feed.path), request.cursor.get("files", {})
    paths = sorted(Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file())
    if not paths:
        raise SourceError(f"{pattern}: no such file; mend `path` of the feed or put the file there")
    seen: dict[str, list[Any]] = {}
    unreadable = []
    for path in paths:
        try:
            marks, settled = _marks(path)
            *former, known_digest = known.get(str(path), [None])
            digest = known_digest if former == marks else _sha256(path)
        except OSError as error:
            unreadable.append(f"{path}: cannot be read: {error.strerror}")
            continue
        seen[str(path)] = [*(marks if settled else UNSETTLED), digest]
        yield Body(path, str(path), digest, unchanged=digest == known_digest)
    if unreadable:
        raise SourceError("; ".join(unreadable))
    return Outcome({"files": seen})


def _marks(path: Path) -> tuple[list[int], bool]:
    """What changes whenever `path` is written (size, mtime_ns, ctime_ns, inode), and whether it can be relied on.

    A file system's clock may tick as seldom as every two seconds: what was written just now may be written again
    without a trace.
    """
    told = path.stat()
    settled = max(told.st_mtime_ns, told.st_ctime_ns) + SETTLED_NANOSECONDS < time.time_ns()
    return [told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino], settled


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
