"""RSS 0.9x to 2.0, RDF and Atom through feedparser, or JSON Feed; held in memory whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs.read import json_feed
from jobs.read.faults import kind_and_place
from jobs.read.record import CutError, ReadError, Record
from jobs.settings import Feed

NAMES = (
    "author", "author_detail", "authors", "contributors", "credit", "media_credit", "publisher", "publisher_detail",
)  # fmt: skip
ROOT = re.compile(rb"<([A-Za-z_][\w:.-]*)(?:[^<>]*>)?")
ASIDE = re.compile(rb"<(?:!--|!DOCTYPE\b[^<>\[]*(?=\[)|[A-Za-z_])")
"""What may stand before the root element and hold tags, or that itself."""
END_OF_ITEM = re.compile(rb"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)


def records(_: Feed, path: Path) -> Iterator[Record]:
    """A record an item; ReadError where it is no feed, CutError after the last whole item where it ends too early."""
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if content.lstrip()[:1] == b"{":
        yield from json_feed.records(content)
        return
    whole = _whole_items(content)
    for entry in _entries(whole):
        bodies = [part.value for part in entry.get("content", []) if part.get("value")]
        published = next((name for name in ("published", "created") if _written(entry, name)), "updated")
        named = {"published_at": published, "updated_at": "updated"}
        yield Record(
            fields={
                "post_id": entry.get("id"),
                "title": entry.get("title"),
                "text": bodies[0] if bodies else entry.get("summary"),
                "author": entry.get("author"),
                "url": entry.get("link"),
                **{field: _written(entry, name) for field, name in named.items()},
            },
            payload=_nameless(entry),
            dates={field: date for field, name in named.items() if (date := _understood(entry, name))},
            people=tuple(_people(entry)),
        )
    if len(whole) < len(content) or not _is_closed(content):
        raise CutError("the feed ends in the middle; what could be read of it is kept")


def _whole_items(content: bytes) -> bytes:
    """`content`, up to the end of its last whole item where it ends too early and has one."""
    ends = [] if _is_closed(content) else [found.end() for found in END_OF_ITEM.finditer(content)]
    return content[: ends[-1]] if ends else content


def _is_closed(content: bytes) -> bool:
    """Whether the root element is closed; also where there is none."""
    text = content.replace(b"\0", b"")
    root = _root(text)
    if root is None or root[0].endswith(b"/>"):
        return True
    return re.compile(rb"</" + re.escape(root[1]) + rb"\s*>", re.IGNORECASE).search(text, root.end()) is not None


def _root(text: bytes) -> re.Match[bytes] | None:
    """The start tag of the root element: the first tag that stands neither in a comment nor in a document type."""
    at = 0
    while found := ASIDE.search(text, at):
        if found[0][1:2] != b"!":
            return ROOT.match(text, found.start())
        end = b"-->" if found[0] == b"<!--" else b"]"
        at = text.find(end, found.end())
        if at < 0:
            return None
    return None


def _entries(content: bytes) -> list[Any]:
    import feedparser

    try:
        parsed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    except Exception as fault:  # it breaks on elements outside their place, in as many ways as there are elements
        raise ReadError(f"not a feed that can be read: its parser broke with {kind_and_place(fault)}") from None
    if not parsed.get("version") and not parsed.entries:
        raise ReadError("not a feed: no RSS, RDF or Atom in it; mend the feed's `url` or `reader`")
    return list(parsed.entries)


def _nameless(item: Mapping[str, Any]) -> dict[str, Any]:
    """`item` without what names people, also in the source that it was taken over from."""
    kept = {key: value for key, value in item.items() if key not in NAMES and not key.startswith("poco_")}
    return {key: _nameless(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


def _people(entry: Mapping[str, Any]) -> Iterator[str]:
    """Names and mail addresses of all who are said to have written `entry`."""
    for person in (*entry.get("authors", ()), *entry.get("contributors", ())):
        yield from (str(person[part]) for part in ("name", "email") if person.get(part))


def _written(entry: Mapping[str, Any], name: str) -> str | None:
    """The date called `name` as the source wrote it."""
    return str(entry[name]) if name in entry else None  # feedparser would give `published` for a missing `updated`


def _understood(entry: Mapping[str, Any], name: str) -> str | None:
    """The date called `name` as feedparser understands it, in ISO 8601."""
    if name not in entry or not (understood := entry.get(f"{name}_parsed")):
        return None
    year, month, day, hour, minute, second = understood[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}+00:00"
