"""Real feeds that may lie beside the repository: every item of the files becomes a row, and the counts are theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import feedparser
import pyarrow.parquet as pq
import pytest

from data_contracts import schema
from jobs.ingest.items import Reading, to_row
from jobs.read.read import read
from jobs.settings import Feed, load

REPOSITORY = Path(__file__).parents[2]
FEEDS = REPOSITORY.parent / "shared" / "data" / "feeds"
MASTODON = {"post_id": "id", "published_at": "created_at", "text": "content", "author": "account.acct", "url": "url"}

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason=f"the real feeds are not there: {FEEDS}")


def rows_of(feed: Feed, path: Path, reading: Callable[..., Reading], limit: int | None = None) -> list[dict[str, Any]]:
    context = reading(**feed.model_dump(exclude={"path"}), path=str(path))
    rows: list[dict[str, Any]] = []
    for record in read(feed, path):
        if len(rows) == limit:
            break
        rows.append(to_row(context, len(rows), record))
    return rows


def configured() -> dict[str, Feed]:
    settings = load(REPOSITORY / "tests" / "integration" / "real_feeds.yaml")
    return {feed.name: feed for feed in settings.feeds}


@pytest.mark.parametrize("name", ["olist", "b2w", "bluesky", "netflix", "youtube", "noticias"])
def test_parquet_feeds_are_read(reading: Callable[..., Reading], name: str) -> None:
    feed = configured()[name]
    path = Path(str(feed.path))
    rows = rows_of(feed, path, reading, limit=2_000)
    assert len(rows) == min(2_000, pq.read_metadata(path).num_rows)
    assert not [row["read_error"] for row in rows if row["read_error"]]
    assert sum(row["date_source"] == "feed" for row in rows) > 0.95 * len(rows)
    assert sum(row["body"] is not None for row in rows) > 0.3 * len(rows)
    assert len({row["post_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize(("name", "unreadable"), [("mls-news", True), ("mls-apps", False)])
def test_csv_feeds_are_read_and_truncated_dates_are_not(
    reading: Callable[..., Reading], name: str, unreadable: bool
) -> None:
    feed = configured()[name]
    rows = rows_of(feed, Path(str(feed.path)), reading)
    written = duckdb.read_csv(str(feed.path), all_varchar=True, parallel=False).aggregate("count(*)").fetchall()
    assert len(rows) == written[0][0]
    dates = {row["date_text"]: row["date_source"] for row in rows if row["date_text"]}
    assert {source for text, source in dates.items() if text[:3].isalpha()} <= {"unreadable", "extracted"}
    assert any(text[:3].isalpha() for text in dates) == unreadable
    assert {source for text, source in dates.items() if text[:4].isdigit()} <= {"feed"}


def test_rss_feeds_are_read(reading: Callable[..., Reading]) -> None:
    feed = configured()["valor"]
    paths = sorted(FEEDS.glob("rss_de_valor_xml/*/*.xml"))
    assert paths
    for path in paths[::4]:
        rows = rows_of(feed, path, reading)
        assert len(rows) == len(feedparser.parse(path.read_bytes()).entries)
        for row in rows:
            assert row["title"] or row["body"]
            assert "<" not in (row["title"] or "")
            assert row["published_date"] is None or row["date_source"] in ("feed", "extracted")


def test_mastodon_statuses_are_read_without_their_authors_account(reading: Callable[..., Reading]) -> None:
    path = FEEDS / "mastodon_statuses.jsonl"
    feed = Feed.model_validate(
        {"name": "mastodon", "kind": "post", "reader": "jsonl", "path": str(path), "columns": MASTODON}
    )
    rows = rows_of(feed, path, reading)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(rows) == len(lines)
    for row in rows:
        assert "account" not in json.loads(row["payload"])
        assert "<p>" not in (row["body"] or "")
    assert {field.name for field in schema("raw_posts")} == set(rows[0])
