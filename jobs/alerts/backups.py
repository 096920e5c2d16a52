"""Whether the daily jobs beside Airflow are done, which back up and prune: what is wrong by the marks that they keep.

SENTINELA_BACKUPS names a folder with one for each of them, called as its service is. There docker/daily.sh keeps
`done`, as old as the last success, and `failed`, from a first failure until the next success.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.alerts.causes import Cause
from jobs.settings import SettingsError

BACKUPS = "SENTINELA_BACKUPS"
KIND = "backup"
ALLOWED = timedelta(hours=26)
"""So old may the last success be; the health checks of docker/compose.yaml say the same."""


def overdue() -> list[Cause]:
    """The daily jobs that failed or were not done at all, where the environment says where their marks lie."""
    found = ((folder.name, _fault(folder)) for folder in _folders())
    return [
        Cause(KIND, name, f"the daily job {name} {fault}", f"sentinela-compose logs --tail 100 {name}")
        for name, fault in found
        if fault
    ]


def looked_at() -> list[str]:
    """The keys of all causes that `overdue` can see."""
    return [f"{KIND}.{folder.name}" for folder in _folders()]


def _folders() -> Iterator[Path]:
    if not (place := os.environ.get(BACKUPS)):
        return
    try:
        yield from sorted(Path(place).iterdir())
    except OSError as fault:
        raise SettingsError(f"{place}, which {BACKUPS} names, cannot be read: {type(fault).__name__}") from fault


def _fault(folder: Path) -> str | None:
    """What is wrong with a job; one that has neither mark is somebody else's, or still in its first hour."""
    try:
        done, failed = _moment(folder / "done"), _moment(folder / "failed")
    except OSError as fault:
        return f"cannot be looked at: {type(fault).__name__}; docker/prepare.sh opens its folder"
    before = f"it was last done on {done:%Y-%m-%d %H:%M} UTC" if done else "it was never done"
    if failed:
        return f"fails since {failed:%Y-%m-%d %H:%M} UTC; {before}"
    return f"is not done any more; {before}" if done and datetime.now(UTC) - done > ALLOWED else None


def _moment(mark: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(mark.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
