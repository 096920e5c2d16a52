from __future__ import annotations

from pathlib import Path

import pytest

from jobs.links import link_of
from jobs.settings import SettingsError
from tests.place import Place, item


def test_a_link_is_opened_with_the_key_of_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    links = {"1": "https://m.example/@ana/1", "2": "https://n.example/2", "3": None}
    place.add([item(number, "2026-06-29", link=link) for number, link in links.items()])
    assert [row["url"] for row in place.rows("raw_posts")] == [None, links["2"], None]
    assert [link_of(place.settings, "posts", number) for number in "12"] == [links["1"], links["2"]]
    with pytest.raises(SettingsError, match="came without a link"):
        link_of(place.settings, "posts", "3")
    with pytest.raises(SettingsError, match="no post '4'"):
        link_of(place.settings, "posts", "4")
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "another")
    with pytest.raises(SettingsError, match="sealed with another key; set SENTINELA_AUTHOR_KEY"):
        link_of(place.settings, "posts", "1")


def test_a_post_whose_id_holds_a_name_is_found_by_either_id(tmp_path: Path) -> None:
    place = Place(tmp_path)
    native = "at://did:plc:ana/app.bsky.feed.post/3k"
    place.add([item(native, "2026-06-29", link="https://bsky.app/profile/did:plc:ana/post/3k")])
    (row,) = place.rows("raw_posts")
    assert "did:" not in str(row)
    for known_by in (native, row["post_id"]):
        assert link_of(place.settings, "posts", known_by) == "https://bsky.app/profile/did:plc:ana/post/3k"


def test_of_a_post_without_a_link_the_key_tells_its_id_at_the_source(tmp_path: Path) -> None:
    place = Place(tmp_path)
    native = "at://did:plc:ana/app.bsky.feed.post/3k"
    place.add([item(native, "2026-06-29", link=None)])
    assert link_of(place.settings, "posts", place.rows("raw_posts")[0]["post_id"]) == native
