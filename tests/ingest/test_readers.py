from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import schema
from jobs.ingest.items import Reading, Record, parse_date, to_row
from jobs.ingest.readers import read
from jobs.ingest.sources import Fetched, SourceError
from jobs.settings import Feed

Records = Callable[..., list[Record]]
TEXT = {"columns": {"post_id": "id", "text": "text"}}
DIALECTS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def texts(found: list[Record]) -> list[tuple[Any, Any]]:
    return [(record.fields["post_id"], record.fields["text"]) for record in found]


def outcome(find: Callable[[], list[Record]]) -> list[Record] | str:
    """What was found, or what the SourceError says."""
    try:
        return find()
    except SourceError as fault:
        return str(fault)


def csv_text(rows: list[tuple[str, ...]], delimiter: str = ",", header: tuple[str, ...] = ("id", "text")) -> str:
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=delimiter).writerows([header, *rows])
    return sink.getvalue()


# CSV


@pytest.mark.parametrize("delimiter", DIALECTS.values(), ids=list(DIALECTS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_a_csv_is_read_in_its_dialect_and_encoding(records: Records, delimiter: str, encoding: str) -> None:
    rows = [
        ("1", "Não gostei, o café veio frio; péssimo"),
        ("2", 'disse "olá"\te saiu | à noite'),
        ("3", "ótimo\nlugar"),
    ]
    content = csv_text(rows, delimiter).encode(encoding)
    assert texts(records("csv", content, **TEXT)) == rows


def test_what_the_settings_say_of_a_csv_is_not_guessed(records: Records) -> None:
    content = "id:text\n1:ção, a; b\n".encode("cp850")
    assert texts(records("csv", content, **TEXT, delimiter=":", encoding="cp850")) == [("1", "ção, a; b")]


def test_line_ends_of_every_system_are_read(records: Records) -> None:
    for end in ("\n", "\r\n", "\r"):
        content = end.join(["id,text", "1,a", "", "2,b"])
        assert texts(records("csv", content.encode(), **TEXT)) == [("1", "a"), ("2", "b")]


def test_a_row_of_another_length_is_reported_and_its_fields_kept(records: Records) -> None:
    sound, long, short, last = records("csv", "id,text\n1,a\n2,b,c\n3\n4,d\n", **TEXT)
    assert texts([sound, last]) == [("1", "a"), ("4", "d")]
    assert (long.error, long.payload) == ("line 3: 3 fields where the header has 2", {"fields": ["2", "b", "c"]})
    assert (short.error, short.payload) == ("line 4: 1 fields where the header has 2", {"fields": ["3"]})


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it(records: Records) -> None:
    first, broken, second, third = records("csv", 'id,text\n1,a\n2,"aberto\n3,c\n4,d\n', **TEXT)
    assert texts([first, second, third]) == [("1", "a"), ("3", "c"), ("4", "d")]
    assert broken.error == "line 3: a quote is opened and never closed"
    assert broken.payload == {"fields": ['2,"aberto']}


def test_a_field_beyond_all_measure_does_not_lose_the_rows_after_it(records: Records) -> None:
    broken, sound = records("csv", "id,text\n1," + "x" * 10_000_001 + "\n2,b\n", **TEXT)
    assert broken.error is not None
    assert broken.error.startswith("line 2: field larger than field limit")
    assert texts([sound]) == [("2", "b")]


def test_line_numbers_are_those_of_an_editor(records: Records) -> None:
    *_, last = records("csv", 'id,text\n1,"três\nlinhas\naqui"\n\n2\n', **TEXT)
    assert last.error == "line 6: 1 fields where the header has 2"


def test_a_missing_column_is_told_with_those_there_are(records: Records) -> None:
    with pytest.raises(SourceError) as caught:
        records("csv", "id;body\n1;a\n", **TEXT)
    message = str(caught.value)
    for part in ("the-feed", "no column 'text'", "it has 'id', 'body'", "`columns` of feed 'olist'"):
        assert part in message
    assert caught.value.status == "failed"


def test_a_csv_of_a_header_alone_has_no_records(records: Records) -> None:
    assert records("csv", "id,text\n", **TEXT) == []


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(st.text("abc123", min_size=1), cells), max_size=8), st.sampled_from(list(DIALECTS.values())))
def test_any_csv_comes_back_as_it_was_written(records: Records, rows: list[tuple[str, str]], delimiter: str) -> None:
    assert texts(records("csv", csv_text(rows, delimiter).encode(), **TEXT)) == rows


@given(st.lists(st.lists(st.text("ab;'é ", min_size=1, max_size=6), min_size=1, max_size=4), max_size=10))
def test_every_row_of_a_dirty_csv_is_a_record(records: Records, rows: list[list[str]]) -> None:
    content = "id,text\n" + "".join(",".join(row) + "\n" for row in rows)
    found = records("csv", content.encode(), **TEXT, delimiter=",", encoding="utf-8")
    assert len(found) == len(rows)
    assert [r.error is None for r in found] == [len(row) == 2 for row in rows]


