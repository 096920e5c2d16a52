from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import schema
from jobs.ingest.items import Reading, plain_text, to_row
from jobs.read.record import Record
from jobs.settings import Feed
from jobs.values import parse_date

NOON = datetime(2026, 9, 3, 12, tzinfo=UTC)
MASTODON = (
    '<p><span class="h-card"><a href="https://m.example/@ana" class="mention">@<span>ana</span></a></span> o app da '
    '<a href="https://m.example/tags/aurora" class="mention hashtag" rel="tag">#<span>aurora</span></a> caiu</p>'
    '<p>veja <a href="https://a.example/x/y"><span class="invisible">https://</span>'
    '<span class="ellipsis">a.example/x</span><span class="invisible">/y</span></a><br />de novo</p>'
)
Readings = Callable[..., Reading]


def row_of(reading: Reading, payload: Any = None, **fields: Any) -> dict[str, Any]:
    return to_row(reading, 0, Record(fields, fields if payload is None else payload))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-09-03T12:00:00Z", NOON),
        ("2026-09-03T09:00:00-03:00", NOON),
        ("2026-09-03 12:00:00", NOON),
        ("2026-09-03T12:00:00.123456Z", NOON.replace(microsecond=123456)),
        ("2026-09-03", NOON.replace(hour=0)),
        ("Thu, 03 Sep 2026 12:00:00 GMT", NOON),
        ("Thu, 3 Sep 2026 09:00:00 -0300", NOON),
        ("3 Sep 2026 08:00:00 EDT", NOON),
        (1788436800, NOON),
        (1788436800.0, NOON),
        ("1788436800", NOON),
        (1788436800000, NOON),
        ("1788436800000", NOON),
        (1712010112345, datetime(2024, 4, 1, 22, 21, 52, 345000, tzinfo=UTC)),
        (1801010112345, datetime(2027, 1, 27, 0, 35, 12, 345000, tzinfo=UTC)),
        (NOON, NOON),
        (datetime(2026, 9, 3, 12), NOON),
        (NOON.astimezone(timezone(timedelta(hours=-3))), NOON),
        (date(2026, 9, 3), NOON.replace(hour=0)),
    ],
)
def test_a_date_is_understood(feed: Callable[..., Feed], value: Any, moment: datetime) -> None:
    assert parse_date(value, feed()) == moment


@pytest.mark.parametrize(
    "value",
    ["Thu, 3 Se", "Thu, 21 Ma", "Thu, 3 Sep", "2026-09", "2026-09-0", "2026-09-03T1", "ontem", "03/09/2026", "", " ",
     None, float("nan"), "nan", "inf", "1e999", True, [], {}, "12:30", "2026-13-01", "0000-00-00",
     datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))],
)  # fmt: skip
def test_what_is_no_date_is_not_read_as_one(feed: Callable[..., Feed], value: Any) -> None:
    assert parse_date(value, feed()) is None


@given(cut=st.integers(1, 15))
def test_a_truncated_date_is_never_another_date(feed: Callable[..., Feed], cut: int) -> None:
    """Cut before the year is whole; behind that, what is left may be a day."""
    for whole in ("Thu, 03 Sep 2026 23:30:00 GMT", "03 September 2026 23:30:00 GMT"):
        understood = parse_date(whole[:cut], feed())
        assert understood is None or understood.year < 1990, "`03` is a moment of 1970, which nobody believes"
    understood = parse_date("2026-09-03T12:00:00Z"[:cut], feed())
    assert understood is None or understood.date() == date(2026, 9, 3) or understood.year < 1990


def test_a_time_without_a_zone_is_one_of_the_feed(feed: Callable[..., Feed]) -> None:
    local = feed(timezone="America/Sao_Paulo")
    assert parse_date("2026-09-03T09:00:00", local) == NOON
    assert parse_date(datetime(2026, 9, 3, 9), local) == NOON
    assert parse_date("2026-09-03T12:00:00Z", local) == NOON


