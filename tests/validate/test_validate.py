"""Validate: raw_posts -> posts + quarantine, by write, audit, publish."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from data_contracts import contract
from jobs.lake.query import View
from jobs.lake.table import UNDATED, as_day
from jobs.rules import BROKEN, UnknownRuleError
from jobs.validate import AuditError, Validated, validate
from jobs.validate.publish import Validate
from tests.overtaken import overtake
from tests.place import EN, ES, FETCHED, PT, RU, Place, item

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03"]
LOST = "\ufffd"
QUICK = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def ids(place: Place, dataset: str, days: list[str] | None = None, held: bool = False) -> list[str]:
    return [row["post_id"] for row in place.rows(dataset, days, held)]


def held_days(place: Place) -> list[str]:
    return View(place.lake).held()


def broken_item(name: str, day: str) -> dict[str, Any]:
    return item(name, day, f"{PT}, {name}", stars=500)


# Every item ends in exactly one place


@st.composite
def drawn_items(draw: st.DrawFn) -> dict[str, Any]:
    """An item of a small pool of identities, so that fetches hold duplicates, edits and changed days."""
    when = draw(st.sampled_from([*(f"{day}T12:00:00Z" for day in DAYS), None, "next spring", "1971-01-01T00:00:00Z"]))
    return {
        "id": draw(st.sampled_from([f"p{n}" for n in range(8)])),
        "at": when,
        "edited": draw(st.sampled_from([None, None, "2026-06-10T00:00:00Z", "2026-06-11T00:00:00Z"])),
        "text": draw(st.sampled_from([PT, EN, ES, RU, "", None, "   ", LOST * 3, f"{PT} {LOST}"])),
        "stars": draw(st.sampled_from([None, 5, 0, 100, -1, 101])),
    }


BATCHES = st.lists(st.lists(drawn_items(), min_size=6, max_size=14), min_size=2, max_size=2)


def newest(fetches: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The version that counts of each item: last edited, else last fetched, else last in the file."""
    versions = [(each, fetch, place) for fetch, items in enumerate(fetches) for place, each in enumerate(items)]
    ordered = sorted(versions, key=lambda v: (v[0]["edited"] or "", v[1], v[2]))
    return {each["id"]: each for each, _, _ in ordered}


def day_of(each: dict[str, Any]) -> str:
    day = str(each["at"])[:10]
    return day if day in DAYS else UNDATED


def rules_of(each: dict[str, Any]) -> set[str]:
    text = (each["text"] or "").strip()
    return {
        name
        for name, is_broken in {
            "text_present": not text,
            "text_decoded": text.count(LOST) > 2,
            "rating_in_scale": each["stars"] in (-1, 101),
            "date_readable": each["at"] == "next spring",
            "date_plausible": str(each["at"]).startswith("1971"),
        }.items()
        if is_broken
    }