@given(st.lists(st.sampled_from(['"', ",", "\n", "a", "é", "\r\n", '""', "b,c\n"]), max_size=30))
def test_nothing_of_a_csv_with_stray_quotes_is_lost(records: Records, pieces: list[str]) -> None:
    content = "".join(pieces)
    found = records("csv", ("id,text\n" + content).encode(), **TEXT, delimiter=",", encoding="utf-8")
    kept = "".join(json.dumps(record.payload, ensure_ascii=False) for record in found)
    assert kept.count("é") == content.count("é")


# JSON lines


def test_json_lines_are_read_by_their_columns(records: Records) -> None:
    item = {
        "id": 7,
        "text": "bom",
        "account": {"acct": "ana", "site": {"name": "m"}},
        "a.b": "flat",
        "a": {"b": "deep"},
    }
    columns = {"post_id": "id", "text": "text", "author": "account.acct", "title": "account.site.name", "url": "a.b"}
    (record,) = records("jsonl", json.dumps(item) + "\n", columns=columns)
    assert record.fields == {"post_id": 7, "text": "bom", "author": "ana", "title": "m", "url": "flat"}


@pytest.mark.parametrize(
    "item", [{}, {"account": None}, {"account": "ana"}, {"account": ["ana"]}, {"account": {"x": 1}}]
)
def test_a_path_that_leads_nowhere_gives_nothing(records: Records, item: dict[str, Any]) -> None:
    (record,) = records("jsonl", json.dumps(item), columns={"text": "text", "author": "account.acct"})
    assert record.fields == {"text": None, "author": None}
    assert record.error is None


@pytest.mark.parametrize(
    ("line", "told"),
    [('{"id": 1, "text": "corta', "line 2: not JSON"), ("[1, 2]", "line 2: not a JSON object"), ('"só"', "object"),
     ("null", "not a JSON object"), ("[" * 100_000, "line 2: not JSON"), ('{"n": 1' + "0" * 5000 + "}", "not JSON")],
    ids=["cut", "list", "string", "null", "deep", "huge"],
)  # fmt: skip
def test_a_broken_line_is_reported_and_kept(records: Records, line: str, told: str) -> None:
    before, broken, after = records("jsonl", f'{{"id": 1, "text": "a"}}\n{line}\n\n{{"id": 2, "text": "b"}}', **TEXT)
    assert texts([before, after]) == [(1, "a"), (2, "b")]
    assert broken.error is not None
    assert told in broken.error
    assert broken.payload == {"line": line}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(records: Records) -> None:
    content = b'\xef\xbb\xbf{"id": 1, "text": "caf\xc3\xa9"}\r\n{"id": 2, "text": "b"}\r\n'
    assert texts(records("jsonl", content, **TEXT)) == [(1, "café"), (2, "b")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
lines = st.one_of(
    json_values.map(json.dumps),
    st.dictionaries(st.sampled_from(["id", "text"]), json_values).map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\ufeff"), max_size=10),
)


@given(st.lists(lines, max_size=8))
def test_every_line_that_says_something_is_a_record(records: Records, written: list[str]) -> None:
    found = records("jsonl", "\n".join(written).encode(), **TEXT)
    said = [line.strip() for line in written if line.strip()]
    assert len(found) == len(said)
    for record, line in zip(found, said, strict=True):
        assert record.payload == {"line": line} if record.error else record.payload == json.loads(line)


# Parquet


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=3)
    return sink.getvalue()


def test_parquet_keeps_its_native_values(records: Records) -> None:
    moment = datetime(2026, 9, 3, 12, tzinfo=UTC)
    table = pa.table({"id": [1, 2], "text": ["a", None], "at": [moment, None], "stars": [5.0, None]})
    columns = {"post_id": "id", "text": "text", "published_at": "at", "rating": "stars"}
    found = records("parquet", parquet(table), columns=columns)
    assert [record.fields for record in found] == [
        {"post_id": 1, "text": "a", "published_at": moment, "rating": 5.0},
        {"post_id": 2, "text": None, "published_at": None, "rating": None},
    ]


def test_a_parquet_file_without_a_column_is_told(records: Records) -> None:
    with pytest.raises(SourceError, match="no column 'text'; it has 'id'"):
        records("parquet", parquet(pa.table({"id": [1]})), **TEXT)


@given(st.data())
def test_a_damaged_parquet_file_is_a_source_error_or_rows(records: Records, data: st.DataObject) -> None:
    whole = parquet(pa.table({"id": [str(n) for n in range(9)], "text": ["bom"] * 9}))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(lambda: records("parquet", bytes(damaged), **TEXT))
    assert "the-feed" in found if isinstance(found, str) else len(found) <= 9


# RSS, RDF, Atom, JSON Feed

