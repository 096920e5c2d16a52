"""JSON Feed 1.x (jsonfeed.org). Of one that ends in the middle the whole items are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.read.faults import json_fault
from jobs.read.record import CutError, ReadError, Record

DECODER = json.JSONDecoder()
SPACE = re.compile(r"[ \t\r\n]*")


def records(content: bytes) -> Iterator[Record]:
    """A record an item; broken characters are replaced.

    Raises ReadError where it is no JSON Feed, CutError after the last whole item where it ends too early.
    """
    document, is_whole = _document(content)
    for number, item in enumerate(_items(document)):
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
            people=tuple(_people(item)),
        )
    if not is_whole:
        raise CutError("the feed ends, or breaks, in the middle; what could be read of it is kept")


def _document(content: bytes) -> tuple[Mapping[str, Any], bool]:
    """The feed, and whether that is all of it."""
    text = content.decode(json.detect_encoding(content), "replace")
    try:
        return json.loads(text), True
    except (ValueError, RecursionError) as fault:
        begun = dict(_begun(text))
        if not begun.get("items"):
            raise ReadError(f"neither XML nor JSON Feed: {json_fault(fault)}") from None
        return begun, False


def _begun(text: str) -> Iterator[tuple[str, Any]]:
    """The keys and values of the object that `text` begins with, as far as they are whole, and the whole `items`."""
    at = _at(text, _at(text, 0) + 1)
    while text.startswith('"', at):
        try:
            key, at = DECODER.raw_decode(text, at)
            at = _at(text, at)
            if not text.startswith(":", at):
                return
            at = _at(text, at + 1)
            value, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            if key == "items" and text.startswith("[", at):
                yield key, list(_elements(text, _at(text, at + 1)))
            return
        yield key, value
        at = _at(text, _at(text, at) + 1)


def _elements(text: str, at: int) -> Iterator[Any]:
    """The whole elements of the list in `text` whose first one stands at `at`."""
    while True:
        try:
            element, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield element
        at = _at(text, at)
        if not text.startswith(",", at):
            return
        at = _at(text, at + 1)


def _at(text: str, at: int) -> int:
    """Where in `text`, from `at` on, the next sign stands that is no space."""
    space = SPACE.match(text, at)
    return space.end() if space else at


def _items(document: Mapping[str, Any]) -> list[Any]:
    if not str(document.get("version", "")).startswith("https://jsonfeed.org/"):
        raise ReadError("JSON without a jsonfeed.org `version`; for JSON lines use reader jsonl")
    items = document.get("items") or []
    if not isinstance(items, list):
        raise ReadError("JSON Feed whose `items` is not a list")
    return items


def _first_author(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first author that is an object; empty without any."""
    return next(_authors(item), {})


def _authors(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The authors that are objects: `authors` (JSON Feed 1.1), then `author` (1.0)."""
    authors = item.get("authors")
    named = [*(authors if isinstance(authors, list) else []), item.get("author")]
    return (author for author in named if isinstance(author, dict))


def _people(item: Mapping[str, Any]) -> Iterator[str]:
    """Names of all authors."""
    return (author["name"] for author in _authors(item) if isinstance(author.get("name"), str))
