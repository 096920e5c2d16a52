from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs.labels import LabelsError
from jobs.labels.export import export
from jobs.labels.overview import overview
from jobs.labels.read import Labelled, feeds, labelled
from jobs.labels.store import Imported
from jobs.lake.query import View
from jobs.settings import SettingsError, Window
from tests import stored
from tests.labelling import CALLED, JUNE, PROBABILITIES, TEXTS, truth
from tests.place import FETCHED, Place

Label = Callable[..., Imported]
FIRST_HALF = Window(start=JUNE.start, end=date(2026, 6, 5))


@pytest.fixture(autouse=True)
def _present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))


def read(place: Place) -> Labelled:
    return labelled(View(place.lake), "posts", place.settings.brands)


def number(post_id: str) -> int:
    return int(post_id.removeprefix("p"))


def test_without_labels_there_is_nothing(made: Place) -> None:
    nothing = read(made)
    assert (len(nothing), nothing.right, nothing.periods) == (0, 0, ())
    assert nothing.probabilities.shape == (0, 3)
    assert nothing.labels.shape == nothing.weights.shape == (0,)
    assert len(nothing.of("Nove")) == len(nothing.within(JUNE)) == 0
    assert feeds(View(made.lake)) == []


def test_labels_stand_beside_what_the_model_says(place: Place, labelled_by: Label) -> None:
    labelled_by(50, ("Ana", truth))
    found = read(place)
    assert feeds(View(place.lake)) == ["posts"]
    assert len(found) == 50
    assert list(found.days) == sorted(found.days)
    for place_in, post_id in enumerate(found.post_ids):
        n = number(post_id)
        assert found.probabilities[place_in] == pytest.approx(PROBABILITIES[n % 4])
        assert found.labels[place_in] == ("negative", "neutral", "positive").index(truth(f"O café número {n}"))
        assert found.days[place_in] == date(2026, 6, 1 + n // 10)
    wrong = sum(truth(f"x {number(p)}") != CALLED[number(p) % 4] for p in found.post_ids)
    assert found.right == 50 - wrong
    assert wrong > 0
    assert set(found.languages) == {"pt"}


def test_each_text_of_a_simple_draw_stands_for_as_many(place: Place, labelled_by: Label) -> None:
    labelled_by(40, ("Ana", truth))
    assert read(place).weights == pytest.approx(np.full(40, TEXTS / 40))


def test_a_second_draw_of_the_period_adds_to_the_first(place: Place, labelled_by: Label) -> None:
    labelled_by(40, ("Ana", truth))
    labelled_by(20, ("Ana", truth))
    found = read(place)
    assert found.weights == pytest.approx(np.full(60, TEXTS / 60))
    assert len(set(found.samples)) == 2


def test_groups_weigh_what_they_are(place: Place, labelled_by: Label) -> None:
    labelled_by(30, ("Ana", truth), by="label")
    found = read(place)
    sizes = [found.weights[found.called == label].sum() for label in range(3)]
    assert sizes == pytest.approx([25, 25, 50])


def test_draws_that_overlap_weigh_alike_on_the_days_that_both_are_of(place: Place, labelled_by: Label) -> None:
    labelled_by(20, ("Ana", truth), window=FIRST_HALF)
    labelled_by(30, ("Ana", truth), window=JUNE, seed=1)
    found = read(place)
    early = np.array([day <= FIRST_HALF.end for day in found.days])
    assert found.weights[~early] == pytest.approx(np.full((~early).sum(), (TEXTS - 20) / 30))
    assert found.weights[early] == pytest.approx(np.full(early.sum(), 1.6))
    assert len(found.within(FIRST_HALF)) == early.sum()


def test_a_part_keeps_its_weights(place: Place, labelled_by: Label) -> None:
    labelled_by(50, ("Ana", truth))
    found = read(place)
    named = found.of("Nove")
    assert set(map(number, named.post_ids)) == {n for n in map(number, found.post_ids) if n in (19, 29)}
    assert set(named.weights) <= set(found.weights)
    assert found.drawn_by(found.samples[0]).post_ids == found.post_ids
    with pytest.raises(KeyError):
        found.of("Aurora")


def test_who_cannot_say_has_said_nothing_and_the_others_stand_for_more(place: Place, labelled_by: Label) -> None:
    def unsure(text: str) -> str:
        return "cannot say" if text.endswith("0") else truth(text)

    labelled_by(50, ("Ana", unsure))
    found = read(place)
    assert not any(post_id.endswith("0") for post_id in found.post_ids)
    assert found.weights.sum() == pytest.approx(TEXTS)


def test_most_people_win_and_then_who_came_first(place: Place, labelled_by: Label) -> None:
    labelled_by(20, ("Ana", lambda _: "negative"), ("Bia", lambda _: "positive"))
    assert set(read(place).labels) == {0}
    rows = place.rows("labels")
    third = [{**row, "labeller": "Cid", "label": "positive"} for row in rows if row["labeller"] == "Bia"]
    stored.put(place.lake, "labels", [*rows, *third[:12]])
    assert np.bincount(read(place).labels, minlength=3).tolist() == [8, 0, 12]


def test_a_label_of_a_text_that_was_edited_since_or_is_gone_is_not_used(place: Place, labelled_by: Label) -> None:
    labelled_by(30, ("Ana", truth))
    edited, gone, unscored, *_ = (post_id for post_id in read(place).post_ids if not post_id.endswith("9"))
    now = [row for row in place.rows("scored_posts") if row["post_id"] != gone]
    for row in now:
        if row["post_id"] == edited:
            row["text"] += " Editado."
        if row["post_id"] == unscored:
            row.update(dict.fromkeys(("negative", "neutral", "positive", "polarity", "label", "unsure")))
    place.put("scored_posts", now)
    found = read(place)
    assert len(found) == 27
    assert not {edited, gone, unscored} & set(found.post_ids)
    assert found.weights.sum() == pytest.approx(TEXTS - 2)


def test_a_model_that_says_otherwise_is_read_as_it_is_now(place: Place, labelled_by: Label) -> None:
    labelled_by(30, ("Ana", truth))
    otherwise = {"negative": 1.0, "neutral": 0.0, "positive": 0.0}
    place.put("scored_posts", [{**row, **otherwise} for row in place.rows("scored_posts")])
    found = read(place)
    assert set(found.called) == {0}
    assert found.right == (found.labels == 0).sum()


def test_labels_as_of_a_moment(place: Place, labelled_by: Label) -> None:
    labelled_by(30, ("Ana", truth))
    view = View(place.lake)
    assert len(labelled(view, "posts", as_of=FETCHED)) == 30
    assert len(labelled(view, "posts", as_of=FETCHED - timedelta(seconds=1))) == 0


def test_a_view_reads_the_version_that_it_pinned(place: Place, labelled_by: Label) -> None:
    labelled_by(10, ("Ana", truth))
    view = View(place.lake)
    assert view.versions()["labels"] == place.lake.table("labels").version
    labelled_by(10, ("Ana", truth))
    assert len(labelled(view, "posts")) == 10
    assert len(read(place)) == 20


# What there is, and what training learns from


def test_each_sample_is_told(place: Place, labelled_by: Label) -> None:
    assert overview(place.settings) == []
    labelled_by(20, ("Ana", truth), ("Bia", lambda text: "cannot say" if text.endswith("5") else truth(text)))
    labelled_by(10, ("Ana", lambda _: "positive"), window=FIRST_HALF)
    second, first = overview(place.settings)
    assert (first.posts, first.labels, first.agreement) == (20, {"Ana": 20, "Bia": 20}, 1.0)
    assert first.cannot_say == sum(row["label"] == "cannot_say" for row in place.rows("labels"))
    found = read(place).drawn_by(first.sample)
    assert (first.used, first.right) == (20, found.right)
    assert (second.period, second.posts, second.agreement) == (FIRST_HALF, 10, None)


def test_labelled_texts_are_exported_for_training(place: Place, labelled_by: Label, tmp_path: Path) -> None:
    target = tmp_path / "labels.parquet"
    with pytest.raises(LabelsError, match="no label of any feed to export; see `sentinela labels list`"):
        export(place.settings, target)
    labelled_by(20, ("Ana", truth), ("Bia", lambda _: "cannot say"))
    assert export(place.settings, target) == export(place.settings, target, "posts") == 20
    rows = pq.read_table(target).to_pylist()
    assert {row["text"]: row["label"] for row in rows} == {row["text"]: truth(row["text"]) for row in rows}
    assert {(row["language"], row["kind"], row["feed"]) for row in rows} == {("pt", "post", "posts")}
    assert [row["post_id"] for row in rows] == list(read(place).post_ids)
    with pytest.raises(LabelsError, match="no label of shop to export"):
        export(place.settings, target, "shop")
    with pytest.raises(SettingsError, match="no feed 'gossip'"):
        export(place.settings, target, "gossip")
    with pytest.raises(LabelsError, match=r"end in \.parquet"):
        export(place.settings, tmp_path / "labels.csv")
    with pytest.raises(LabelsError, match="there is no folder"):
        export(place.settings, tmp_path / "none" / "labels.parquet")