RSS_091 = """<?xml version="1.0"?><rss version="0.91"><channel><title>c</title><link>https://n.example</link>
<item><title>Café sobe</title><link>https://n.example/1</link>
<description>&lt;p&gt;O preço&lt;/p&gt;</description></item>
</channel></rss>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>c</title>
</channel><item rdf:about="https://n.example/1"><title>Café sobe</title><link>https://n.example/1</link>
<description>&lt;p&gt;O preço&lt;/p&gt;</description><dc:date>2026-09-03T12:00:00Z</dc:date>
<dc:creator>Ana</dc:creator></item></rdf:RDF>"""
RSS_20 = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>c</title><item><guid isPermaLink="false">g-1</guid><title>Café sobe</title><link>https://n.example/1</link>
<description>curto</description><content:encoded><![CDATA[<p>O preço</p>]]></content:encoded>
<pubDate>Thu, 03 Sep 2026 09:00:00 -0300</pubDate><author>ana@n.example (Ana)</author></item></channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>c</title><entry><id>tag:n.example,2026:1</id>
<title>Café sobe</title><link href="https://n.example/1"/><content type="html">&lt;p&gt;O preço&lt;/p&gt;</content>
<published>2026-09-03T12:00:00Z</published><updated>2026-09-04T12:00:00Z</updated><author><name>Ana</name></author>
</entry></feed>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "c",
        "items": [
            {
                "id": "j-1", "url": "https://n.example/1", "title": "Café sobe", "content_html": "<p>O preço</p>",
                "date_published": "2026-09-03T12:00:00Z", "date_modified": "2026-09-04T12:00:00Z",
                "authors": [{"name": "Ana"}],
            }
        ],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "post_id", "published", "updated", "author"),
    [
        (RSS_091, "https://n.example/1", None, None, False),
        (RDF, "https://n.example/1", 3, 3, True),
        (RSS_20, "g-1", 3, None, True),
        (ATOM, "tag:n.example,2026:1", 3, 4, True),
        (JSON_FEED, "j-1", 3, 4, True),
    ],
    ids=["rss 0.91", "rdf", "rss 2.0", "atom", "json feed"],
)
def test_every_kind_of_feed_gives_the_same_item(
    records: Records,
    reading: Callable[..., Reading],
    content: str,
    post_id: str,
    published: int | None,
    updated: int | None,
    author: bool,
) -> None:
    (record,) = records("rss", content)
    row = to_row(reading(reader="rss"), 0, record)
    assert (row["title"], row["body"], row["url"]) == ("Café sobe", "O preço", "https://n.example/1")
    assert row["post_id"] == post_id
    assert row["published_at"] == (published and datetime(2026, 9, published, 12, tzinfo=UTC))
    assert row["updated_at"] == (updated and datetime(2026, 9, updated, 12, tzinfo=UTC))
    assert bool(row["author"]) == author
    assert "Café sobe" in row["payload"]
    assert "Ana" not in row["payload"]


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


def test_the_date_is_kept_as_the_source_wrote_it(records: Records, reading: Callable[..., Reading]) -> None:
    (record,) = records("rss", RSS_20)
    assert to_row(reading(reader="rss"), 0, record)["date_text"] == "Thu, 03 Sep 2026 09:00:00 -0300"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
def test_a_feed_is_read_in_the_encoding_it_declares(records: Records, encoding: str) -> None:
    content = f'<?xml version="1.0" encoding="{encoding}"?>{rss("x").replace(">t<", ">São João<")}'
    (record,) = records("rss", content.encode(encoding))
    assert record.fields["title"] == "São João"


def test_a_feed_with_broken_xml_gives_what_it_has(records: Records) -> None:
    found = records("rss", RSS_20.replace("</channel></rss>", "<item><title>Aberto & fechado</title></item>"))
    assert [record.fields["title"] for record in found] == ["Café sobe", "Aberto & fechado"]


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
    with pytest.raises(SourceError, match=r"the-feed: .*(not a feed|JSON)"):
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
    with pytest.raises(SourceError, match=f"the-feed: .*{told}"):
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


# Dirt of every kind, in every reader


@hypothesis.settings(max_examples=120)
@given(st.sampled_from(["csv", "jsonl", "parquet", "rss"]), st.data())
def test_any_bytes_are_records_or_a_source_error(tmp_path: Path, reader: str, data: st.DataObject) -> None:
    seeds = {"csv": b'id,text\n1,"a"\n', "jsonl": b'{"id":1,"text":"a"}\n', "rss": RSS_20.encode()}
    seed = data.draw(st.sampled_from([b"", seeds.get(reader, b"PAR1"), JSON_FEED.encode()]))
    place = data.draw(st.integers(0, len(seed)))
    content = seed[:place] + data.draw(st.binary(max_size=40)) + seed[data.draw(st.integers(place, len(seed))) :]
    (tmp_path / "feed").write_bytes(content)
    columns = {} if reader == "rss" else TEXT["columns"]
    feed = Feed.model_validate({"name": "f", "kind": "post", "reader": reader, "path": "x", "columns": columns})
    reading = Reading(feed, ZoneInfo("UTC"), "b", "s", datetime(2026, 9, 3, tzinfo=UTC), b"key")
    found = outcome(lambda: list(read(feed, Fetched(tmp_path / "feed", "the-feed", "0"))))
    if isinstance(found, str):
        assert "the-feed" in found
    else:
        rows = [to_row(reading, n, record) for n, record in enumerate(found)]
        pa.RecordBatch.from_pylist(rows, schema=schema("raw_posts")).validate(full=True)
