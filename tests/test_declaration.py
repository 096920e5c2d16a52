"""What a service's file may say, what is wrong with one, and what a feed of it must give."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.declaration import Range, load_declaration
from jobs.document import SettingsError
from jobs.settings import load

FORUM = """\
name: forum
version: 1
about: {title: Forum, docs: "https://forum.example/docs", terms: none}
base_url: "{address}"
parameters:
  address: {about: address of the forum, required: true, pattern: "https?://.+"}
  rooms: {about: names of rooms, many: true}
requests:
  room: {each: rooms, path: "/rooms/{rooms}", query: {page: "{page}"}}
paging: {kind: page_number}
items: {at: posts}
fields: {post_id: id, published_at: at, text: text}
"""
START, END = datetime(2026, 9, 29, 3, tzinfo=UTC), datetime(2026, 9, 30, 3, tzinfo=UTC)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Settings with a feed of the service in forum.yaml, whose text can be changed."""

    def write(feed: dict[str, Any], old: str = "", new: str = "") -> Path:
        (tmp_path / "forum.yaml").write_text(FORUM.replace(old, new) if old else FORUM, encoding="utf-8")
        settings = tmp_path / "sentinela.yaml"
        given = {"name": "f", "kind": "post", "service": "forum", **feed}
        settings.write_text(yaml.safe_dump({"services": ["./forum.yaml"], "feeds": [given]}), encoding="utf-8")
        return settings

    return write


def test_a_feed_of_ones_own_service_has_its_parameters(written: Any) -> None:
    (feed,) = load(written({"address": "https://forum.example/", "rooms": ["a", "b"]})).feeds
    assert (feed.reader, feed.base_url, feed.parameters["rooms"]) == ("declared", "https://forum.example", ("a", "b"))
    assert feed.service is not None
    assert feed.service.name == "forum"


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ({"rooms": "a"}, "address is missing: service forum needs it: address of the forum"),
        ({"address": "https://x"}, "service forum needs one of these: rooms: names of rooms"),
        (
            {"address": "https://x", "romos": "a"},
            "romos: service forum has no such parameter; it has address,",
        ),
        ({"address": "ftp:x", "rooms": "a"}, "address: 'ftp:x' does not fit: address of the forum"),
        ({"address": ["https://x"], "rooms": "a"}, "address: one value, not a list"),
        ({"service": "forun"}, "no service 'forun'; there are app_store, "),
        (
            {"address": "https://x", "rooms": "a", "url": "https://x"},
            "exactly one of path, url and service",
        ),
        (
            {"address": "https://x", "rooms": "a", "http": {"token_env": "T"}},
            "name the secrets with `credentials`",
        ),
    ],
)
def test_what_a_feed_gives_wrongly_is_named_and_said_what_it_is_for(
    written: Any, feed: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(feed))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("items: {at: posts}", "items: {at: 'posts['}", "forum.yaml:11: items.at: 'posts[' is no JMESPath"),
        ("paging: {kind: page_number}", "paging: {kind: pages}", "forum.yaml:10: paging"),
        ("fields: {post_id: id", "fields: {post: id", "forum.yaml:12: fields.post_id: Field required"),
        (
            "each: rooms",
            "each: null",
            "requests.room: {rooms} may be a list; say `each: rooms`, else its first is asked",
        ),
        ("/rooms/{rooms}", "/rooms/{romos}", "requests.room: {romos} is no parameter; declare it under `parameters`"),
        ("each: rooms", "each: room", "requests.room.each: 'room' is no parameter"),
        ("version: 1", "version: 1\nlimit: 5", "forum.yaml:3: limit: unknown setting"),
        ("name: forum", "name: [", "forum.yaml: not valid YAML"),
    ],
)
def test_what_is_wrong_with_a_service_is_told_by_file_line_and_field(
    written: Any, tmp_path: Path, old: str, new: str, said: str
) -> None:
    written({}, old, new)
    with pytest.raises(SettingsError) as caught:
        load_declaration(tmp_path / "forum.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ({}, "2026-09-29T03:00:00Z", "2026-09-30T03:00:00Z"),
        ({"start": "exclusive", "end": "inclusive"}, "2026-09-29T02:59:59Z", "2026-09-30T02:59:59Z"),
        ({"format": "epoch_s"}, "1790650800", "1790737200"),
        ({"format": "epoch_ms", "end": "inclusive"}, "1790650800000", "1790737199999"),
        ({"format": "date"}, "2026-09-29", "2026-10-01"),
        ({"format": "date", "end": "inclusive"}, "2026-09-29", "2026-09-30"),
        ({"format": "%Y%m%d%H%M%S"}, "20260929030000", "20260930030000"),
        (
            {"format": "epoch_ms", "shift": 16, "start": "exclusive", "end": "exclusive"},
            str((1790650800000 << 16) - 1),
            str(1790737200000 << 16),
        ),
    ],
)
def test_a_window_is_asked_for_in_the_words_of_the_service(window: dict[str, Any], start: str, end: str) -> None:
    assert Range.model_validate({"kind": "range", **window}).bounds(START, END) == {"start": start, "end": end}
