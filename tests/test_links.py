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