def test_the_format_of_the_feed_comes_first(feed: Callable[..., Feed]) -> None:
    assert parse_date("03/09/2026 12:00", feed(date_format="%d/%m/%Y %H:%M")) == NOON
    assert parse_date("20260903", feed(date_format="%Y%d%m")) == datetime(2026, 3, 9, tzinfo=UTC)
    assert parse_date("2026-09-03T12:00:00Z", feed(date_format="%d/%m/%Y %H:%M")) == NOON


@given(st.datetimes(datetime(1990, 1, 2), datetime(2026, 9, 30)))
def test_every_way_to_write_a_moment_is_the_same_moment(feed: Callable[..., Feed], moment: datetime) -> None:
    utc = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = int(utc.timestamp())
    written = [
        utc.isoformat(), utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%a, %d %b %Y %H:%M:%S +0000"), utc,
        utc.astimezone(timezone(timedelta(hours=-3))).isoformat(), utc.replace(tzinfo=None).isoformat(sep=" "),
    ]  # fmt: skip
    if seconds >= 10**9:  # nobody sends older times as numbers
        written += [seconds, str(seconds), float(seconds), seconds * 1000, str(seconds * 1000)]
    assert {parse_date(value, feed()) for value in written} == {utc}


def test_the_day_is_one_of_the_reports_zone(reading: Readings) -> None:
    row = row_of(reading(), published_at="2026-09-03T01:30:00Z")
    assert row["published_at"] == datetime(2026, 9, 3, 1, 30, tzinfo=UTC)
    assert row["published_date"] == date(2026, 9, 2)
    assert row["date_source"] == "feed"


@pytest.mark.parametrize("value", ["2027-01-01", "2026-10-02T12:00:01Z", "1989-12-31", "0001-01-01", 5, 99999999999])
def test_a_date_of_the_future_or_long_ago_is_not_believed(reading: Readings, value: Any) -> None:
    row = row_of(reading(), published_at=value, text="x")
    assert (row["date_source"], row["published_date"]) == ("implausible", None)
    assert row["date_text"] == str(value)


def test_a_clock_that_is_a_day_ahead_is_believed(reading: Readings) -> None:
    assert row_of(reading(), published_at="2026-10-02T12:00:00Z")["date_source"] == "feed"


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://n.example/2026/09/03/titulo.html", date(2026, 9, 3)),
        ("https://n.example/economia/2026-9-3-titulo", date(2026, 9, 3)),
        ("https://n.example/2026/09/03", date(2026, 9, 3)),
        ("https://n.example/2026/13/03/titulo", None),
        ("https://n.example/2026/12/03/titulo", None),
        ("https://n.example/1026/09/03/titulo", None),
        ("https://n.example/2026/09/031234", None),
        ("https://n.example/titulo", None),
    ],
)
def test_a_date_in_the_link_serves_an_undated_item(reading: Readings, url: str, day: date | None) -> None:
    row = row_of(reading(), url=url, text="x")
    assert row["published_date"] == day
    assert row["date_source"] == ("extracted" if day else "fallback")


@pytest.mark.parametrize("written", ["Thu, 3 Se", "2031-01-01"])
def test_a_date_in_the_link_stands_in_for_one_that_cannot_be_believed(reading: Readings, written: str) -> None:
    row = row_of(reading(), url="https://n.example/2026/09/03/t", published_at=written)
    assert (row["date_source"], row["published_date"]) == ("extracted", date(2026, 9, 3))
    assert row["date_text"] == written


