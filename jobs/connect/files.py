"""Files of a path or glob. One that was not touched since the last fetch is not opened again.

A file may be written while it is read, so what is read is a copy, and what was copied is what the cursor knows.
"""

from __future__ import annotations

import glob
import hashlib
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from jobs.connect.connector import CHUNK_BYTES, Body, Outcome, Request, SourceError

SETTLED_NANOSECONDS = 2_000_000_000
UNSETTLED = [None] * 4


def bodies(request: Request) -> Generator[Body, None, Outcome]:
    """The files that match the feed's `path`, sorted; SourceError, after the others, for those that cannot be read.

    The cursor is {"files": {path: [size, mtime_ns, ctime_ns, inode, sha256]}}, the first four null where they cannot be
    relied on yet; a file that is gone is not in it.
    """
    pattern, known = str(request.feed.path), request.cursor.get("files", {})
    paths, copy = sorted(path for path in _matching(pattern) if path.is_file()), request.folder / "copy"
    if not paths:
        raise SourceError(f"{pattern}: no such file; mend `path` of the feed or put the file there")
    seen: dict[str, list[Any]] = {}
    unreadable = []
    for path in paths:
        try:
            marks, settled = _marks(path)
            *former, known_digest = known.get(str(path), [None])
            digest = known_digest if former == marks else _copied(path, copy)
        except CopyError as fault:
            raise fault.args[0] from None
        except OSError as error:
            unreadable.append(f"{path}: cannot be read: {error.strerror}")
            continue
        seen[str(path)] = [*(marks if settled else UNSETTLED), digest]
        unchanged = digest == known_digest
        yield Body(path if unchanged else copy, str(path), digest, unchanged)
        copy.unlink(missing_ok=True)
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


class CopyError(Exception):
    """The copy cannot be written, for the OSError that it holds: no fault of the source."""


def _copied(path: Path, copy: Path) -> str:
    """SHA-256 of what was copied of `path`; CopyError when that cannot be written, OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        _append(copy, b"")
        while piece := source.read(CHUNK_BYTES):
            digest.update(piece)
            _append(copy, piece)
    return digest.hexdigest()


def _append(copy: Path, piece: bytes) -> None:
    try:
        with copy.open("ab") as sink:
            sink.write(piece)
    except OSError as fault:
        raise CopyError(fault) from None


def _matching(pattern: str) -> Iterator[Path]:
    """What matches `pattern`; `**` stands for folders at any depth, and follows no links, which may lead in circles."""
    path = Path(pattern)
    if "**" not in path.parts:
        yield from map(Path, glob.glob(pattern))
        return
    depth = next(number for number, part in enumerate(path.parts) if glob.has_magic(part))
    base, rest = Path(*path.parts[:depth]), path.parts[depth:]
    hidden = any(part.startswith(".") for part in rest)
    for found in base.glob("/".join([*rest, "*"] if rest[-1] == "**" else rest)):
        if hidden or not any(part.startswith(".") for part in found.relative_to(base).parts):
            yield found
