"""One feed carried through: fetch its bodies, read their records, store what is new, write the ledger.

Bytes become batches named by their content. Items are durable and indexed before the feed's cursor moves.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import contract, schema
from jobs.connect.client import address
from jobs.connect.connector import Body, Cursor, Reach, SourceError
from jobs.connect.fetch import Fetch, fetch
from jobs.coverage import SEEN, UNSEEN, record
from jobs.ingest.folder import fetch_folder
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.ingest.store import store
from jobs.ingest.watch import Scarce, scarce, sentence
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import Lake, fingerprint
from jobs.settings import Feed, Settings, SettingsError, Window, now
from jobs.versions import INDEX

log = logging.getLogger(__name__)
COMMITTING = threading.RLock()
"""Feeds of one process commit one after the other: to be refused by each other and begin again costs more."""
ASKING = ("path", "url", "http", "service", "parameters", "credentials", "back_days", "requests_per_run")
"""Settings of a feed that decide what is asked for, and not how the answer is read."""


class FeedError(RuntimeError):
    """A feed could not be read at all; the coverage ledger has the same message.

    One that was `refused` would be so again: a secret is missing or wrong, or a limit lasts beyond the deadline.
    """

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Ingested:
    """What one ingest of one feed did. `days` are the published days that something new came to be known of.

    A `message` of one that did not fail is a warning.
    """

    feed: str
    status: str
    days: list[str]
    items_seen: int
    items_new: int
    message: str | None = None

    @property
    def failed(self) -> bool:
        """Whether something of the feed could not be had or read."""
        return self.status in UNSEEN


@dataclass
class _Seen:
    """What a fetch brought so far: spilled rows of the bodies that could be read, and the faults of the others.

    `reach` is known when all of them were had, of connectors that can tell.
    """

    spills: list[Path]
    faults: list[SourceError]
    items: int = 0
    bodies: int = 0
    unchanged: bool = False
    reach: Reach | None = None
    first_day: date | None = None
    last_day: date | None = None

    def add(self, spill: Path) -> None:
        """Count the rows of `spill` in; it is kept when it has any."""
        days = pq.read_table(spill, columns=["published_date"]).column(0)
        self.bodies += 1
        self.items += len(days)
        if len(days):
            self.spills.append(spill)
        span = pc.min_max(days).as_py()
        if span["min"]:
            self.first_day = min(filter(None, (self.first_day, span["min"])))
            self.last_day = max(filter(None, (self.last_day, span["max"])))

    @property
    def status(self) -> str:
        """What the coverage ledger says of the fetch."""
        if self.faults:
            return self.faults[0].status
        if self.reach and self.reach.missing:
            return "partial"
        if not self.bodies and self.unchanged:
            return "unchanged"
        return "complete" if self.items or self.unchanged else "empty"


def ingest(settings: Settings, feed: str, window: Window) -> Ingested:
    """Fetch `feed` and store what it holds; sources without a query by day are read whole.

    A feed of which some files failed comes back with status `failed` and the days of the others. Raises FeedError,
    after the ledger was written, when nothing could be read; SettingsError for an unknown feed.
    """
    source, lake, fetched_at, began = settings.feed(feed), Lake(settings.lake), now(), time.monotonic()
    fetched_on = fetched_at.astimezone(settings.zone).date()
    way = _way_of_reading(settings, source)
    # A cursor is no use beside a lake that has nothing of the feed: what it covers would not be sent again.
    stored_before = any(file.feed == feed for file in lake.table(INDEX).files)
    former = _cursor(lake, source, way) if stored_before else None
    key, public = author_key(lake), settings.public_handles

    def reading(body: Body) -> Reading:
        batch_id = fingerprint(feed, way, body.sha256)
        return Reading(source, settings.zone, batch_id, body.name, fetched_at, key, public)

    with fetch_folder() as folder:
        bodies = fetch(source, window, former or {}, folder, settings.zone, _requests(settings, source))
        seen, cursor = _fetch(bodies, reading, folder)
        with COMMITTING:
            stored = store(lake, feed, fetched_on, seen.spills, anew=stored_before and former is None)
    over = [day for day in window.days if day < fetched_on.isoformat()]
    few = scarce(View(lake), feed, over) if seen.status in SEEN else []
    said = [*map(str, seen.faults), *(seen.reach.missing if seen.reach else ()), sentence(few)]
    message = "; ".join(filter(None, said)) or None
    with COMMITTING:
        line = _line(source, window, seen, message, fetched_at, fetched_on) | _detail(seen.reach, few)
        record(lake, line, round(time.monotonic() - began, 3))
    if stored.mark:  # again: who has carried the days through by now did it without that line
        State(lake).mark(stored.mark, stored.days)
    if cursor is not None and not seen.faults:
        State(lake).keep_cursor(feed, {"reading": way, "cursor": cursor})
    result = Ingested(feed, seen.status, stored.days, seen.items, stored.items, message)
    log.info(
        "%s: %s, %d items seen, %d new, %d days",
        feed,
        result.status,
        result.items_seen,
        result.items_new,
        len(result.days),
    )
    if message and not result.failed:
        log.warning("feed %r: %s", feed, message)
    if seen.faults and not seen.bodies and not seen.unchanged:
        refused = all(fault.refused for fault in seen.faults)
        raise FeedError(f"feed {feed!r}: {message}", refused)
    return result


def _requests(settings: Settings, feed: Feed) -> int | None:
    """How many requests a run of `feed` may send: its own, else an equal share of what its service allows a run.

    Shares hold whether the feeds are fetched by one process or by many.
    """
    allowed = feed.service.limits.requests_per_run if feed.service else None
    if feed.requests_per_run or not (allowed and feed.service):
        return feed.requests_per_run
    names = [other.service.name for other in settings.feeds if other.service and not other.requests_per_run]
    return max(1, allowed // names.count(feed.service.name))


def _fetch(bodies: Fetch, reading: Callable[[Body], Reading], folder: Path) -> tuple[_Seen, Cursor | None]:
    """Spill the rows of all `bodies`; the cursor to keep once they are stored."""
    seen = _Seen([], [])
    try:
        for number, body in enumerate(bodies):
            seen.unchanged |= body.unchanged
            if body.unchanged or body.path is None:
                continue
            spill = folder / f"{number}.parquet"
            try:
                _spill(reading(body), body.path, body.document, spill)
            except SourceError as fault:
                seen.faults.append(fault)
                if fault.status != "partial":
                    continue
            seen.add(spill)
    except SourceError as fault:
        seen.faults.append(fault)
    seen.reach = bodies.reach
    return seen, bodies.cursor


def _way_of_reading(settings: Settings, feed: Feed) -> str:
    """Hash of all that decides which rows the same bytes become."""
    options = feed.model_dump_json(exclude={*ASKING, "name"}) + (feed.service.reading() if feed.service else "")
    return fingerprint(options, settings.timezone, contract("raw_posts").version)


def _spill(reading: Reading, body: Path, document: Any, target: Path) -> None:
    """Stream the file `body`, which says `document` where that is known, as raw_posts rows into one Parquet file."""
    with pq.ParquetWriter(target, schema("raw_posts"), compression="zstd") as writer:
        for batch in row_batches(reading, body, document):
            writer.write_batch(batch)


def _line(
    feed: Feed, window: Window, seen: _Seen, message: str | None, fetched_at: datetime, fetched_on: date
) -> dict[str, Any]:
    """The line of (feed, window) on the coverage ledger."""
    return {
        "feed": feed.name,
        "window_start": window.start,
        "window_end": window.end,
        "fetched_date": fetched_on,
        "fetched_at": fetched_at,
        "source": feed.path or address(feed.url or feed.base_url),
        "status": seen.status,
        "items_seen": seen.items,
        "batches": seen.bodies,
        "first_day": seen.first_day,
        "last_day": seen.last_day,
        "message": message,
        **_reached(seen.reach),
    }


def _reached(reach: Reach | None) -> dict[str, Any]:
    """What the ledger says of how far a fetch reached."""
    if reach is None:
        return {}
    return {
        "pages": reach.pages,
        "seen_from": reach.seen_from,
        "seen_until": reach.seen_until,
    }


def _detail(reach: Reach | None, few: Sequence[Scarce]) -> dict[str, Any]:
    """What more the ledger says, as JSON: of a service's answers, and of days with suspiciously few items."""
    detail = dict(reach.detail) if reach else {}
    if few:
        detail["scarce"] = {one.day: [one.items, one.usual] for one in few}
    return {"detail": json.dumps(detail, ensure_ascii=False)} if detail else {}


