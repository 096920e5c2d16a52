"""Fetch: the connector that a feed needs, and its bodies."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from jobs.connect import files, http
from jobs.connect.connector import Body, Connector, Cursor, Request
from jobs.settings import Feed, Window


class Fetch:
    """The bodies of one fetch, to be had once.

    `cursor` is None until the last of them was had. Keep it only when all of them are kept: what it covers is not sent
    again.
    """

    def __init__(self, bodies: Generator[Body, None, Cursor]) -> None:
        self._bodies = bodies
        self.cursor: Cursor | None = None

    def __iter__(self) -> Iterator[Body]:
        self.cursor = yield from self._bodies


def fetch(feed: Feed, window: Window, cursor: Cursor, folder: Path) -> Fetch:
    """Every body of bytes that `feed` has for the published days of `window`, one at a time.

    `cursor` is that of the last fetch that was kept whole, else empty; `folder` takes downloads. A source without a
    query by day gives all that it has. Raises SourceError while the bodies are had.
    """
    return Fetch(_connector(feed)(Request(feed, window, cursor, folder)))


def _connector(feed: Feed) -> Connector:
    return http.bodies if feed.url else files.bodies
