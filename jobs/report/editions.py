"""The finished reports in the folder of reports: how one gets there, and what the index can tell of it.

What a report looks like is not known here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from models.files import whole, write_whole

SUMMARY = "summary.json"
ENDS = ("mean", "low", "high")


@dataclass(frozen=True)
class HeadlineFigure:
    """What the index tells of one brand; NaN where nothing was scored, None posts where it was never looked for."""

    brand: str
    mean: float
    low: float
    high: float
    verdict: str
    posts: int | None


@dataclass(frozen=True)
class Edition:
    """One report as the index lists it; `as_of` is the moment whose figures it has, None where the newest."""

    folder: str
    title: str
    start: date
    end: date
    as_of: datetime | None
    figures: tuple[HeadlineFigure, ...]

    def moved(self, folder: str) -> Edition:
        """The same in another `folder`."""
        return replace(self, folder=folder)


def publish(reports: Path, edition: Edition, files: Mapping[str, bytes]) -> None:
    """Put `files` and the summary of `edition` in its folder in `reports`: a new folder appears whole, in an old one
    each file changes in one step."""
    folder, files = reports / edition.folder, {**files, SUMMARY: _summary(edition)}
    reports.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        try:
            with whole(folder) as aside:
                aside.mkdir()
                for name, content in files.items():
                    (aside / name).write_bytes(content)
            return
        except OSError:
            # Another run may have published the same folder in the meantime; then its files are replaced below.
            if not folder.exists():
                raise
    for name, content in files.items():
        write_whole(folder / name, content)


def editions_in(reports: Path) -> list[Edition]:
    """Every finished report in `reports`, as its summary tells it, the newest period and moment first."""
    found = [_edition(path) for path in sorted(reports.glob(f"[0-9]*_*/{SUMMARY}"))]
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda edition: (edition.end, edition.start, edition.as_of or latest), reverse=True)


def _edition(path: Path) -> Edition:
    told = json.loads(path.read_text(encoding="utf-8"))
    figures: list[dict[str, Any]] = [
        {key: math.nan if value is None and key in ENDS else value for key, value in figure.items()}
        for figure in told["figures"]
    ]
    return Edition(
        folder=path.parent.name,
        title=told["title"],
        start=date.fromisoformat(told["start"]),
        end=date.fromisoformat(told["end"]),
        as_of=datetime.fromisoformat(told["as_of"]) if told.get("as_of") else None,
        figures=tuple(HeadlineFigure(**figure) for figure in figures),
    )


def _summary(edition: Edition) -> bytes:
    moment = edition.as_of.isoformat() if edition.as_of else None
    told = asdict(edition) | {"start": edition.start.isoformat(), "end": edition.end.isoformat(), "as_of": moment}
    del told["folder"]
    told["figures"] = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in figure.items()}
        for figure in told["figures"]
    ]
    return (json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
