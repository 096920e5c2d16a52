"""What the lake keeps of people: pseudonyms, and links that can be read with the key alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.ingest import ingest
from jobs.ingest.items import Reading, to_row
from jobs.ingest.people import SEALED, People, masked
from jobs.lake.query import View
from jobs.lake.table import TABLES, Lake
from jobs.read.read import read
from jobs.read.record import Record
from jobs.settings import Window, load
from tests.place import Place, item

Readings = Callable[..., Reading]
SAMPLE = Path(__file__).parents[2] / "examples" / "aurora"
WORDS = {"Dalva", "Otávio", "Redação", "Lis", "cafeaurora"}
"""Authors of the sample whose names others say as words like any other, and the brand."""


def test_the_lake_of_the_sample_holds_no_author_of_it(tmp_path: Path) -> None:
    settings = load(SAMPLE / "sentinela.yaml").model_copy(update={"lake": str(tmp_path / "lake")})
    authors: set[str] = set()
    for feed in settings.feeds:
        ingest(settings, feed.name, Window.model_validate({"start": "2026-09-30", "end": "2026-09-30"}))
        for file in Path("/").glob(str(feed.path)[1:]):
            authors |= {str(record.fields["author"]) for record in read(feed, file) if record.fields.get("author")}
    assert len(authors) > 400
    lake = Lake(settings.lake)
    stored = []
    for table in TABLES:
        if lake.table(table).files:
            with View(lake).query() as query:
                query.read(table)
                stored.append(json.dumps(query.rows(f"FROM {table}"), default=str, ensure_ascii=False).casefold())
    stored += [file.read_text() for file in (tmp_path / "lake" / "_state").rglob("*.json")]
    everything = "\n".join(stored)
    assert len(everything) > 1_000_000
    assert {author for author in authors - WORDS if _says(everything, author.casefold())} == set()
    assert "jeferson.k" not in everything, "of a row that could not be read"


def _says(text: str, name: str) -> bool:
    """Whether `text` has `name` outside a longer word: in half a million random letters of sealed links any short name
    stands by chance."""
    return name in text and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def test_a_mention_is_the_token_of_the_same_author(reading: Readings) -> None:
    mentioned = to_row(reading(), 0, Record({"text": "oi @ana.b, viu? ana@n.example"}, {}))
    author = to_row(reading(), 0, Record({"text": "oi", "author": "ana.b"}, {}))["author"]
    assert mentioned["body"] == f"oi @{author}, viu? ana@n.example"


def test_the_handle_of_a_brand_is_nobodys(reading: Readings) -> None:
    public = Reading(**{**reading().__dict__, "public": frozenset({"cafeaurora"})})
    row = to_row(public, 0, Record({"text": "oi @CafeAurora", "url": "https://m.example/@cafeaurora/1"}, {}))
    assert (row["body"], row["url"]) == ("oi @CafeAurora", "https://m.example/@cafeaurora/1")


@pytest.mark.parametrize(
    ("url", "author"),
    [
        ("https://m.example/@ana/1", "ana"),
        ("https://m.example/@ana/1", "someone else"),
        ("https://m.example/users/ana/statuses/1", None),
        ("https://bsky.example/profile/ana.example/post/1", None),
        ("https://x.example/ana/status/1", "ana"),
    ],
)
def test_a_link_that_holds_a_name_can_be_read_with_the_key_alone(
    reading: Readings, url: str, author: str | None
) -> None:
    row = to_row(reading(), 0, Record({"text": "oi", "author": author, "url": url}, {"link": url}))
    assert row["url"] is None
    assert "ana" not in json.dumps(row, default=str).replace("sentinela", "")
    sealed = json.loads(row["payload"])[SEALED]
    assert People("olist", b"key").opened(sealed) == url
    with pytest.raises(ValueError, match="sealed with another key"):
        People("olist", b"other").opened(sealed)


DID = "did:plc:z72i7hdynmk6r22z27h6tvur"


@pytest.mark.parametrize(
    ("native", "author", "name"),
    [
        (f"at://{DID}/app.bsky.feed.post/3k", "ana.example", DID),
        (f"at://{DID}/app.bsky.feed.post/3k", DID, DID),
        (f"https://bsky.app/profile/{DID.replace(':', '%3A')}/post/3k", None, DID),
        ("at://ana.example/app.bsky.feed.post/3k", None, "ana.example"),
        ("at://did:web:ana.example/app.bsky.feed.post/3k", None, "did:web:ana.example"),
        ("https://m.example/users/ana/statuses/1", "someone else", "ana"),
        ("ana.souza-2026-1", "ana.souza", "ana.souza"),
        ("post_ana.souza7", "Ana.Souza", "Ana.Souza"),
        ("<17.ana@n.example>", "Ana", "17.ana@n.example"),
        ("tag:n.example,2026:ana@n.example:1", "ana@n.example (Ana Souza)", "ana@n.example"),
        ("Ana Souza/1", "Ana Souza <ana@n.example>", "Ana Souza"),
    ],
)
def test_an_id_that_holds_a_name_holds_its_pseudonym_instead(
    reading: Readings, native: str, author: str | None, name: str
) -> None:
    record = Record({"post_id": native, "text": "oi", "author": author}, {"id": native, "facets": [{"did": DID}]})
    row = to_row(reading(), 0, record)
    assert People("olist", b"key").pseudonym(name) in row["post_id"]
    stored = json.dumps(row, default=str).casefold().replace("%3a", ":")
    assert not [told for told in (native, name, DID) if told.casefold() in stored]
    assert json.loads(row["payload"])["id"] == row["post_id"]
    again = to_row(reading(), 0, Record({"post_id": native, "text": "de novo", "author": author}, {}))
    assert again["post_id"] == row["post_id"]


@pytest.mark.parametrize(
    "native", ["1", "bafyreih3kz", "tag:n.example,2026:1", "yt:video:u_-9", "t3_ana12", "didático:1"]
)
def test_an_id_without_a_name_stays(reading: Readings, native: str) -> None:
    assert to_row(reading(), 0, Record({"post_id": native, "text": "oi", "author": "Rui"}, {}))["post_id"] == native


def test_a_deletion_has_the_id_of_its_post(reading: Readings) -> None:
    fields = {"post_id": "ana.souza/1", "url": "https://n.example/ana.souza/1"}
    post = to_row(reading(), 0, Record({**fields, "text": "oi", "author": "ana.souza"}, {}))
    gone = to_row(reading(), 0, Record(fields, {}, error="deleted", people=("ana.souza",)))
    assert gone["post_id"] == post["post_id"]
    assert "souza" not in json.dumps([post, gone], default=str)


def test_a_feed_that_names_its_author_in_every_place_leaves_none(
    reading: Readings, records: Callable[..., list[Record]]
) -> None:
    rss = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item><title>t</title>
        <guid isPermaLink="false">urn:rui.lima@n.example:1</guid><link>https://n.example/1</link>
        <author>rui.lima@n.example (Rui Lima)</author><dc:contributor>ana.souza</dc:contributor>
        <comments>https://n.example/1?by=ana.souza</comments></item></channel></rss>"""
    (record,) = records("rss", rss)
    row = to_row(reading(reader="rss"), 0, record)
    assert not [name for name in ("rui.lima", "Rui Lima", "ana.souza") if name in json.dumps(row, default=str)]
    assert row["url"] == "https://n.example/1"


