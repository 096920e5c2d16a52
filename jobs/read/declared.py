"""Pages of a service -> records, by what its declaration says of items and fields; held in memory whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.declaration import Declaration
from jobs.expressions import holds
from jobs.read.faults import json_fault
from jobs.read.record import ReadError, Record
from jobs.settings import Feed
from jobs.values import parse_json

DELETED = "deleted at its source"
GONE = ("title", "text", "author", "rating")
"""What is not kept of an item that was deleted."""


def records(feed: Feed, path: Path) -> Iterator[Record]:
    """The records of the page in the file `path`; ReadError where that is no JSON."""
    try:
        document = parse_json(path.read_bytes())
    except (ValueError, RecursionError) as fault:
        service = feed.service.name if feed.service else "none"
        raise ReadError(f"no page of service {service}: not JSON: {json_fault(fault)}") from None
    yield from records_of(feed, document)


def records_of(feed: Feed, document: Any) -> Iterator[Record]:
    """A record an item; one that was deleted is a record with an error, so that it stands in the place of the post.

    Raises ReadError where the `document` is no page of the feed's service.
    """
    service = feed.service
    if service is None:
        raise ReadError(f"feed {feed.name!r} names no service that says how to read it")
    try:
        items = service.items.of(document)
    except ValueError as fault:
        raise ReadError(f"no page of service {service.name}: {fault}") from None
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            yield Record(payload={"item": item}, error=f"item {number}: not a JSON object")
        elif not service.is_skipped(item):
            yield _record(service, item)


def _record(service: Declaration, item: dict[str, Any]) -> Record:
    fields = service.fields.of(item)
    if holds(service.items.deleted, item):
        kept = {name: value for name, value in fields.items() if name not in GONE}
        author = fields.get("author")
        return Record(fields=kept, payload={}, error=DELETED, people=(str(author),) if author else ())
    for people in service.people:
        item = _without(item, people.split("."))
    return Record(fields=fields, payload=item)


def _without(value: Any, path: list[str]) -> Any:
    """`value` without what lies at `path`, in every object of a list on the way."""
    if isinstance(value, list):
        return [_without(part, path) for part in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: part for key, part in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}
