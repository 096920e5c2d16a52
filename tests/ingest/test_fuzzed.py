"""Bodies that no one would send: whatever they are, they become rows or one fault of their feed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import SourceError
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.settings import Feed
from tests.feed_samples import ATOM, RSS_20

Readings = Callable[..., Reading]
ODD: list[Any] = [
    None,
    True,
    7,
    -1.5,
    1e300,
    "",
    "x",
    "\ud800",
    "<p>",
    "2026-13-45",
    "http://[",
    [],
    [[]],
    {},
    {"a": {}},
]
PIECES = [
    "<gml:pos>1 2</gml:pos>", "</height>", "<psc:chapter/>", "<item>", "</item>", "<![CDATA[", "]]>", "&bogus;", "\0",
    "<media:content url='x'/>", "<dc:creator/>", "<author><name/></author>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "<",
    "<georss:point>x</georss:point>", "<itunes:image href='x'/>", "<content type='a/b' mode='base64'>=</content>",
]  # fmt: skip
AUTHOR = {"name": "Ana", "url": "https://n.example/ana"}
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "items": [
        {"id": "1", "content_html": "<p>a</p>", "date_published": "2026-09-03", "authors": [AUTHOR], "tags": ["a"]}
    ],
}
DATED = {"created_at": "2026-09-03T12:00:00Z"}
PAGES: dict[str, Any] = {
    "mastodon": [{**DATED, "id": "1", "content": "<p>oi</p>", "account": {"acct": "a"}, "mentions": [{"acct": "b"}]}],
    "hacker_news": {"hits": [{**DATED, "objectID": "1", "comment_text": "hi", "author": "a"}], "nbPages": 1},
}


def mutated(value: Any, chance: random.Random) -> Any:
    """`value` with a part of it in another shape."""
    if chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {key: mutated(part, chance) for key, part in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [mutated(part, chance) for part in value] * chance.choice([1, 1, 2])
    return value


def becomes_rows_or_a_fault(reading: Reading, body: Path, content: str) -> None:
    body.write_bytes(content.encode("utf-8", "surrogatepass"))
    with suppress(SourceError):
        for batch in row_batches(reading, body):
            batch.validate(full=True)


@pytest.mark.parametrize("seed", range(4))
def test_any_shape_of_a_json_feed(reading: Readings, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        becomes_rows_or_a_fault(reading(reader="rss"), tmp_path / "body", json.dumps(mutated(JSON_FEED, chance)))


@pytest.mark.parametrize("name", PAGES)
def test_any_shape_of_a_page_of_a_service(reading: Readings, tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    given = {"mastodon": {"instance": "https://m.example", "tags": ["a"]}, "hacker_news": {"query": "a"}}[name]
    feed = Feed.model_validate({"name": "f", "kind": "post", "service": name, **given})
    share = Reading(**{**reading().__dict__, "feed": feed})
    for _ in range(60):
        becomes_rows_or_a_fault(share, tmp_path / "body", json.dumps(mutated(PAGES[name], chance)))


@pytest.mark.parametrize("sample", [RSS_20, ATOM], ids=["rss", "atom"])
def test_any_mutation_of_xml(reading: Readings, tmp_path: Path, sample: str) -> None:
    chance = random.Random(sample)
    for _ in range(50):
        text = sample
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.choice([0, 0, 1, 9]) :]
        becomes_rows_or_a_fault(reading(reader="rss"), tmp_path / "body", text[: chance.choice([None, at])])
