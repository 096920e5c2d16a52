from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts import contract
from jobs.enrich.topics import Topics, topics
from jobs.lake.query import View
from jobs.step import Order
from tests.overtaken import overtake
from tests.place import Place
from tests.stored import versions

DAYS = ["2026-06-01", "2026-06-02", "undated"]
DELIVERY = {"name": "Entrega", "terms": ["entrega", "delivery"], "exclude": ["carta de entrega"]}
PRICE = {"name": "Preço", "terms": ["preço"], "near": {"terms": ["caro"], "within": 3}}
TEXTS = {
    "1": "as entregas e o preço: muito caro",
    "2": "o preço é bom",
    "3": "a carta de entrega",
    "4": "two deliveries",
}


def posts(day: str | None = DAYS[0], texts: dict[str, str] = TEXTS, feed: str = "posts") -> list[dict[str, Any]]:
    return [
        {"feed": feed, "post_id": post_id, "published_date": day and date.fromisoformat(day), "text": text}
        | {"language": "en" if "two" in text else "pt", "kind": "post", "date_source": "feed"}
        for post_id, text in texts.items()
    ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, topics=[DELIVERY, PRICE])
    place.put("posts", [*posts(), *posts(None, {"5": "entrega"})], "i.r")
    return place


def told(place: Place) -> dict[str, list[str]]:
    return {row["post_id"]: row["topics"] for row in place.rows("topics")}


def test_every_post_has_the_topics_whose_rules_it_keeps(place: Place) -> None:
    result = topics(place.settings, DAYS)
    assert (result.days, result.posts, result.told) == (DAYS, 5, 3)
    assert told(place) == {"1": ["Entrega", "Preço"], "2": [], "3": [], "4": ["Entrega"], "5": ["Entrega"]}


def test_columns_are_those_of_the_contract(place: Place) -> None:
    topics(place.settings, DAYS)
    for file in View(place.lake).files("topics"):
        stored = pq.ParquetFile(f"{place.lake.base}/{file.path}").schema_arrow.remove_metadata()
        assert stored.equals(contract("topics").stored_schema)


def test_a_rerun_makes_nothing_and_only_what_changed_is_made_anew(place: Place) -> None:
    topics(place.settings, DAYS)
    before = versions(place.lake)
    assert topics(place.settings, DAYS).posts == 0
    assert versions(place.lake) == before
    place.put("posts", posts(DAYS[1], {"6": "entrega"}), "i.r")
    assert topics(place.settings, DAYS).posts == 1


def test_other_rules_make_every_stored_day_anew(place: Place) -> None:
    topics(place.settings, DAYS)
    place.configure(topics=[PRICE])
    assert topics(place.settings, [DAYS[1]]).days == DAYS
    assert told(place) == {"1": ["Preço"], "2": [], "3": [], "4": [], "5": []}


def test_the_order_in_which_terms_are_written_makes_no_difference(place: Place) -> None:
    topics(place.settings, DAYS)
    place.configure(topics=[{**DELIVERY, "terms": ["delivery", "entrega"]}, PRICE])
    assert topics(place.settings, DAYS).posts == 0


def test_posts_that_are_gone_leave_no_topics(place: Place) -> None:
    topics(place.settings, DAYS)
    lake = place.lake
    target = lake.table("judged_posts")
    lake.commit(target, [], [file for file in target.files if file.day == DAYS[0]], step="test", days=[], cause="test")
    topics(place.settings, DAYS)
    assert set(told(place)) == {"5"}


def test_posts_that_change_meanwhile_are_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    overtake(monkeypatch, Topics, lambda: place.put("posts", posts(texts={"1": "nada", "7": "entrega"}), "i2.r"))
    topics(place.settings, DAYS)
    assert told(place) == {"1": [], "5": ["Entrega"], "7": ["Entrega"]}


def test_topics_do_not_depend_on_how_many_workers_find_them(place: Place) -> None:
    topics(place.settings, DAYS)
    one = place.contents("topics")
    place.configure(topics=[DELIVERY, PRICE], engine={"workers": 1})
    topics(place.settings, DAYS, Order.anew())
    assert place.contents("topics") == one
