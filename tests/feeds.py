"""Feeds and the records in some bytes, for tests that read or ingest. Their folders take the fixtures from here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.read.read import read
from jobs.read.record import Record
from jobs.settings import Feed

COLUMNS = {
    "post_id": "id", "published_at": "date", "title": "title", "text": "text", "author": "author", "url": "url",
    "rating": "rating",
}  # fmt: skip


@pytest.fixture
def feed() -> Callable[..., Feed]:
    """A feed of posts; a CSV or JSON one has the columns id, date, title, text, author, url, rating."""

    def make(reader: str = "jsonl", **options: Any) -> Feed:
        given = {"name": "olist", "kind": "post", "reader": reader, "path": "feed", **options}
        return Feed.model_validate({"columns": {} if reader == "rss" else COLUMNS, **given})

    return make


@pytest.fixture
def records(feed: Callable[..., Feed], tmp_path: Path) -> Callable[..., list[Record]]:
    """The records that a reader finds in some bytes."""

    def find(reader: str, content: bytes | str, **options: Any) -> list[Record]:
        path = tmp_path / "feed"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read(feed(reader, **options), path))

    return find
