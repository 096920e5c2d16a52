"""Ingesting over HTTP, through a real server on loopback: what is stored, and what the ledger says."""

from __future__ import annotations

import gzip
import json
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from jobs.ingest import FeedError

FEED = """<rss version="2.0"><channel><title>c</title><item><guid>{id}</guid><title>Café {id}</title>
<pubDate>Thu, 03 Sep 2026 12:00:00 GMT</pubDate></item></channel></rss>"""
Desk = Callable[..., Any]


def at(desk: Desk, site: Any, **http: Any) -> Any:
    """The desk whose feed is the site."""
    return desk(reader="rss", kind="news", path=None, url=site.url, http={"retries": 0, **http})


def test_a_feed_is_fetched_and_stored(desk: Desk, site: Any) -> None:
    site.then(body=FEED.format(id="1"))
    done = at(desk, site).ingest()
    assert (done.status, done.days, done.items_seen, done.items_new) == ("complete", ["2026-09-03"], 1, 1)
    (row,) = at(desk, site).rows()
    assert (row["post_id"], row["title"], row["source"]) == ("1", "Café 1", site.url)
    assert site.requests[0]["User-Agent"].startswith("sentinela")


@pytest.mark.parametrize(
    ("validator", "condition"),
    [({"ETag": '"v1"'}, "If-None-Match"), ({"Last_Modified": "Thu, 03 Sep 2026 12:00:00 GMT"}, "If-Modified-Since")],
)
def test_what_has_not_changed_is_not_sent_again(
    desk: Desk, site: Any, validator: dict[str, str], condition: str
) -> None:
    site.then(body=FEED.format(id="1"), **validator).then(304)
    news = at(desk, site)
    news.ingest()
    files = news.files()
    again = news.ingest()
    assert site.requests[1][condition] == next(iter(validator.values()))
    assert (again.status, again.days, again.items_new) == ("unchanged", [], 0)
    assert not again.failed
    assert news.files() == files


def test_a_changed_feed_is_sent_whole_with_its_new_validator(desk: Desk, site: Any) -> None:
    for tag in ("v1", "v2"):
        site.then(body=FEED.format(id=tag), ETag=tag)
    site.then(304)
    news = at(desk, site)
    assert [news.ingest().status for _ in range(3)] == ["complete", "complete", "unchanged"]
    assert [request.get("If-None-Match") for request in site.requests] == [None, "v1", "v2"]
    assert [row["post_id"] for row in sorted(news.rows(), key=lambda row: row["post_id"])] == ["v1", "v2"]


def test_a_feed_that_is_to_be_read_another_way_is_fetched_again(desk: Desk, site: Any) -> None:
    site.then(body=FEED.format(id="1"), ETag="v1")
    at(desk, site).ingest()
    other = desk(reader="rss", kind="review", path=None, url=site.url)
    assert other.ingest().items_new == 1
    assert "If-None-Match" not in site.requests[1]


def test_not_modified_without_having_been_asked_is_no_feed(desk: Desk, site: Any) -> None:
    site.then(304)
    with pytest.raises(FeedError, match="not a feed"):
        at(desk, site).ingest()


def test_a_server_that_stays_busy_fails_with_its_answer(desk: Desk, site: Any) -> None:
    site.then(503, Retry_After="0")
    with pytest.raises(FeedError, match="503"):
        at(desk, site, retries=2).ingest()
    assert len(site.requests) == 3
    (line,) = at(desk, site).rows("coverage")
    assert (line["status"], line["items_seen"], line["batches"]) == ("failed", 0, 0)
    assert "503" in line["message"]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 451])