@pytest.mark.parametrize(("written", "source"), [(None, "fallback"), ("", "fallback"), ("Thu, 3 Se", "unreadable")])
def test_an_undated_item_never_lands_on_the_day_it_was_fetched(
    reading: Readings, written: str | None, source: str
) -> None:
    row = row_of(reading(), published_at=written, text="x")
    assert (row["published_at"], row["published_date"], row["date_source"]) == (None, None, source)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<p>Olá</p><p>mundo</p>", "Olá\nmundo"),
        ("Olá<p>mundo</p>fim", "Olá\nmundo\nfim"),
        ("a<br>b<br/>c<hr>d", "a\nb\nc\nd"),
        ("<div>a<div>b</div>c</div>", "a\nb\nc"),
        ("<ul><li>um<li>dois</ul>três", "um\ndois\ntrês"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\nb\nc"),
        ("<h1>Título</h1>texto", "Título\ntexto"),
        ("<article>a</article><article>b</article>", "a\nb"),
        ("um <b>negri</b>to <i>só</i>", "um negrito só"),
        ("<script>alert('x')</script>bom<style>p {color: red}</style> dia", "bom dia"),
        ("<p>bom<script>evil()</script></p><p>dia</p>", "bom\ndia"),
        ("bom<!-- segredo --> dia", "bom dia"),
        ("caf&eacute; &amp; ch&aacute; &#128522; &lt;3", "café & chá 😊 <3"),
        ("<p>caf&eacute; &amp; 1 &lt; 2</p>", "café & 1 < 2"),
        ("I <3 you & 2 < 3 > 1", "I <3 you & 2 < 3 > 1"),
        ("se o preço <do pão subir", "se o preço <do pão subir"),
        ("<p>fechado</p>\x01solto\x00", "fechado\nsolto"),
        ("  muitos \t espaços\u00a0 \n\n\n linhas  ", "muitos espaços\nlinhas"),
        ("&lt;b&gt;bom&lt;/b&gt; dia", "bom dia"),
        ("<p>&lt;script&gt;evil()&lt;/script&gt;bom</p>", "bom"),
        ("<p>&amp;lt;img src=x onerror=evil()&amp;gt; bom</p>", "bom"),
        ('bom<iframe src="//n.example">um <b>dia</b></iframe>', "bomum dia"),
        ("<code>&lt;br /></code>", None),
        ("<p>1 &lt; 2 &amp;lt; 3</p>", "1 < 2 < 3"),
        (f"AT&{'amp;' * 200_000}T", f"AT&{'amp;' * 199_995}T"),
        (f"a &{'amp;' * 4}lt;b&{'amp;' * 4}gt; c", "a c"),
        ("<p> </p><br>", None),
        ("<script>x</script>", None),
        ("", None),
        ("\x00", None),
        (None, None),
        (float("nan"), None),
        (42, "42"),
        (42.0, "42"),
        ("👍🏽", "👍🏽"),
        (MASTODON, "@ana o app da #aurora caiu\nveja https://a.example/x/y\nde novo"),
    ],
)
def test_markup_becomes_text(value: Any, text: str | None) -> None:
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Não é café", "cp1252"),
        ("ação à noite, coração", "cp1252"),
        ("5 € por um açaí", "cp1252"),
        ("“citação” — e mais…", "latin-1"),
        ("👍 ótimo", "latin-1"),
    ],
)
def test_a_text_in_the_wrong_encoding_is_mended(text: str, encoding: str) -> None:
    broken = text.encode().decode(encoding)
    assert broken != text
    assert plain_text(broken) == text


@pytest.mark.parametrize("text", ["MAÇÃ E PÃO", "Âncora à vista", "são 3 â 4", "NÃO PRECISA", "IRMÃ"])
def test_a_sound_text_is_left_alone(text: str) -> None:
    assert plain_text(text) == text


@given(st.text())
def test_any_text_becomes_text_that_can_be_stored(value: str) -> None:
    text = plain_text(value)
    assert text is None or (text.strip() == text != "" and "\0" not in text and text.encode())


MARKS = ["<p>", "</p>", "<br", ">", "<", "&", "&lt;", "palavra", "\x01", " ", "<!--", "-->", "<script>", "</script>"]


@given(st.lists(st.sampled_from([*MARKS, "<svg/>", "<?x ?>", "\ud800", "]]>", '<a href="'])))
def test_any_broken_markup_becomes_text(pieces: list[str]) -> None:
    text = plain_text("".join(pieces))
    assert text is None or text.encode()


