"""Fetch: the connector that a feed needs, and its bodies."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from jobs.connect import api, files, http
from jobs.connect.connector import UTC, Body, Connector, Cursor, Outcome, Reach, Request
from jobs.settings import Feed, Window


class Fetch:
    """The bodies of one fetch, to be had once.

    `cursor` is None until the last of them was had. Keep it only when all of them are kept: what it covers is not sent
    again. `reach` is None until then too, and where the connector cannot tell.
    """

    def __init__(self, bodies: Generator[Body, None, Outcome]) -> None:
        self._bodies = bodies
        self.cursor: Cursor | None = None
        self.reach: Reach | None = None

    def __iter__(self) -> Iterator[Body]:
        outcome = yield from self._bodies
        self.cursor, self.reach = outcome.cursor, outcome.reach


def fetch(feed: Feed, window: Window, cursor: Cursor, folder: Path, zone: ZoneInfo = UTC) -> Fetch:
    """Every body of bytes that `feed` has for the published days of `window`, one at a time.

    `cursor` is that of the last fetch that was kept whole, else empty; `folder` takes downloads; the days are those of
    `zone`. A source without a query by day gives all that it has. Raises SourceError while the bodies are had.
    """
    return Fetch(_connector(feed)(Request(feed, window, cursor, folder, zone)))


def _connector(feed: Feed) -> Connector:
    if feed.path:
        return files.bodies
    return http.bodies if feed.url else api.bodies
