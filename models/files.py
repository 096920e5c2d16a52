"""Files and folders that appear whole or not at all.

It lies here because `models` is the lowest package that writes files, and `jobs` may import it; `data_contracts`, below
it, only says what datasets hold. What is written, and where, is for the callers to know.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A free path beside `path` to make a file or a folder at, which becomes `path` in one step when the block ends.

    A file takes the place of a file that is there; a folder takes the place of none but an empty one, else OSError.
    A fault in the block, or in the step, leaves `path` as it was and nothing beside it. What became `path` is on disk:
    a loss of power does not undo it. The draft's name ends unlike `path`, so that no search by ending finds it.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield aside
        for made in (*aside.rglob("*"), aside):
            _flush(made)
        aside.replace(path)
        _flush(path.parent)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content`, text as UTF-8, to `path`, as `whole` does."""
    with whole(path) as aside:
        aside.write_bytes(content if isinstance(content, bytes) else content.encode())


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
