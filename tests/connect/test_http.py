"""Fetching over HTTP, through a real server on loopback."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import Body, SourceError

Fetched = Callable[..., tuple[list[Body], Any]]


def at(site: Any, query: str = "", **http: Any) -> dict[str, Any]:
    """The options of the feed whose address is the site."""
    return {"path": None, "url": site.url + query, "http": {"retries": 0, **http}}


def test_what_lies_at_the_address_is_the_body(fetched: Fetched, site: Any) -> None:
    site.then(body="café")
    (body,), _ = fetched(**at(site))
    assert body.path is not None
    assert body.path.read_text() == "café"
    assert (body.name, body.sha256) == (site.url, hashlib.sha256("café".encode()).hexdigest())
    assert not body.unchanged


def test_what_has_not_changed_is_a_body_without_bytes_and_the_same_cursor(fetched: Fetched, site: Any) -> None:
    site.then(body="a", ETag="v1", Last_Modified="Thu, 03 Sep 2026 12:00:00 GMT").then(304)
    (first,), cursor = fetched(**at(site))
    (again,), after = fetched(json.loads(json.dumps(cursor)), **at(site))
    assert site.requests[1]["If-None-Match"] == "v1"
    assert site.requests[1]["If-Modified-Since"] == "Thu, 03 Sep 2026 12:00:00 GMT"
    assert again == Body(None, site.url, first.sha256, unchanged=True)
    assert after == cursor


def test_the_cursor_of_another_address_is_not_used(fetched: Fetched, site: Any) -> None:
    site.then(body="a", ETag="v1")
    _, cursor = fetched(**at(site))
    fetched(cursor, **at(site, "?page=2"))
    assert "If-None-Match" not in site.requests[1]


def test_the_cursor_tells_no_key_of_the_address(fetched: Fetched, site: Any) -> None:
    site.then(body="a", ETag="v1")
    (body,), cursor = fetched(**at(site, "?key=s3cret"))
    assert "s3cret" not in json.dumps(cursor)
    assert body.name == site.url


def test_without_a_validator_all_is_sent_again(fetched: Fetched, site: Any) -> None:
    site.then(body="a").then(body="a")
    _, cursor = fetched(**at(site))
    (body,), _ = fetched(cursor, **at(site))
    assert body.path is not None
    assert not {"If-None-Match", "If-Modified-Since"} & set(site.requests[1])


def test_a_busy_server_is_asked_again_when_it_says(fetched: Fetched, site: Any) -> None:
    site.then(503, Retry_After="1").then(body="a")
    started = time.monotonic()
    (body,), _ = fetched(**at(site, retries=2))
    assert (body.sha256, len(site.requests)) == (hashlib.sha256(b"a").hexdigest(), 2)
    assert time.monotonic() - started >= 1


def test_a_server_that_does_not_answer_in_time_fails(fetched: Fetched, site: Any) -> None:
    site.then(hold=True)
    with pytest.raises(SourceError, match="timed out"):
        fetched(**at(site, timeout_seconds=0.2))


def test_a_server_that_is_not_there_fails_with_its_address(fetched: Fetched) -> None:
    with pytest.raises(SourceError, match=r"^http://127\.0\.0\.1:1/feed: .*refused"):
        fetched(path=None, url="http://127.0.0.1:1/feed", http={"retries": 0})


@pytest.mark.parametrize("way", ["gzip", "deflate"])
def test_what_is_only_said_to_be_packed_is_taken_as_it_is(fetched: Fetched, site: Any, way: str) -> None:
    site.then(body="<rss>café</rss>", Content_Encoding=way)
    (body,), _ = fetched(**at(site))
    assert body.path is not None
    assert body.path.read_text() == "<rss>café</rss>"


def test_what_follows_a_packed_body_is_nothing(fetched: Fetched, site: Any) -> None:
    site.then(body=gzip.compress(b"a") + gzip.compress(b"b") + b"\r\n--", Content_Encoding="gzip")
    (body,), _ = fetched(**at(site))
    assert body.path is not None
    assert body.path.read_text() == "ab"


def test_a_disk_without_space_is_no_fault_of_the_source(fetched: Fetched, site: Any, tmp_path: Path) -> None:
    site.then(body="a")
    (tmp_path / "downloads" / "body").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        fetched(**at(site))


@pytest.mark.parametrize(("given", "told"), [(None, ""), ("ana@n.example", " (+ana@n.example)")])
def test_a_server_is_told_who_asks(fetched: Fetched, site: Any, given: str | None, told: str) -> None:
    site.then(body="a")
    fetched(**at(site, contact=given))
    assert site.requests[0]["User-Agent"] == f"sentinela/{version('sentinela')}{told}"