def test_a_refusal_is_on_the_ledger_as_one(desk: Desk, site: Any, status: int) -> None:
    site.then(status, b"no", Retry_After="0")
    with pytest.raises(FeedError, match=str(status)):
        at(desk, site).ingest()
    (line,) = at(desk, site).rows("coverage")
    assert (line["status"], line["source"]) == ("refused", site.url)
    assert str(status) in line["message"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_feed_beyond_its_size_is_capped(desk: Desk, site: Any, packed: bool) -> None:
    body = FEED.format(id="x" * 20_000).encode()
    headers = {"Content_Encoding": "gzip"} if packed else {}
    site.then(200, gzip.compress(body) if packed else body, **headers)
    with pytest.raises(FeedError, match=r"more than 0\.01 MB; raise http\.max_megabytes of feed 'olist'"):
        at(desk, site, max_megabytes=0.01).ingest()
    assert at(desk, site).rows("coverage")[0]["status"] == "capped"
    assert at(desk, site).rows() == []


def feed_of(count: int) -> bytes:
    item = "<item><guid>{}</guid><title>Café {}</title><pubDate>Thu, 03 Sep 2026 12:00:00 GMT</pubDate></item>"
    items = "".join(item.format(number, number) for number in range(count))
    return f'<rss version="2.0"><channel><title>c</title>{items}</channel></rss>'.encode()


@pytest.mark.parametrize("way", ["length", "no length", "gzip", "gzip without length", "chunked"])
def test_of_an_answer_that_breaks_off_the_whole_items_are_kept_and_it_is_read_again(
    desk: Desk, site: Any, way: str
) -> None:
    whole = feed_of(500)
    packed = gzip.compress(whole) if "gzip" in way else whole
    half = packed[: len(packed) // 2]
    headers = {"ETag": "v1", **({"Content_Encoding": "gzip"} if "gzip" in way else {})}
    if way == "length":
        headers["Content_Length"] = str(len(packed))
    if way == "chunked":
        half = f"{len(half):x}\r\n".encode() + half + b"\r\n"
        headers |= {"Transfer_Encoding": "chunked", "Content_Length": None}
    if "no length" in way or "without length" in way:
        headers["Content_Length"] = None
    site.then(200, half, **headers).then(200, whole, ETag="v2").then(304)
    news = at(desk, site)
    done = news.ingest()
    assert (done.status, done.failed) == ("partial", True)
    assert 0 < done.items_new < 500
    assert "broke off" in str(done.message) or "ends in the middle" in str(done.message)
    assert {row["title"] for row in news.rows()} == {f"Café {number}" for number in range(done.items_new)}
    again = news.ingest()
    assert "If-None-Match" not in site.requests[1]
    assert (again.status, again.items_new) == ("complete", 500 - done.items_new)
    assert news.ingest().status == "unchanged"


def test_an_answer_that_breaks_off_leaves_the_cursor_of_the_whole_one_before(desk: Desk, site: Any) -> None:
    site.then(200, feed_of(1), ETag="v1").then(200, feed_of(2)[:-5], ETag="v2").then(304)
    news = at(desk, site)
    assert [news.ingest().status for _ in range(3)] == ["complete", "partial", "unchanged"]
    assert [request.get("If-None-Match") for request in site.requests] == [None, "v1", "v1"]


def test_of_a_json_feed_that_breaks_off_the_whole_items_are_kept(desk: Desk, site: Any) -> None:
    items = [{"id": str(n), "content_text": f"Café {n}"} for n in range(3)]
    whole = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    site.then(200, whole[:-20], ETag="v1").then(200, whole, ETag="v2")
    news = at(desk, site)
    done = [news.ingest(), news.ingest()]
    assert [(one.status, one.items_new) for one in done] == [("partial", 2), ("complete", 1)]
    assert "If-None-Match" not in site.requests[1]


def test_a_bomb_stops_at_the_size_of_the_feed(desk: Desk, site: Any) -> None:
    bomb = gzip.compress(gzip.compress(b"a" * 200_000_000, 1), 1)
    site.then(200, bomb, Content_Encoding="gzip, gzip")
    tracemalloc.start()
    with pytest.raises(FeedError, match="more than 2 MB"):
        at(desk, site, max_megabytes=2).ingest()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r"])
def test_a_text_is_read_in_the_encoding_that_only_the_header_names(desk: Desk, site: Any, charset: str) -> None:
    text = FEED.format(id="1").replace("Café", "Кофе")
    site.then(200, text.encode(charset), Content_Type=f"application/rss+xml; charset={charset}")
    at(desk, site).ingest()
    assert at(desk, site).rows()[0]["title"] == "Кофе 1"


@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="windows-1251"?>'])
def test_a_text_that_knows_better_than_the_header_is_believed(desk: Desk, site: Any, declared: str) -> None:
    text = declared + FEED.format(id="1").replace("Café", "Кофе")
    body = text.encode("windows-1251" if declared else "utf-8")
    site.then(200, body, Content_Type="text/html; charset=iso-8859-1")
    at(desk, site).ingest()
    assert at(desk, site).rows()[0]["title"] == "Кофе 1"


def test_a_page_that_is_no_feed_fails_and_does_not_move_the_cursor(desk: Desk, site: Any) -> None:
    site.then(body="<html>log in</html>", ETag="login").then(body=FEED.format(id="1"))
    with pytest.raises(FeedError, match="not a feed"):
        at(desk, site).ingest()
    assert at(desk, site).ingest().items_new == 1
    assert "If-None-Match" not in site.requests[1]


def test_without_its_token_a_feed_is_not_asked_for(desk: Desk, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWS_TOKEN", raising=False)
    with pytest.raises(FeedError, match="environment variable NEWS_TOKEN"):
        at(desk, site, token_env="NEWS_TOKEN").ingest()
    assert site.requests == []
    assert at(desk, site).rows("coverage")[0]["status"] == "refused"


@pytest.fixture
def told(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], desk: Desk, site: Any
) -> Callable[..., str]:
    """Everything that a failing fetch of the site says: its error, the log of every library, stderr, the ledger."""

    def fail(query: str = "", **http: Any) -> str:
        caplog.set_level(logging.DEBUG)
        news = desk(reader="rss", path=None, url=site.url + query, http=http)
        with pytest.raises(FeedError) as caught:
            news.ingest()
        messages = [record.getMessage() for record in caplog.records]
        assert any(record.name.startswith("urllib3") for record in caplog.records)
        return "\n".join([str(caught.value), caplog.text, *messages, *capfd.readouterr(), str(news.rows("coverage"))])

    return fail


def test_a_key_in_the_address_of_a_feed_is_told_nowhere(told: Callable[..., str], site: Any) -> None:
    site.then(503, Retry_After="0")
    said = told("?key=s3cret&n=1", retries=2)
    assert len(site.requests) == 3
    assert "503" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "target",
    [
        "{site}?key=s3cret",
        "http://127.0.0.1:1/other?key=s3cret",
        "http://ana:s3cret@127.0.0.1:1/other",
        "http://127.0.0.1:1/other#token=s3cret",
        "http://[/?key=s3cret",
        "http://127.0.0.1:port/?key=s3cret",
        "ftp://127.0.0.1/?key=s3cret",
        "http://ana:s3cret@.example/",
    ],
)
def test_a_key_in_the_address_that_a_feed_redirects_to_is_told_nowhere(
    told: Callable[..., str], site: Any, target: str
) -> None:
    site.then(302, Location=target.format(site=site.url)).then(404)
    said = told(retries=1)
    assert site.url in said
    assert "s3cret" not in said
