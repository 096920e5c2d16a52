"""Quarantine: look at what broke the contract, and give it another chance once its cause is mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import data_contracts
import data_contracts.odcs
from jobs.aggregate import aggregate
from jobs.lake.query import View
from jobs.quarantine import list_items, replay, show_item
from jobs.score import score
from jobs.validate import validate
from tests.place import EN, FETCHED, PT, Place, item

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03"]
ITEMS = [
    item("ok", DAYS[0], PT),
    item("graded", DAYS[0], EN, stars=500),
    item("empty", DAYS[1], None),
    item("both", DAYS[1], "\ufffd" * 3, stars=-1),
    item("it's", None, PT, stars=101),
    *(item(f"flood-{n}", DAYS[2], f"{PT} {n}", stars=500 if n < 10 else 5) for n in range(20)),
]


def make(root: Path) -> Place:
    place = Place(root, feeds=("posts", "shop"))
    place.write([item("graded", DAYS[0], PT, stars=900)], "shop")
    made = validate(place.settings, place.add(ITEMS))
    assert list(made.held) == [DAYS[2]]
    score(place.settings, made.days)
    aggregate(place.settings, made.days)
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make(tmp_path_factory.mktemp("quarantine"))


def listed(place: Place, **asked: Any) -> list[tuple[str, str]]:
    chosen: dict[str, Any] = {"days": None, "feed": None, "rule": None, "held": False, "limit": 50, **asked}
    return [(row["feed"], row["post_id"]) for row in list_items(place.settings, **chosen)]


def test_items_are_listed_newest_day_first_and_undated_ones_last(place: Place) -> None:
    assert listed(place) == [
        ("posts", "both"),
        ("posts", "empty"),
        ("posts", "graded"),
        ("shop", "graded"),
        ("posts", "it's"),
    ]


def test_each_item_is_listed_with_its_day_rules_and_text(place: Place) -> None:
    first, *_ = list_items(place.settings, None, None, None, False, 1)
    assert first["published_date"] == date(2026, 6, 2)
    assert sorted(first["rules"]) == ["rating_in_scale", "text_decoded"]
    assert first["text"] == "\ufffd" * 3


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"days": [DAYS[0]]}, ["graded", "graded"]),
        ({"days": [DAYS[0]], "feed": "shop"}, ["graded"]),
        ({"days": ["undated"]}, ["it's"]),
        ({"rule": "text_present"}, ["empty"]),
        ({"rule": "text_decoded"}, ["both"]),
        ({"rule": "nonsense' OR true --"}, []),
        ({"feed": "nonsense' OR true --"}, []),
        ({"limit": 2}, ["both", "empty"]),
        ({"days": ["2020-01-01"]}, []),
    ],
)
def test_a_list_can_be_narrowed(place: Place, asked: dict[str, Any], names: list[str]) -> None:
    assert [name for _, name in listed(place, **asked)] == names


def test_items_of_held_days_are_listed_apart(place: Place) -> None:
    names = [name for _, name in listed(place, held=True)]
    assert sorted(names) == sorted(f"flood-{n}" for n in range(10))
    assert listed(place, held=True, days=[DAYS[0]]) == []


def test_an_item_is_shown_with_everything_known_of_it(place: Place) -> None:
    (shown,) = show_item(place.settings, "it's")
    assert shown["rules"] == ["rating_in_scale"]
    assert shown["published_date"] is None
    assert '"stars": 101' in shown["payload"]
    assert set(shown) == set(data_contracts.contract("quarantine").columns)


def test_an_identity_of_two_feeds_shows_both_items(place: Place) -> None:
    assert sorted(row["feed"] for row in show_item(place.settings, "graded")) == ["posts", "shop"]


def test_items_of_held_days_are_shown_too(place: Place) -> None:
    (shown,) = show_item(place.settings, "flood-3")
    assert shown["rating"] == 500
    assert show_item(place.settings, "ok") == []


def test_replay_without_a_mended_cause_changes_nothing(tmp_path: Path) -> None:
    place = make(tmp_path)
    before = place.contents("posts", "quarantine", "scored_posts", "daily_polarity")
    made = replay(place.settings, None)
    assert (made.before, made.after) == (5, 5)
    assert list(made.held) == [DAYS[2]]
    assert place.contents("posts", "quarantine", "scored_posts", "daily_polarity") == before


@pytest.fixture
def wider_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Contracts under which a grade may be up to 1000."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for name in data_contracts.names():
        document = yaml.safe_load((data_contracts.odcs.FOLDER / f"{name}.odcs.yaml").read_text(encoding="utf-8"))
        for column in document["schema"][0]["properties"]:
            for rule in column.get("quality", []):
                if rule["name"] == "rating_in_scale":
                    rule["implementation"]["kwargs"]["max_value"] = 1000
        (folder / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    yield monkeypatch.setattr(data_contracts.odcs, "FOLDER", folder)
    monkeypatch.undo()
    data_contracts.contract.cache_clear()


def test_replay_after_a_mended_contract_carries_items_through_to_the_end(tmp_path: Path, wider_scale: None) -> None:
    with pytest.MonkeyPatch.context() as shipped:
        shipped.setattr(data_contracts.odcs, "FOLDER", Path(data_contracts.__file__).parent)
        data_contracts.contract.cache_clear()
        place = make(tmp_path)
    data_contracts.contract.cache_clear()
    made = replay(place.settings, None)
    assert (made.before, made.after, made.held) == (5, 2, {})
    assert made.days == [*DAYS, "undated"]
    assert sorted(row["post_id"] for row in place.rows("quarantine")) == ["both", "empty"]
    assert {"graded", "it's", "flood-3"} <= {row["post_id"] for row in place.rows("scored_posts")}
    totals = [row for row in place.rows("daily_polarity", [DAYS[2]]) if row["brand"] == "all"]
    assert sum(row["posts"] for row in totals if row["counted"]) == 20
    assert {row["cause"] for row in totals} == {"first"}
    newest = [row for row in place.rows("daily_polarity", [DAYS[0]]) if row["cause"] == "contract"]
    assert {(row["feed"], row["posts"], row["quarantined"]) for row in newest if row["brand"] == "all"} >= {
        ("posts", 1, 0),
        ("shop", 1, 0),
    }
    assert View(place.lake).held() == []


def test_replay_of_one_day_leaves_the_others(tmp_path: Path) -> None:
    place = make(tmp_path)
    mended = [item("graded", DAYS[0], EN, stars=5), item("empty", DAYS[1], PT)]
    place.add(mended, file="2", at=FETCHED + timedelta(days=1))
    made = replay(place.settings, [DAYS[0]])
    assert (made.days, made.before, made.after, made.held) == ([DAYS[0]], 2, 1, {})
    assert ("posts", "empty") in listed(place)