def _cursor(lake: Lake, feed: Feed, way: str) -> Cursor | None:
    """The connector's cursor of the last fetch that was kept whole; None when the feed is read another way now."""
    kept = State(lake).cursor(feed.name)
    cursor: Cursor | None = kept.get("cursor")
    return cursor if kept.get("reading") == way else None


def author_key(lake: Lake) -> bytes:
    """SENTINELA_AUTHOR_KEY or what SENTINELA_AUTHOR_KEY_FILE holds, else a key made once and kept with the lake.

    Pseudonyms are as stable as it is. Raises SettingsError when the file cannot be read or is empty, or when there is
    no key for a lake in an object store.
    """
    if given := os.environ.get("SENTINELA_AUTHOR_KEY"):
        return given.encode()
    if file := os.environ.get("SENTINELA_AUTHOR_KEY_FILE"):
        return _key_in(Path(file))
    if not lake.is_local:
        raise SettingsError(
            "neither SENTINELA_AUTHOR_KEY nor SENTINELA_AUTHOR_KEY_FILE is set; a lake in an object store has no place "
            "for a secret"
        )
    state = State(lake)
    if state.author_key() is None:
        if lake.table(INDEX).version is not None:
            log.warning(
                "%s: the key of the authors' pseudonyms is gone and another one is made, so items with an author are "
                "stored once more, as if edited; if you can, stop and put SENTINELA_AUTHOR_KEY or _state/author.key "
                "back",
                lake.root,
            )
        state.keep_author_key(secrets.token_hex(32).encode())
    return state.author_key() or b""


def _key_in(file: Path) -> bytes:
    try:
        key = file.read_bytes().strip()
    except OSError as fault:
        raise SettingsError(f"SENTINELA_AUTHOR_KEY_FILE: {file} cannot be read: {fault.strerror}") from fault
    if not key:
        raise SettingsError(f"SENTINELA_AUTHOR_KEY_FILE: {file} is empty; put the key of the authors' pseudonyms there")
    return key
