"""JSON Feed 1.x (jsonfeed.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.read.faults import json_fault
from jobs.read.record import ReadError, Record


def records(content: bytes) -> Iterator[Record]:
    """A record an item; ReadError where it is no JSON Feed."""
    for number, item in enumerate(_items(content)):
        if not isinstance(item, dict):
            yield Record(payload={"item": item}, error=f"item {number}: not a JSON object")
            continue
        author = _first_author(item)
        yield Record(
            fields={
                "post_id": item.get("id"),
                "title": item.get("title"),
                "text": item.get("content_html") or item.get("content_text") or item.get("summary"),
                "author": author.get("name") or author.get("url"),
                "url": item.get("url") or item.get("external_url"),
                "published_at": item.get("date_published") or item.get("date_modified"),
                "updated_at": item.get("date_modified"),
            },
            payload={key: value for key, value in item.items() if key not in ("author", "authors")},
        )


def _items(content: bytes) -> list[Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise ReadError(f"neither XML nor JSON Feed: {json_fault(fault)}") from None
    if not str(document.get("version", "")).startswith("https://jsonfeed.org/"):
        raise ReadError("JSON without a jsonfeed.org `version`; for JSON lines use reader jsonl")
    items = document.get("items") or []
    if not isinstance(items, list):
        raise ReadError("JSON Feed whose `items` is not a list")
    return items


def _first_author(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first author that is an object: one of `authors` (JSON Feed 1.1), else `author` (1.0); empty without any."""
    authors = item.get("authors")
    named = [*(authors if isinstance(authors, list) else []), item.get("author")]
    return next((author for author in named if isinstance(author, dict)), {})