@given(fetches=BATCHES)
@QUICK
def test_every_item_ends_in_exactly_one_of_posts_and_quarantine(fetches: list[list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        touched: set[str] = set()
        for number, items in enumerate(fetches):
            touched.update(place.add(items, file=str(number), at=FETCHED + timedelta(hours=number)))
        made = validate(place.settings, sorted(touched))

        winners = newest(fetches)
        posts, quarantine = place.rows("posts"), place.rows("quarantine")
        assert {(row["post_id"], as_day(row["published_date"])) for row in posts} == {
            (name, day_of(each)) for name, each in winners.items() if not rules_of(each)
        }
        assert {(r["post_id"], as_day(r["published_date"]), frozenset(r["rules"])) for r in quarantine} == {
            (name, day_of(each), frozenset(rules_of(each))) for name, each in winners.items() if rules_of(each)
        }
        assert all(len(set(row["rules"])) == len(row["rules"]) for row in quarantine)
        assert len(posts) + len(quarantine) == len(winners)
        assert (made.posts, made.quarantined, made.held) == (len(posts), len(quarantine), {})
        assert {r["post_id"]: r["text"] for r in posts} == {
            name: each["text"] for name, each in winners.items() if not rules_of(each)
        }

        written = place.mtimes()
        again = validate(place.settings, sorted(touched))
        assert (again.posts, again.quarantined) == (0, 0)
        assert place.mtimes() == written


@given(fetches=BATCHES, order=st.permutations([*DAYS, UNDATED]), cut=st.integers(1, 3))
@QUICK
def test_days_may_be_validated_in_any_order_and_grouping(
    fetches: list[list[dict[str, Any]]], order: list[str], cut: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.add(fetches[0], file="0")
        early = place.settings.model_copy(update={"lake": f"{folder}/early"})
        (place.root / "lake").mkdir(exist_ok=True)
        place.add(fetches[1], file="1", at=FETCHED + timedelta(hours=1))
        shutil.copytree(place.settings.lake, early.lake)
        validate(place.settings, [*DAYS, UNDATED])

        for group in (order[:cut], *([day] for day in order[cut:])):
            validate(early, group)
        other = Place(place.root, lake="early")
        assert other.contents("posts", "quarantine") == Place(place.root).contents("posts", "quarantine")


def test_validating_between_two_fetches_leaves_what_validating_once_leaves(tmp_path: Path) -> None:
    first = [item("stays", DAYS[0]), item("moves", DAYS[0]), item("mended", DAYS[1], None), item("edited", DAYS[1])]
    second = [
        item("moves", DAYS[2]),
        item("mended", DAYS[1]),
        item("edited", DAYS[1], EN, edited="2026-06-04T00:00:00Z"),
    ]
    lakes = []
    for between in (True, False):
        place = Place(tmp_path / "place", lake=f"lake-{between}")
        days = set(place.add(first))
        if between:
            validate(place.settings, sorted(days))
        days.update(place.add([*second], file="2", at=FETCHED + timedelta(days=1)))
        (tmp_path / "place/feeds/posts/2.jsonl").unlink()
        validate(place.settings, sorted(days))
        lakes.append(place.contents("posts", "quarantine"))
    assert lakes[0] == lakes[1]
    assert ids(place, "posts", [DAYS[0]]) == ["stays"]
    assert ids(place, "posts", [DAYS[2]]) == ["moves"]
    assert ids(place, "quarantine") == []


# Which version of an item wins


def test_the_version_edited_last_wins_wherever_and_whenever_it_was_fetched(place: Place) -> None:
    late, early = "2026-06-09T10:00:00Z", "2026-06-08T10:00:00Z"
    place.add([item("a", DAYS[0], EN, edited=late)])
    days = place.add([item("a", DAYS[0], PT, edited=early)], file="2", at=FETCHED + timedelta(days=1))
    validate(place.settings, days)
    (post,) = place.rows("posts")
    assert post["text"] == EN
    assert post["updated_at"] == datetime(2026, 6, 9, 10, tzinfo=UTC)


def test_without_an_edit_the_version_fetched_last_wins_and_then_the_last_of_the_file(place: Place) -> None:
    place.add([item("a", DAYS[0], "primeiro texto do dia"), item("a", DAYS[0], PT)])
    validate(place.settings, DAYS)
    assert [row["text"] for row in place.rows("posts")] == [PT]

    days = place.add([item("a", DAYS[0], ES), item("a", DAYS[0], EN)], file="2", at=FETCHED + timedelta(days=1))
    validate(place.settings, days)
    (post,) = place.rows("posts")
    assert post["text"] == EN
    assert post["fetched_at"] == FETCHED + timedelta(days=1)
    assert post["first_seen_at"] == FETCHED


def test_an_item_that_changed_its_day_is_counted_once(place: Place) -> None:
    validate(place.settings, place.add([item("a", DAYS[0]), item("b", DAYS[0])]))
    days = place.add([item("a", DAYS[2])], file="2", at=FETCHED + timedelta(days=1))
    assert DAYS[0] in days
    validate(place.settings, days)
    assert [(row["post_id"], as_day(row["published_date"])) for row in place.rows("posts")] == [
        ("b", DAYS[0]),
        ("a", DAYS[2]),
    ]


def test_items_of_two_feeds_with_one_id_are_two_items(tmp_path: Path) -> None:
    place = Place(tmp_path, feeds=("posts", "shop"))
    place.write([item("a", DAYS[0], PT)], "posts")
    validate(place.settings, place.add([item("a", DAYS[1], EN)], "shop"))
    assert [(row["feed"], row["text"]) for row in place.rows("posts")] == [("posts", PT), ("shop", EN)]


# What is told of an item


def test_every_broken_rule_of_a_row_is_named_once(place: Place) -> None:
    path = place.root / "feeds/posts/1.jsonl"
    path.parent.mkdir(parents=True)
    broken = json.dumps({"id": "a", "at": "next spring", "text": LOST * 3, "stars": 101})
    path.write_text(f'{broken}\n{{"id": "b", "text": \n', encoding="utf-8")
    validate(place.settings, place.ingest())
    told = {tuple(sorted(row["rules"])): row for row in place.rows("quarantine")}
    assert set(told) == {
        ("date_readable", "rating_in_scale", "text_decoded"),
        ("record_readable", "text_present"),
    }
    assert "not JSON" in told["record_readable", "text_present"]["read_error"]


def test_title_and_body_are_read_together_and_no_title_twice(place: Place) -> None:
    items = [
        item("both", DAYS[0], "O corpo da notícia", title="A manchete"),
        item("begins", DAYS[0], "A manchete e o resto", title="A manchete"),
        item("title", DAYS[0], None, title="Só a manchete"),
        item("body", DAYS[0], "Só o corpo"),
    ]
    validate(place.settings, place.add(items))
    assert {row["post_id"]: row["text"] for row in place.rows("posts")} == {
        "both": "A manchete\nO corpo da notícia",
        "begins": "A manchete e o resto",
        "title": "Só a manchete",
        "body": "Só o corpo",
    }


def test_languages_are_named_and_unreadable_ones_are_other(place: Place) -> None:
    items = [item("pt", DAYS[0], PT), item("en", DAYS[0], EN), item("es", DAYS[0], ES), item("ru", DAYS[0], RU)]
    validate(place.settings, place.add(items))
    found = {row["post_id"]: row["language"] for row in place.rows("posts")}
    assert found == {"pt": "pt", "en": "en", "es": "es", "ru": "other"}


def test_published_files_have_the_columns_of_their_contracts_in_order(place: Place) -> None:
    validate(place.settings, place.add([item("a", DAYS[0]), broken_item("b", DAYS[0])]))
    for name in ("posts", "quarantine"):
        (file,) = View(place.lake).files(name)
        stored = pq.ParquetFile(f"{place.lake.base}/{file.path}").schema_arrow
        assert stored.remove_metadata() == contract(name).stored_schema


def test_a_day_that_no_feed_brought_is_done_with_nothing_written(place: Place) -> None:
    made = validate(place.settings, ["2020-01-01"])
    assert (made.days, made.held, made.posts, made.quarantined) == (["2020-01-01"], {}, 0, 0)
    assert place.contents("posts")["posts"][1] == []
    assert place.mtimes() == {}


# The line stops


def crowd(day: str, sound: int, broken: int) -> list[dict[str, Any]]:
    return [item(f"{day}-ok-{n}", day, f"{PT}, {n}") for n in range(sound)] + [
        broken_item(f"{day}-bad-{n}", day) for n in range(broken)
    ]


class Held:
    """A lake whose first day was published, and then flooded with broken items while another day came in well."""

    def __init__(self, root: Path) -> None:
        self.place = Place(root)
        validate(self.place.settings, self.place.add(crowd(DAYS[0], 22, 3)))
        self.before = {name: self.place.files(name) for name in ("posts", "quarantine")}
        later = [*(broken_item(f"{DAYS[0]}-ok-{n}", DAYS[0]) for n in range(9)), *crowd(DAYS[1], 21, 1)]
        self.days = self.place.add(later, file="2", at=FETCHED + timedelta(hours=1))
        self.made = validate(self.place.settings, self.days)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return Held(tmp_path_factory.mktemp("held"))


def test_nothing_of_a_held_day_is_published_and_the_others_are(held: Held) -> None:
    assert list(held.made.held) == [DAYS[0]]
    assert held.made.days == [DAYS[1]]
    assert (held.made.posts, held.made.quarantined) == (21, 1)
    key = f"{DAYS[0]} posts"
    for name, verdict in (("posts", "passed"), ("quarantine", "broken")):
        assert held.before[name].keys() == {f"{key} {verdict}"}
        assert held.place.files(name).items() >= held.before[name].items()
    assert (len(ids(held.place, "posts", [DAYS[0]])), len(ids(held.place, "quarantine", [DAYS[0]]))) == (22, 3)
    assert len(ids(held.place, "posts", [DAYS[1]])) == 21


def test_the_message_says_which_rule_how_many_rows_and_how_to_look(held: Held) -> None:
    ((reason,),) = held.made.held.values()
    assert "quarantined_share_low" in reason
    assert "'posts'" in reason
    assert "0.48" in reason
    assert "12 of 25" in reason
    assert f"sentinela quarantine list --held --date {DAYS[0]}" in reason


def test_what_is_held_can_be_looked_at(held: Held) -> None:
    assert held_days(held.place) == [DAYS[0]]
    assert len(ids(held.place, "quarantine", held=True)) == 12
    assert len(ids(held.place, "posts", held=True)) == 13


def test_a_held_day_is_named_again_until_it_is_mended(held: Held) -> None:
    again = validate(held.place.settings, held.days)
    assert again.held == held.made.held
    assert again.days == [DAYS[1]]


def test_a_mended_day_is_released(tmp_path: Path) -> None:
    state = Held(tmp_path)
    mended = [item(f"{DAYS[0]}-ok-{n}", DAYS[0], f"{EN}, {n}") for n in range(9)]
    days = state.place.add(mended, file="3", at=FETCHED + timedelta(hours=2))
    made = validate(state.place.settings, days)
    assert made.held == {}
    assert (made.posts, made.quarantined) == (22, 3)
    assert len(ids(state.place, "posts", [DAYS[0]])) == 22
    assert held_days(state.place) == []
    assert not ids(state.place, "quarantine", held=True)


def test_a_day_held_by_a_contract_is_released_when_the_contract_is_taken_back(
    place: Place, contracts: Any, rule: Callable[..., dict[str, Any]]
) -> None:
    days = place.add(crowd(DAYS[0], 25, 0))
    validate(place.settings, days)
    short = rule("text_short", "expect_column_value_lengths_to_be_between", max_value=10)
    contracts.change("posts", lambda columns: columns["text"]["quality"].append(short))
    assert list(validate(place.settings, days).held) == days
    assert held_days(place) == days

    contracts.restore("posts")
    assert validate(place.settings, days).held == {}
    assert held_days(place) == []
    assert len(ids(place, "posts")) == 25


def test_a_day_of_which_one_feed_is_bad_is_held_whole(tmp_path: Path) -> None:
    place = Place(tmp_path, feeds=("good", "poor"))
    place.write(crowd(DAYS[0], 3, 0), "good")
    made = validate(place.settings, place.add([*crowd(DAYS[0], 10, 15), item("x", DAYS[1])], "poor"))
    assert list(made.held) == [DAYS[0]]
    ((reason,),) = made.held.values()
    assert "'poor'" in reason
    assert ids(place, "posts") == ["x"]


@pytest.mark.parametrize(("sound", "broken", "is_held"), [(0, 19, False), (14, 6, False), (13, 7, True), (0, 20, True)])
def test_only_days_of_twenty_items_are_held_and_only_above_the_threshold(
    place: Place, sound: int, broken: int, is_held: bool
) -> None:
    made = validate(place.settings, place.add(crowd(DAYS[0], sound, broken)))
    assert bool(made.held) is is_held
    assert len(ids(place, "quarantine")) == (0 if is_held else broken)


def test_undated_items_are_never_held_for_their_share(place: Place) -> None:
    undated = [{"id": f"u{n}", "text": PT, "stars": 500} for n in range(30)]
    made = validate(place.settings, place.add(undated))
    assert made.held == {}
    assert made.quarantined == 30


def test_a_day_with_hardly_any_words_is_held(place: Place) -> None:
    made = validate(
        place.settings, place.add([item(f"i{n}", DAYS[0], PT if n == 0 else None, stars=5) for n in range(25)])
    )
    assert [reason.split(" ", 1)[0] for reason in made.held[DAYS[0]]] == ["completeness"]


def test_ratings_without_words_do_not_count_against_a_day(place: Place) -> None:
    items = [item(f"i{n}", DAYS[0], f"{PT} {n}" if n < 10 else None, stars=5) for n in range(25)]
    made = validate(place.settings, place.add(items))
    assert made.held == {}
    assert (made.posts, made.quarantined) == (10, 15)


@pytest.mark.parametrize(
    ("items", "newest_day", "warning"),
    [
        ([item("old", DAYS[0])], date(2026, 6, 9), "freshness"),
        ([item(f"r{n}", DAYS[0], RU) for n in range(20)], None, "languages_plausible"),
        ([item(f"s{n}", DAYS[0], "bom") for n in range(20)], None, "lengths_plausible"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_warnings_are_reported_and_hold_nothing(
    place: Place, items: list[dict[str, Any]], newest_day: date | None, warning: str
) -> None:
    made = validate(place.settings, place.add(items), newest=newest_day)
    assert made.held == {}
    assert made.posts == len(items)
    (page,) = (p for p in (Path(place.settings.reports) / "data_docs").glob("*.html") if p.stem != "index")
    rows = [row for row in page.read_text(encoding="utf-8").split("<tr>") if f"<code>{warning}</code>" in row]
    assert len(rows) == 1
    assert 'class="warning"' in rows[0]
    assert f"{DAYS[0]}, posts" in rows[0]


# The audit of what was staged


def test_staged_posts_that_break_the_suite_stop_everything(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that lets everything pass is caught by Great Expectations, which judges the staged rows anew."""
    import pyarrow as pa

    days = place.add([broken_item("a", DAYS[0]), item("b", DAYS[1])])
    monkeypatch.setitem(BROKEN, "expect_column_values_to_be_between", lambda v, **_: pa.array([False] * len(v)))
    with pytest.raises(AuditError, match="rating_in_scale"):
        validate(place.settings, days)
    assert_nothing_published(place)


def test_a_rule_that_cannot_be_evaluated_stops_everything(
    place: Place, contracts: Any, rule: Callable[..., dict[str, Any]]
) -> None:
    days = place.add([item("a", DAYS[0])])
    absent = rule(
        "few", "expect_column_values_to_be_between", max_value=3, row_condition="absent >= 2", condition_parser="pandas"
    )
    contracts.change("batch_profile", lambda columns: columns["items"]["quality"].append(absent))
    with pytest.raises(AuditError, match=r"'few' of batch_profile could not be evaluated.*absent"):
        validate(place.settings, days)
    assert_nothing_published(place)


def test_a_rule_that_no_mask_knows_stops_everything(
    place: Place, contracts: Any, rule: Callable[..., dict[str, Any]]
) -> None:
    days = place.add([item("a", DAYS[0])])
    contracts.change(
        "posts", lambda columns: columns["text"]["quality"].append(rule("once", "expect_column_values_to_be_unique"))
    )
    with pytest.raises(UnknownRuleError, match="once"):
        validate(place.settings, days)
    assert_nothing_published(place)


def test_a_row_rule_that_only_warns_quarantines_nothing(
    place: Place, contracts: Any, rule: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    short = rule("text_short", "expect_column_value_lengths_to_be_between", severity="warning", max_value=10)
    contracts.change("posts", lambda columns: columns["text"]["quality"].append(short))
    made = validate(place.settings, place.add([item("a", DAYS[0])]))
    assert (made.posts, made.quarantined) == (1, 0)
    assert "text_short" in caplog.text


def test_changed_rules_judge_published_days_again(
    place: Place, contracts: Any, rule: Callable[..., dict[str, Any]]
) -> None:
    days = place.add([item("a", DAYS[0]), item("b", DAYS[0], "curto demais")])
    validate(place.settings, days)
    long = rule("text_long", "expect_column_value_lengths_to_be_between", min_value=20)
    contracts.change("posts", lambda columns: columns["text"]["quality"].append(long))
    validate(place.settings, days)
    assert ids(place, "posts") == ["a"]
    assert [row["rules"] for row in place.rows("quarantine")] == [["text_long"]]


# Two writers


def overtaken(place: Place, patch: pytest.MonkeyPatch, by: Callable[[], object]) -> Validated:
    """Validate the first day, of ten posts, while `by` happens."""
    days = place.add([item(f"old-{n}", DAYS[0]) for n in range(10)])
    overtake(patch, Validate, by)
    return validate(place.settings, days)


def bring(place: Place, items: list[dict[str, Any]], publish: bool = True) -> None:
    """A fetch of another run, and its validation with `publish`."""
    days = place.add(items, file="other", at=FETCHED + timedelta(hours=1))
    if publish:
        validate(place.settings, days)


@pytest.mark.parametrize("publish", [True, False], ids=["published", "fetched only"])
def test_a_validation_takes_no_posts_of_another_run_away(
    place: Place, monkeypatch: pytest.MonkeyPatch, publish: bool
) -> None:
    others = [item(f"new-{n}", DAYS[0]) for n in range(15)]
    overtaken(place, monkeypatch, lambda: bring(place, others, publish))
    assert len(ids(place, "posts")) == 25
    assert_nothing_lies_about(place)


def test_an_item_that_moves_meanwhile_is_neither_lost_nor_doubled(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken(place, monkeypatch, lambda: bring(place, [item("old-3", DAYS[1]), item("old-4", DAYS[0], None)]))
    assert ids(place, "posts", [DAYS[1]]) == ["old-3"]
    assert ids(place, "quarantine") == ["old-4"]
    assert len(ids(place, "posts")) == 9


def test_another_day_that_is_published_meanwhile_costs_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made = overtaken(place, monkeypatch, lambda: bring(place, [item("new", DAYS[1])]))
    assert (made.days, made.posts) == ([DAYS[0]], 10)
    assert len(ids(place, "posts")) == 11


def test_a_day_that_is_mended_meanwhile_is_not_called_held(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    days = place.add(crowd(DAYS[0], 10, 15))
    mended = [item(f"{DAYS[0]}-bad-{n}", DAYS[0]) for n in range(15)]
    overtake(monkeypatch, Validate, lambda: bring(place, mended, publish=False))
    made = validate(place.settings, days)
    assert (made.days, made.held) == ([DAYS[0]], {})
    assert held_days(place) == []
    assert len(ids(place, "posts")) == 25


def assert_nothing_published(place: Place) -> None:
    assert View(place.lake).table("judged_posts").files == ()
    assert_nothing_lies_about(place)


def assert_nothing_lies_about(place: Place) -> None:
    """What was staged and not published is taken away."""
    files = {
        str(path.relative_to(place.lake.base)) for path in Path(place.lake.base, "judged_posts").rglob("*.parquet")
    }
    assert files == {file.path for file in View(place.lake).table("judged_posts").files}
