"""What every connector is given and gives. How a certain kind of source is asked lies in a module of its own.

A connector is a generator: it yields bodies, one at a time, and returns the cursor to give it at the next fetch, and
how far it saw where it can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jobs.settings import Feed, Window

CHUNK_BYTES = 1 << 20
UTC = ZoneInfo("UTC")

Status = Literal["failed", "refused", "capped", "partial"]
Cursor = Mapping[str, Any]


class SourceError(RuntimeError):
    """A source, or one body of it, could not be had or read. `status` is what the coverage ledger says."""

    def __init__(self, message: str, status: Status = "failed") -> None:
        super().__init__(message)
        self.status = status

    @property
    def refused(self) -> bool:
        """Whether it would be so again: a secret is missing or wrong, or a limit lasts."""
        return self.status == "refused"


@dataclass(frozen=True)
class Body:
    """Bytes in the local file `path`, named after where they came from, and their SHA-256 in hexadecimal.

    An `unchanged` one has the bytes of the last fetch, as far as that can be told without reading them; its `path` is
    None where the source did not send them again. `limits` are headers in which the server said how much it may be
    asked; `document` is what the bytes say, where the connector has read them as JSON.
    """

    path: Path | None
    name: str
    sha256: str
    unchanged: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)
    document: Any = None


@dataclass(frozen=True)
class Request:
    """What a connector is asked for: the posts of `feed` published on the days of `window`, or more than these.

    `cursor` is what the same connector returned from the last fetch that was kept whole, through JSON; empty when there
    is none, and perhaps that of another connector where the feed was one of another kind. `folder` takes downloads.
    The days are those of `zone`. At most `requests` requests may be sent, as many as it takes without.
    """

    feed: Feed
    window: Window
    cursor: Cursor
    folder: Path
    zone: ZoneInfo = UTC
    requests: int | None = None


@dataclass(frozen=True)
class Reach:
    """How far a fetch saw: its pages, and the dates of the earliest and latest of their items.

    `missing` says in sentences what was asked for and could not be seen; without any the window was seen whole.
    `detail` is more for the coverage ledger, as JSON can hold it.
    """

    pages: int
    seen_from: datetime | None
    seen_until: datetime | None
    missing: tuple[str, ...]
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a connector returns when all bodies were had."""

    cursor: Cursor
    reach: Reach | None = None


Connector = Callable[[Request], Generator[Body, None, Outcome]]