@given(
    st.lists(st.text("abcdefgh", min_size=1), min_size=2, max_size=6),
    st.sampled_from(["p", "div", "li", "h2", "blockquote", "section", "article", "dd", "figcaption"]),
)
def test_words_of_two_blocks_are_never_glued(words: list[str], tag: str) -> None:
    text = plain_text("".join(f"<{tag}>{word}</{tag}>" for word in words))
    assert text is not None
    assert text.split() == words


def test_the_native_id_comes_first(reading: Readings) -> None:
    url = "https://n.example/a"
    assert row_of(reading(), post_id="x1", url=url, text="t")["post_id"] == "x1"
    assert row_of(reading(), post_id=17, url=url)["post_id"] == "17"
    assert row_of(reading(), post_id=17.0, url=url)["post_id"] == "17"
    assert row_of(reading(), post_id=" ", url=url, text="t")["post_id"] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://n.example/a?id=3",
        "https://n.example/a?id=3&utm_source=rss&utm_medium=feed",
        "https://n.example/a?utm_campaign=x&id=3#comments",
        "https://N.example:443/a?id=3#",
        "https://n.example/a?id=3&fbclid=abc",
    ],
)
def test_a_link_identifies_without_its_trackers_and_fragment(reading: Readings, url: str) -> None:
    assert row_of(reading(), url=url, text="t")["post_id"] == "https://n.example/a?id=3"


@pytest.mark.parametrize("url", ["http://[::1", "http://", "https://a b/", "https://n.example:99999/a"])
def test_a_link_that_is_no_address_identifies_all_the_same(reading: Readings, url: str) -> None:
    one, two = (row_of(reading(), url=url, text=text)["post_id"] for text in ("a", "b"))
    assert one == two != ""


@pytest.mark.parametrize("url", ["javascript:alert(1)", "tag:n.example,2026:1", "/relative", "mailto:a@b.example", ""])
def test_only_addresses_of_the_web_are_links(reading: Readings, url: str) -> None:
    assert row_of(reading(), url=url, text="t")["url"] is None


def test_the_content_identifies_what_has_neither(reading: Readings) -> None:
    same = {"title": "t", "text": "bom", "published_at": "2026-09-03", "author": "ana"}
    one = row_of(reading(), **same)["post_id"]
    assert one.startswith("sha256:")
    assert row_of(reading(author_key=b"other", fetched_at=NOON), {"likes": 7}, **same)["post_id"] == one
    for name in same:
        assert row_of(reading(), **{**same, name: "2026-09-04"})["post_id"] != one


def test_items_without_content_are_told_apart_by_their_payload(reading: Readings) -> None:
    one, two = (row_of(reading(), {"image": name})["post_id"] for name in ("a.png", "b.png"))
    assert one != two


