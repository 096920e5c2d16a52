"""The days of a request carried through its steps, chunk after chunk, each step in one commit a chunk."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jobs.held import warn_of
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.pipeline import carry
from jobs.reprocess.request import Request
from jobs.settings import Settings, Window

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunk:
    """What became of some days: they are up to date now, but for those that `failures` names, a line a reason."""

    window: Window
    days: list[str]
    failures: list[str]


def reprocess(settings: Settings, request: Request) -> Iterator[Chunk]:
    """Carry the days of `request` through its steps, a chunk at a time; what is up to date costs a look at the log.

    Raises ReprocessError when the lake has none of the days.
    """
    days, started = request.days(View(Lake(settings.lake))), time.monotonic()
    chunks = list(request.chunks(days))
    for number, window in enumerate(chunks, start=1):
        chunk = carry_chunk(settings, replace(request, window=window))
        spent = time.monotonic() - started
        left = spent / number * (len(chunks) - number)
        log.info(
            "reprocess: %s to %s done, %d of %d chunks, %.1f min gone, about %.1f to go",
            window.start, window.end, number, len(chunks), spent / 60, left / 60,
        )  # fmt: skip
        yield chunk


def carry_chunk(settings: Settings, request: Request) -> Chunk:
    """Carry all days of `request` through its steps at once; days that were held back before are a warning."""
    days = request.days(View(Lake(settings.lake)))
    carried = carry(settings, days, own=(), order=request.order, steps=request.steps)
    warn_of(View(Lake(settings.lake)), [day for day in carried.held.older if day in days])
    return Chunk(request.window, carried.validated.days, carried.failures)
