"""A trial of a feed: one page of it is fetched, read and judged, what came of it is told, and nothing is stored."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobs.connect.connector import Body
from jobs.connect.fetch import fetch
from jobs.declaration import Declaration, shipped, shipped_names
from jobs.ingest.folder import fetch_folder
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.settings import Settings, Window, now
from jobs.validate.kernel import judge_rows


@dataclass(frozen=True)
class Offer:
    """A service that can be named, what a feed of it may give, and the variables of the secrets that it needs.

    An `or` stands before the first variable of another way to sign in.
    """

    name: str
    title: str
    parameters: tuple[str, ...]
    secrets: tuple[str, ...]
    how: str


@dataclass(frozen=True)
class Attempt:
    """What one page of a feed would become: rows of raw_posts with text, language and the rules they break."""

    source: str | None
    items: list[dict[str, Any]]
    limits: dict[str, str]

    @property
    def summary(self) -> str:
        """All of it in a sentence."""
        if self.source is None:
            return "the source has nothing for that day"
        days = sorted({str(item["published_date"] or "undated") for item in self.items})
        broken = sum(bool(item["rules"]) for item in self.items)
        told = f"{self.source}: {len(self.items)} items of {', '.join(days) or 'no day'}, {broken} to be quarantined"
        if ids := self._shared_ids():
            told += f"\n{ids}"
        limits = "; ".join(f"{name}: {value}" for name, value in self.limits.items())
        return f"{told}\nlimits: {limits or 'none told'}"

    def _shared_ids(self) -> str | None:
        """That items have one post_id where they do: but one of them would be left."""
        counts = Counter(item["post_id"] for item in self.items)
        shared = {name: count for name, count in counts.items() if count > 1}
        if not shared:
            return None
        name, most = max(shared.items(), key=lambda one: one[1])
        return (
            f"{sum(shared.values())} items share {len(shared)} post_id, {most} of them {name!r}: each would be a "
            "version of one post; see where the feed says that their ids are"
        )


def offers(own: Iterable[Declaration] = ()) -> list[Offer]:
    """Every service that comes with Sentinela, and those in `own`, by name."""
    services = {name: shipped(name) for name in shipped_names()} | {service.name: service for service in own}
    return [_offer(services[name]) for name in sorted(services)]


def attempt(settings: Settings, feed: str, day: date) -> Attempt:
    """The first page that `feed` gives for `day`; SourceError when it gives none, SettingsError for an unknown feed."""
    source = settings.feed(feed)
    with fetch_folder() as folder:
        bodies = iter(fetch(source, Window(start=day, end=day), {}, folder, settings.zone))
        body: Body | None = next((body for body in bodies if body.path), None)
        if body is None or body.path is None:
            return Attempt(None, [], {})
        reading = Reading(source, settings.zone, "trial", body.name, now(), secrets.token_bytes(32))
        items = [row for batch in row_batches(reading, body.path) for row in judge_rows(batch).to_pylist()]
        return Attempt(body.name, items, dict(body.limits))


def _offer(service: Declaration) -> Offer:
    marks = {
        name: f"{name}{'[]' if one.many else ''}{'*' if one.required and one.default is None else ''}"
        for name, one in service.parameters.items()
    }
    needed = [
        f"{'or ' if number and not place else ''}{service.name.upper()}_{what.upper()}"
        for number, way in enumerate(service.ways)
        for place, what in enumerate(way.secrets)
    ]
    return Offer(
        name=service.name,
        title=service.about.title,
        parameters=(*(() if service.requests else ("path*",)), *marks.values()),
        secrets=tuple(needed),
        how="; or ".join(way.how for way in service.ways),
    )
