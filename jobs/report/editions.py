"""The finished reports on their shelf: how one gets there, and what the index can tell of it.

What a report looks like is not known here.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from jobs.shelf import Shelf

log = logging.getLogger(__name__)

SUMMARY = "summary.json"
PERIOD = re.compile(r"[0-9].*_")
"""How the name of a report's folder begins."""


ALIKE = 0.005
"""Two polarities that lie closer are printed as one."""


@dataclass(frozen=True)
class Told:
    """A figure with both its widths; NaN where nothing was scored or nothing can be claimed.

    `value` is the figure as people would say it, by `basis` (unlabelled, labelled, carried or none), and lies between
    `people_low` and `people_high`; `model` is the model's own mean, from `model_low` to `model_high`.
    """

    value: float
    model: float
    model_low: float
    model_high: float
    people_low: float
    people_high: float
    basis: str

    @property
    def is_mended(self) -> bool:
        """Whether labels moved it from the model's own mean by more than is printed as the same."""
        return abs(self.value - self.model) >= ALIKE


@dataclass(frozen=True)
class HeadlineFigure:
    """What the index tells of one brand; None posts where it was never looked for."""

    brand: str
    mean: Told
    negative_share: Told
    neutral_share: Told
    positive_share: Told
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


def publish(shelf: Shelf, edition: Edition, files: Mapping[str, bytes]) -> None:
    """Put `files` and then the summary of `edition`, by which the index knows it, in its folder on `shelf`."""
    shelf.publish(edition.folder, {**files, SUMMARY: _summary(edition)})


def editions_on(shelf: Shelf) -> list[Edition]:
    """Every finished report on `shelf`, as its summary tells it, the newest period and moment first.

    One whose summary cannot be read is left out, with a warning.
    """
    summaries = {folder: told for folder, told in shelf.each(SUMMARY).items() if PERIOD.match(folder)}
    found = [edition for folder, told in summaries.items() if (edition := _edition(shelf, folder, told))]
    latest = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda edition: (edition.end, edition.start, edition.as_of or latest), reverse=True)


def _edition(shelf: Shelf, folder: str, content: bytes) -> Edition | None:
    try:
        return _told_edition(folder, json.loads(content))
    except (ValueError, LookupError, TypeError):
        place = shelf.place(f"{folder}/{SUMMARY}")
        log.warning("%s is not a summary of this version; the index leaves it out: make that report again", place)
        return None


def _told_edition(folder: str, told: Mapping[str, Any]) -> Edition:
    return Edition(
        folder=folder,
        title=told["title"],
        start=date.fromisoformat(told["start"]),
        end=date.fromisoformat(told["end"]),
        as_of=datetime.fromisoformat(told["as_of"]) if told.get("as_of") else None,
        figures=tuple(_headline_figure(figure) for figure in told["figures"]),
    )


def _headline_figure(told: Mapping[str, Any]) -> HeadlineFigure:
    values: dict[str, Any] = {name: _told(value) if isinstance(value, dict) else value for name, value in told.items()}
    return HeadlineFigure(**values)


def _told(figure: Mapping[str, Any]) -> Told:
    values: dict[str, Any] = {name: math.nan if value is None else value for name, value in figure.items()}
    return Told(**values)


def _summary(edition: Edition) -> bytes:
    moment = edition.as_of.isoformat() if edition.as_of else None
    told = asdict(edition) | {"start": edition.start.isoformat(), "end": edition.end.isoformat(), "as_of": moment}
    del told["folder"]
    return (json.dumps(_without_nan(told), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def _without_nan(told: Any) -> Any:
    """`told` with null for NaN, which JSON cannot say."""
    if isinstance(told, dict):
        return {key: _without_nan(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [_without_nan(value) for value in told]
    return None if isinstance(told, float) and math.isnan(told) else told