def test_a_link_without_a_name_stays_and_loses_a_password(reading: Readings) -> None:
    row = to_row(reading(), 0, Record({"text": "oi", "author": "ana", "url": "https://u:pass@n.example/a?b=c"}, {}))
    assert row["url"] == "https://n.example/a?b=c"


def test_what_a_payload_tells_of_people_is_pseudonyms(reading: Readings) -> None:
    payload = {
        "content": '<a href="https://m.example/@bia" class="mention">@<span>bia</span></a> bom',
        "mentions": [{"username": "bia", "url": "https://m.example/@bia", "id": 7}],
        "reblog": {"account": {"acct": "cid", "display_name": "Cid S."}, "uri": "https://m.example/users/cid/1"},
        "poco_displayname": "Duda",
        "tags": [{"name": "aurora"}],
    }
    row = to_row(reading(), 0, Record({"text": payload["content"], "author": "ana"}, payload))
    stored = json.loads(row["payload"])
    assert not {name for name in ("bia", "cid", "Cid", "Duda") if name in row["payload"] + str(row["body"])}
    assert stored["tags"] == [{"name": "aurora"}]
    assert stored["mentions"][0]["username"] == People("olist", b"key").pseudonym("bia")


def test_the_content_does_not_depend_on_whose_names_are_hidden(reading: Readings) -> None:
    record = Record({"text": "oi @ana", "url": "https://m.example/@ana/1"}, {})
    one, two = (to_row(reading(author_key=key), 0, record)["content"] for key in (b"a", b"b"))
    assert one == two


def test_a_key_that_was_lost_is_told_before_items_are_stored_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path)
    place.add([item("1", "2026-06-29", by="Ana")])
    assert not caplog.messages
    Path(place.lake.base, "_state", "author.key").unlink()
    place.write([item("2", "2026-06-29")], file="2")
    place.ingest()
    (told,) = [message for message in caplog.messages if "pseudonyms" in message]
    assert "stored once more" in told


def test_of_what_cannot_be_read_its_shape_is_kept() -> None:
    assert masked({"fields": ["R-1", "é ã", 7]}) == {"fields": ["x-9", "x x", "9"]}
