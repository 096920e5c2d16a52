from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.ingest.items import parse_date
from jobs.read.read import read
from jobs.read.record import CutError, ReadError, Record
from jobs.settings import Feed
from tests.feed_samples import RSS_20

Records = Callable[..., list[Record]]


def rss(date_written: str) -> str:
    item = f"<item><title>t</title><pubDate>{date_written}</pubDate></item>"
    return f'<rss version="2.0"><channel>{item}</channel></rss>'


def test_a_feeds_time_without_a_zone_is_one_of_the_feed(records: Records, feed: Callable[..., Feed]) -> None:
    (record,) = records("rss", rss("2026-09-03T09:00:00"))
    local = feed("rss", timezone="America/Sao_Paulo")
    assert parse_date(record.fields["published_at"], local) == datetime(2026, 9, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("written", ["Thu, 3 Se", "Thu, 21 Ma", "Thu, 03 Sep", "ontem"])
def test_a_feeds_broken_date_stays_as_it_was_written(records: Records, feed: Callable[..., Feed], written: str) -> None:
    (record,) = records("rss", rss(written))
    assert record.fields["published_at"] == written
    assert parse_date(record.fields["published_at"], feed("rss")) is None


def test_a_date_that_feedparser_understands_is_kept_both_ways(records: Records) -> None:
    (record,) = records("rss", rss("2026-09"))
    assert record.fields["published_at"] == "2026-09"
    assert record.dates == {"published_at": "2026-09-01T00:00:00+00:00"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
def test_a_feed_is_read_in_the_encoding_it_declares(records: Records, encoding: str) -> None:
    content = f'<?xml version="1.0" encoding="{encoding}"?>{rss("x").replace(">t<", ">São João<")}'
    (record,) = records("rss", content.encode(encoding))
    assert record.fields["title"] == "São João"


def test_a_feed_with_broken_xml_gives_what_it_has(records: Records) -> None:
    broken = RSS_20.replace("</channel>", "<item><title>Aberto & fechado</title></item></channel>")
    assert [record.fields["title"] for record in records("rss", broken)] == ["Café sobe", "Aberto & fechado"]


@pytest.mark.parametrize("cut", ["</channel>", "</channel></rss", "<item><title>Meia pala", "<it", ""])
def test_a_feed_that_ends_in_the_middle_gives_its_whole_items_and_says_so(
    feed: Callable[..., Feed], tmp_path: Path, cut: str
) -> None:
    (tmp_path / "feed").write_text(RSS_20.replace("</channel></rss>", cut), encoding="utf-8")
    found = read(feed("rss"), tmp_path / "feed")
    assert next(found).fields["title"] == "Café sobe"
    with pytest.raises(CutError, match="ends in the middle"):
        next(found)


@pytest.mark.parametrize(
    "before",
    ["<!-- <wrong> -->", '<!DOCTYPE rss [<!ENTITY a "<wrong>">]>', "<!-- <wrong> --><?xml version='1.0'?><!-- <b> -->"],
    ids=["comment", "document type", "comments"],
)
def test_a_tag_before_the_root_element_is_not_the_one_to_be_closed(records: Records, before: str) -> None:
    assert len(records("rss", before + rss("x"))) == 1


def test_comments_without_end_take_no_time(records: Records) -> None:
    with pytest.raises(ReadError, match="not a feed"):
        records("rss", "<!--" * 300_000)


CUT_AT = {
    "object": '{"id": 4, "ti',
    "key": ', "nex',
    "list": "",
    "comma": ",",
    "letter": '{"id": 4, "title": "caf\u00c3',
}


@pytest.mark.parametrize("cut", CUT_AT.values(), ids=list(CUT_AT))
def test_a_json_feed_that_ends_in_the_middle_gives_its_whole_items_and_says_so(
    feed: Callable[..., Feed], tmp_path: Path, cut: str
) -> None:
    items = [{"id": n, "title": f"Café {n}", "tags": ["a", {"b": 1}]} for n in range(4)]
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "c", "author": {"name": "x"}, "items": items}
    whole = json.dumps(document, ensure_ascii=False)
    begun = whole.removesuffix("}") if "nex" in cut else whole.removesuffix("]}") + ("" if cut in ("", ",") else ", ")
    (tmp_path / "feed").write_bytes((begun + cut).encode("utf-8")[: -1 if "caf" in cut else None])
    found = read(feed("rss"), tmp_path / "feed")
    assert [next(found).fields["post_id"] for _ in items] == [0, 1, 2, 3]
    with pytest.raises(CutError, match="in the middle; what could be read of it is kept"):
        next(found)


@pytest.mark.parametrize(
    "cut", ['{"version": "https://jsonfeed.org/version/1", "items": [{"id"', '{"items": [{"id": 1}, {']
)
def test_of_a_json_feed_without_a_whole_item_nothing_is_kept(records: Records, cut: str) -> None:
    with pytest.raises(ReadError, match="JSON") as caught:
        records("rss", cut)
    assert not isinstance(caught.value, CutError)


def test_a_broken_character_does_not_lose_a_json_feed(records: Records) -> None:
    content = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "title": "caf\xe9"}, {"id": 2}]}'
    assert [record.fields["post_id"] for record in records("rss", content)] == [1, 2]


