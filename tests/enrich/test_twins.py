from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_contracts import contract
from jobs.enrich.twins import Twins, cluster_name, twins
from jobs.lake.query import View
from tests.overtaken import overtake
from tests.place import Place
from tests.stored import versions

COPIED = "comprem já na loja do bairro porque o preço nunca esteve tão baixo como nesta semana"
NEARLY = COPIED.replace("bairro", "centro")
OTHER = "choveu a tarde inteira e ninguém saiu de casa para ver o jogo da seleção"
SHORT = "muito bom esse café"
DAYS = [f"2026-06-{day:02}" for day in range(1, 15)]


def post(post_id: str, day: str | None, text: str, feed: str = "posts", hour: int = 12) -> dict[str, Any]:
    dated = day and date.fromisoformat(day)
    at = dated and datetime(dated.year, dated.month, dated.day, hour, tzinfo=UTC)
    return {"feed": feed, "post_id": post_id, "published_date": dated, "published_at": at, "text": text} | {
        "language": "pt", "kind": "post", "date_source": "feed",
    }  # fmt: skip


def place_of(root: Path, *posts: dict[str, Any], **changes: Any) -> Place:
    place = Place(root, ("posts", "shop"), **changes)
    place.put("posts", posts, "i.r")
    return place


def told(place: Place) -> dict[str, tuple[str | None, bool | None]]:
    """Of each post the first post that says the same, by its name, and whether exactly."""
    rows = place.rows("twins")
    names = {cluster_name(row["feed"], row["post_id"]): row["post_id"] for row in rows}
    return {row["post_id"]: (names.get(row["cluster"]) if row["cluster"] else None, row["exact"]) for row in rows}


def test_a_post_is_told_the_first_that_says_the_same_in_any_feed(tmp_path: Path) -> None:
    place = place_of(
        tmp_path,
        post("b", DAYS[0], COPIED, hour=9),
        post("a", DAYS[0], COPIED, "shop", hour=8),
        post("c", DAYS[1], f"{COPIED} https://example.org"),
        post("d", DAYS[2], NEARLY),
        post("e", DAYS[2], OTHER),
    )
    result = twins(place.settings, DAYS)
    assert (result.days, result.posts, result.copies) == (DAYS[:3], 5, 3)
    assert told(place) == {"a": ("a", True), "b": ("a", True), "c": ("a", True), "d": ("a", False), "e": ("e", True)}


def test_posts_of_one_moment_are_ordered_by_feed_and_identity(tmp_path: Path) -> None:
    place = place_of(
        tmp_path, *(post(n, DAYS[0], COPIED, f) for n, f in (("z", "posts"), ("a", "shop"), ("b", "posts")))
    )
    twins(place.settings, DAYS[:1])
    assert {first for first, _ in told(place).values()} == {"b"}


def test_a_short_text_has_no_cluster_but_a_wording(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], SHORT), post("b", DAYS[0], SHORT.upper()))
    assert twins(place.settings, DAYS[:1]).copies == 0
    assert told(place) == {"a": (None, None), "b": (None, None)}
    assert len({row["wording"] for row in place.rows("twins")}) == 1


def test_copies_further_apart_than_the_window_do_not_meet(tmp_path: Path) -> None:
    posts = [post("a", DAYS[0], COPIED), post("b", DAYS[2], COPIED), post("c", DAYS[4], COPIED)]
    place = place_of(tmp_path, *posts, twins={"days": 3})
    twins(place.settings, DAYS)
    assert {key: first for key, (first, _) in told(place).items()} == {"a": "a", "b": "a", "c": "b"}


def test_undated_posts_are_left_out(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", None, COPIED), post("b", DAYS[0], COPIED))
    twins(place.settings, [DAYS[0], "undated"])
    assert told(place) == {"b": ("b", True)}


def test_columns_are_those_of_the_contract(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[0], SHORT))
    twins(place.settings, DAYS[:1])
    (file,) = View(place.lake).files("twins")
    stored = pq.ParquetFile(f"{place.lake.base}/{file.path}").schema_arrow.remove_metadata()
    assert stored.equals(contract("twins").stored_schema)


# What is made anew


def test_a_rerun_makes_nothing(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[1], COPIED))
    twins(place.settings, DAYS[:2])
    before = versions(place.lake)
    assert twins(place.settings, DAYS[:2]).posts == 0
    assert versions(place.lake) == before


def test_a_new_day_leaves_the_days_before_it_as_they_are(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED))
    twins(place.settings, DAYS[:1])
    before = place.files("twins")
    place.put("posts", [post("b", DAYS[1], COPIED)], "i.r")
    assert twins(place.settings, DAYS[1:2]).posts == 1
    assert before.items() <= place.files("twins").items()


def test_a_late_post_restates_its_day_and_those_that_look_back_on_it(tmp_path: Path) -> None:
    posts = [post(day, day, COPIED) for day in DAYS[1:6]]
    place = place_of(tmp_path, *posts, twins={"days": 3})
    twins(place.settings, DAYS)
    before = place.files("twins")
    place.put("posts", [post("late", DAYS[1], COPIED, hour=1), posts[0]], "i2.r")
    assert twins(place.settings, [DAYS[1]]).days == DAYS[1:4]
    assert told(place)[DAYS[3]] == ("late", True)
    after = place.files("twins")
    assert [key.split()[0] for key in after if after[key] != before[key]] == DAYS[1:4]


def test_any_order_of_days_makes_the_same_rows(tmp_path: Path) -> None:
    posts = [post(f"{n}", DAYS[n], COPIED if n % 3 else NEARLY) for n in range(8)]
    one, two = (place_of(tmp_path / name, *posts, twins={"days": 3}) for name in ("one", "two"))
    twins(one.settings, DAYS)
    for day in [DAYS[n] for n in (5, 0, 7, 3, 1, 6, 2, 4)]:
        twins(two.settings, [day])
    assert one.contents("twins") == two.contents("twins")


def test_another_window_makes_every_stored_day_anew(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[2], COPIED), twins={"days": 2})
    twins(place.settings, DAYS)
    assert told(place)["b"] == ("b", True)
    place.configure(twins={"days": 3})
    twins(place.settings, [])
    assert told(place)["b"] == ("a", True)


def test_posts_that_are_gone_leave_no_rows(tmp_path: Path) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[1], COPIED))
    twins(place.settings, DAYS)
    target = place.lake.table("judged_posts")
    gone = [file for file in target.files if file.day == DAYS[0]]
    place.lake.commit(target, [], gone, step="test", days=[], cause="test")
    twins(place.settings, DAYS[:1])
    assert told(place) == {"b": ("b", True)}


def test_posts_that_change_meanwhile_are_compared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[1], COPIED))
    overtake(monkeypatch, Twins, lambda: place.put("posts", [post("a", DAYS[0], OTHER)], "i2.r"))
    twins(place.settings, DAYS)
    assert told(place) == {"a": ("a", True), "b": ("b", True)}
