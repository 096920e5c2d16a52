from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts import contract
from jobs.labels import LabelsError, store
from jobs.labels.sample import draw
from jobs.labels.sheet import write
from jobs.labels.store import Imported, import_labels
from jobs.settings import SettingsError
from jobs.tidy import tidy
from tests.labelling import JUNE, TEXTS, fill_in, truth
from tests.place import FETCHED, Place, item
from tests.sheets import FIRST, LABEL, fill, opened


@pytest.fixture(autouse=True)
def _present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))


@pytest.fixture
def sheet(place: Place) -> Path:
    """A workbook of ten texts that Ana filled in."""
    path, sample = place.root / "labels.xlsx", draw(place.settings, "posts", JUNE, 10)
    write(path, sample, "en")
    fill_in(path, sample, ("Ana", truth))
    return path


def in_lake(place: Place) -> tuple[int | None, list[dict[str, Any]]]:
    """The version of the table and its rows."""
    return place.lake.table("labels").version, place.rows("labels")


def test_labels_are_kept_with_how_they_were_drawn(place: Place, sheet: Path) -> None:
    done = import_labels(place.settings, sheet)
    sample = draw(replace_lake(place), "posts", JUNE, 10)
    assert done == Imported(sample.id, {"Ana": 10}, cannot_say=0, new=10, edited=0, agreement=None)
    rows = {row["post_id"]: row for row in place.rows("labels")}
    assert rows.keys() == {post.post_id for post in sample.posts}
    post = sample.posts[0]
    assert rows[post.post_id] == {
        "labelled_date": FETCHED.date(), "feed": "posts", "post_id": post.post_id, "published_date": post.day,
        "labeller": "Ana", "label": truth(post.text), "sample": sample.id, "sample_start": JUNE.start,
        "sample_end": JUNE.end, "weight": TEXTS / 10, "content": post.content, "labelled_at": FETCHED,
    }  # fmt: skip
    assert sum(row["weight"] for row in rows.values()) == TEXTS


def replace_lake(place: Place) -> Any:
    """The settings with the lake as it was before anything was labelled."""
    before = place.root / "before"
    shutil.copytree(place.lake.base, before, ignore=shutil.ignore_patterns("labels"))
    return place.settings.model_copy(update={"lake": str(before)})


def test_the_same_file_again_changes_nothing(place: Place, sheet: Path) -> None:
    import_labels(place.settings, sheet)
    before = in_lake(place)
    assert import_labels(place.settings, sheet).new == 0
    assert in_lake(place) == before


def test_two_people_agree_so_far_and_the_first_sheet_came_first(place: Place, sheet: Path) -> None:
    import_labels(place.settings, sheet)
    fill(sheet, "Second person", "Bia", ["neutral"] * 9 + ["cannot say"])
    done = import_labels(place.settings, sheet)
    assert (done.labels, done.new, done.cannot_say) == ({"Ana": 10, "Bia": 10}, 10, 1)
    assert done.agreement is not None
    assert done.agreement < 0.6
    assert {row["labeller"]: row["labelled_at"] for row in place.rows("labels")} == {
        "Ana": FETCHED, "Bia": FETCHED + timedelta(microseconds=1)
    }  # fmt: skip


def test_a_sheet_filled_in_later_adds_to_what_was_imported(
    place: Place, sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shutil.copy(sheet, sheet.with_name("whole.xlsx"))
    with opened(sheet) as book:
        for row in range(FIRST + 4, FIRST + 10):
            book["Labels"].cell(row, LABEL).value = None
    assert import_labels(place.settings, sheet, partial=True).new == 4
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((FETCHED + timedelta(days=1)).timestamp())))
    assert import_labels(place.settings, Path(whole)).new == 6
    assert [row["labelled_date"] for row in place.rows("labels")] == [FETCHED.date()] * 4 + [date(2026, 7, 1)] * 6


def test_who_says_otherwise_later_is_asked(place: Place, sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_labels(place.settings, sheet)
    before = in_lake(place)
    fill(sheet, "Labels", "Ana", ["cannot say"] * 2)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((FETCHED + timedelta(days=1)).timestamp())))
    with pytest.raises(LabelsError, match=r"Ana said \w+ of post 'p\d+' before .* 2 posts in all; .* --replace"):
        import_labels(place.settings, sheet)
    assert in_lake(place) == before
    done = import_labels(place.settings, sheet, replace=True)
    assert (done.new, done.cannot_say) == (2, 2)
    rows = place.rows("labels")
    assert len(rows) == 10
    assert {row["labelled_date"] for row in rows if row["label"] == "cannot_say"} == {date(2026, 7, 1)}
    assert import_labels(place.settings, sheet, replace=True).new == 0


def test_labels_of_posts_that_are_not_in_the_lake(place: Place, sheet: Path, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.add([item(f"p{n:03}", "2026-06-01", f"O café número {n}") for n in range(50)])
    with pytest.raises(LabelsError, match=r"labels\.xlsx: \d of its posts are not in the lake .*, the first 'p0[5-9]"):
        import_labels(other.settings, sheet)
    assert other.lake.table("labels").version is None


def test_labels_of_a_feed_that_is_not_in_the_settings(place: Place, sheet: Path) -> None:
    place.configure(("shop",))
    with pytest.raises(SettingsError, match="no feed 'posts' in the settings; there are: shop"):
        import_labels(place.settings, sheet)


def test_labels_of_a_text_that_was_edited_since_are_kept_and_counted(place: Place, sheet: Path) -> None:
    rows = place.rows("scored_posts")
    drawn = {post.post_id for post in draw(place.settings, "posts", JUNE, 10).posts}
    edited, gone = sorted(drawn)[:2]
    now = [{**row, "text": row["text"] + "!"} if row["post_id"] == edited else row for row in rows]
    place.put("scored_posts", [row for row in now if row["post_id"] != gone])
    done = import_labels(place.settings, sheet)
    assert (done.new, done.edited) == (10, 2)


def test_rows_that_break_the_contract_are_refused(place: Place, sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any) -> Any:
        filled = store_read(sheet)
        (answers,) = filled.answers
        light = replace(answers[3], post=replace(answers[3].post, weight=0.5))
        return replace(filled, answers=((*answers[:3], light, *answers[4:]),))

    store_read = store.read
    monkeypatch.setattr(store, "read", read)
    with pytest.raises(LabelsError, match=r"the label of post 'p\d+' breaks weight_at_least_one"):
        import_labels(place.settings, sheet)
    assert place.lake.table("labels").version is None


def test_the_contract_knows_what_a_person_can_say() -> None:
    (rule,) = (rule for rule in contract("labels").rules if rule.column == "label")
    assert rule.kwargs["value_set"] == ["negative", "neutral", "positive", "cannot_say"]


def test_two_imports_at_once_lose_nothing(place: Place) -> None:
    paths = []
    for seed in range(2):
        sample = draw(place.settings, "posts", JUNE, 30, seed)
        paths.append(place.root / f"{seed}.xlsx")
        write(paths[-1], sample, "en")
        fill_in(paths[-1], sample, (f"Person {seed}", truth))
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda path: import_labels(place.settings, path), paths))
    assert [one.new for one in done] == [30, 30]
    assert len(place.rows("labels")) == 60


def test_tidying_leaves_labels_alone(place: Place, sheet: Path) -> None:
    import_labels(place.settings, sheet)
    before = in_lake(place)
    (tidied,) = (table for table in tidy(place.settings).tables if table.name == "labels")
    assert (tidied.before, tidied.after, tidied.deleted) == (1, 1, 0)
    assert in_lake(place) == before