def test_a_pseudonym_is_stable_keyed_and_of_one_feed(reading: Readings) -> None:
    def author(given: Any, **options: Any) -> Any:
        return row_of(reading(**options), author=given, text="t")["author"]

    pseudonym = author("Maria Silva")
    assert pseudonym == author("Maria Silva") == author(" Maria Silva ")
    assert pseudonym != author("João Souza")
    assert pseudonym != author("Maria Silva", author_key=b"another key")
    assert pseudonym != author("Maria Silva", name="b2w")
    assert author(None) is None
    assert author("") is None


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=4, max_size=30).map("Zq {}".format))
def test_the_authors_name_is_nowhere_in_the_row(records: Callable[..., list[Record]], name: str) -> None:
    reading = Reading(Feed(name="f", kind="post", reader="rss", path="x"), None, "b", "s", NOON, b"key")  # type: ignore[arg-type]
    contents = {
        "csv": f'id,date,title,text,author,url,rating\n1,,t,bom,"{name}",,5\n',
        "jsonl": json.dumps({"id": 1, "text": "bom", "author": name}),
        "rss": f"""<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
            xmlns:media="http://search.yahoo.com/mrss/"><channel><item><guid>1</guid><title>bom</title>
            <dc:creator>{name}</dc:creator><author>a@b.example ({name})</author><media:credit>{name}</media:credit>
            <dc:publisher>{name}</dc:publisher><dc:contributor>{name}</dc:contributor></item></channel></rss>""",
    }
    atom = f"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>bom</title><author><name>{name}</name>
        </author><contributor><name>{name}</name></contributor><source><author><name>{name}</name></author></source>
        </entry></feed>"""
    json_feed = json.dumps(
        {"version": "https://jsonfeed.org/version/1.1",
         "items": [{"id": "1", "content_text": "bom", "authors": [{"name": name}], "author": {"name": name}}]}
    )  # fmt: skip
    for reader, content in [*contents.items(), ("rss", atom), ("rss", json_feed)]:
        (record,) = records(reader, content)
        row = to_row(reading, 0, record)
        assert name.strip() not in json.dumps(row, default=str, ensure_ascii=False)
        assert json.loads(row["payload"])["author_pseudonym"] == row["author"]


def test_a_nested_author_is_left_out_of_the_payload(records: Callable[..., list[Record]], reading: Readings) -> None:
    status = {"id": "1", "content": "bom", "account": {"acct": "lari", "display_name": "Larissa"}}
    columns = {"post_id": "id", "text": "content", "author": "account.acct"}
    (record,) = records("jsonl", json.dumps(status), columns=columns)
    row = to_row(reading(), 0, record)
    assert row["author"]
    assert json.loads(row["payload"]) == {"id": "1", "content": "bom", "author_pseudonym": row["author"]}


@pytest.mark.parametrize(
    ("value", "rating"),
    [(5, 5.0), ("4", 4.0), ("4,5", 4.5), ("4.5", 4.5), (None, None), ("", None), ("ótimo", None), ("nan", None),
     ("inf", None), (float("nan"), None), ("-1", -1.0)],
)  # fmt: skip
def test_a_grade_is_a_number_or_nothing(reading: Readings, value: Any, rating: float | None) -> None:
    assert row_of(reading(), rating=value)["rating"] == rating


def test_the_payload_is_the_item_as_it_was_sent(reading: Readings) -> None:
    sent = {"id": 1, "text": "<p>caf&eacute;</p>", "extra": {"likes": [1, 2]}}
    row = to_row(reading(), 3, Record({"post_id": 1, "text": sent["text"]}, sent))
    assert json.loads(row["payload"]) == sent
    assert row["body"] == "café"
    assert row["position"] == 3


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.datetimes(), st.binary(max_size=5),
    st.lists(st.text(), max_size=2), st.sampled_from(["\ud800 só", "a\0b", "2026-09-03", "http://[", "<p>\ud83d</p>"]),
)  # fmt: skip


@hypothesis.settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["post_id", "published_at", "updated_at", "title", "text", "author", "url", "rating"]), anything
    )
)
def test_any_item_becomes_a_row_that_can_be_stored(reading: Readings, fields: dict[str, Any]) -> None:
    row = to_row(reading(), 0, Record(fields, {"fields": fields}))
    batch = pa.RecordBatch.from_pylist([row], schema=schema("raw_posts"))
    batch.validate(full=True)
    stored = batch.to_pylist()[0]
    assert stored["post_id"]
    assert (stored["published_date"] is None) == (stored["date_source"] not in ("feed", "extracted"))
    for field in schema("raw_posts"):
        assert field.nullable or stored[field.name] is not None


@pytest.mark.parametrize("written", ["2026-09-03", date(2026, 9, 3)])
@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Pacific/Kiritimati", "UTC"])
def test_a_day_without_a_time_stays_that_day_wherever_the_report_is_read(
    reading: Readings, written: Any, zone: str
) -> None:
    there = replace(reading(), zone=ZoneInfo(zone))
    assert row_of(there, published_at=written)["published_date"] == date(2026, 9, 3)