def test_a_feed_without_items_is_empty_and_no_error(records: Records) -> None:
    assert records("rss", '<rss version="2.0"><channel><title>c</title></channel></rss>') == []
    assert records("rss", '{"version": "https://jsonfeed.org/version/1", "items": []}') == []


@pytest.mark.parametrize(
    "content",
    ["", "hello", "<html><body>Please log in</body></html>", '{"items": []}', '{"a":', "{}", '{"a":' * 100_000,
     "\0\0\0", "[1]", "<?xml version='1.0'?><notes/>"],
    ids=["empty", "text", "html", "json", "cut json", "no version", "deep json", "nul", "list", "xml"],
)  # fmt: skip
def test_what_is_no_feed_is_told_so(records: Records, content: str) -> None:
    with pytest.raises(ReadError, match=r"not a feed|JSON"):
        records("rss", content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('<rss version="2.0"><channel><item><gml:pos>1 2</gml:pos></item></channel></rss>', "KeyError"),
        ("<gml:pos>1 2</gml:pos>", "KeyError"),
        ("</height>", "TypeError"),
        ('<rss version="2.0"><channel></height></channel></rss>', "TypeError"),
        ('{"version": "https://jsonfeed.org/version/1", "items": 5}', "`items` is not a list"),
        ('{"version": "https://jsonfeed.org/version/1", "items": {"id": 1}}', "`items` is not a list"),
    ],
)
def test_a_feed_on_which_its_parser_breaks_is_told_so(records: Records, content: str, told: str) -> None:
    with pytest.raises(ReadError, match=told):
        records("rss", content)


@pytest.mark.parametrize(
    "items",
    [
        None,
        ["x", {"id": 1}],
        [{"id": 1, "authors": ["Ana"]}],
        [{"id": 1, "author": "Ana", "authors": None}],
        [{"id": 1, "authors": 7}],
        [{"id": 1, "authors": {"name": "Ana"}}],
        [{"id": 1, "authors": "Ana"}],
    ],
)
def test_a_json_feed_of_odd_items_is_read(records: Records, items: Any) -> None:
    document = {"version": "https://jsonfeed.org/version/1", "items": items}
    found = records("rss", "\ufeff" + json.dumps(document))
    assert len(found) == len(items or [])
    assert "Ana" not in str([record.payload for record in found])


def test_when_it_was_created_is_a_date_too(records: Records) -> None:
    item = "<item><title>t</title><dcterms:created>2026-09-03T12:00:00Z</dcterms:created></item>"
    head = '<rss version="2.0" xmlns:dcterms="http://purl.org/dc/terms/"><channel>'
    (record,) = records("rss", f"{head}{item}</channel></rss>")
    assert record.fields["published_at"] == "2026-09-03T12:00:00Z"
