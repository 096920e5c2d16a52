"""Score: posts -> scored_posts, by the packaged model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import jobs.score as score_module
from data_contracts import contract
from jobs.lake.query import View, batches
from jobs.score import Score, Scored, score, with_scores
from jobs.validate import validate
from models import sentiment
from models.sentiment import artifact
from models.sentiment.cascade import scorer
from tests.artefacts import package
from tests.overtaken import overtake
from tests.place import EN, ES, FETCHED, PT, RU, Place, item

PROBABILITIES = ("negative", "neutral", "positive")
DAYS = ["2026-06-01", "2026-06-02", "undated"]
ITEMS = [
    item("pt", DAYS[0], PT),
    item("bad", DAYS[0], "Péssimo atendimento, comida fria e cara. Nunca mais volto nesse lugar horrível"),
    item("en", DAYS[0], EN),
    item("ru", DAYS[0], RU),
    item("es", DAYS[1], ES),
    item("broken", DAYS[1], PT, stars=500),
    item("undated", None, EN),
]


def make(root: Path) -> Place:
    place = Place(root)
    validate(place.settings, place.add(ITEMS))
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = make(tmp_path_factory.mktemp("score"))
    result = score(made.settings, DAYS)
    assert (result.days, result.posts, result.unscored) == (DAYS, 6, 1)
    return made


def rows(place: Place) -> dict[str, dict[str, Any]]:
    return {row["post_id"]: row for row in place.rows("scored_posts")}


def test_every_post_is_scored_and_nothing_of_quarantine(place: Place) -> None:
    assert set(rows(place)) == {"pt", "bad", "en", "ru", "es", "undated"}
    assert rows(place)["undated"]["published_date"] is None
    assert rows(place)["undated"]["polarity"] is not None


def test_columns_are_those_of_the_contract_and_the_rest_of_the_post_is_kept(place: Place) -> None:
    for file in View(place.lake).files("scored_posts"):
        stored = pq.ParquetFile(f"{place.lake.base}/{file.path}").schema_arrow
        assert stored.remove_metadata() == contract("scored_posts").stored_schema
    shared = set(contract("posts").columns) & set(contract("scored_posts").columns)
    posts = {row["post_id"]: {name: row[name] for name in shared} for row in place.rows("posts")}
    assert {name: {key: row[key] for key in shared} for name, row in rows(place).items()} == posts


def test_scores_are_those_of_the_model(place: Place) -> None:
    read = [row for row in rows(place).values() if row["language"] != "other"]
    known = ([row[name] for row in read] for name in ("text", "language", "kind"))
    expected = sentiment.load(place.settings.scoring.model).predict(*known)
    for row, probabilities in zip(read, expected, strict=True):
        assert [row[name] for name in PROBABILITIES] == pytest.approx(probabilities.tolist(), abs=1e-6)


def test_polarity_is_positive_minus_negative_and_the_label_is_the_most_probable(place: Place) -> None:
    for row in rows(place).values():
        if row["language"] != "other":
            assert math.isclose(sum(row[name] for name in PROBABILITIES), 1, abs_tol=1e-5)
            assert math.isclose(row["polarity"], row["positive"] - row["negative"], abs_tol=1e-6)
            assert row["label"] == max(PROBABILITIES, key=row.__getitem__)


def test_posts_in_another_language_are_kept_with_nulls(place: Place) -> None:
    other = rows(place)["ru"]
    assert other["language"] == "other"
    assert [other[name] for name in (*PROBABILITIES, "polarity", "label", "unsure")] == [None] * 6
    assert other["text"] == RU


def test_every_row_has_the_version_of_the_model(place: Place) -> None:
    version = sentiment.load(place.settings.scoring.model).version
    assert version == sentiment.version(place.settings.scoring.model)
    assert {row["model_version"] for row in rows(place).values()} == {version}


def test_a_row_is_unsure_when_its_best_label_is_less_probable_than_the_model_asks(place: Place) -> None:
    limit = sentiment.load(place.settings.scoring.model).unsure_below  # type: ignore[attr-defined]
    for row in rows(place).values():
        if row["language"] != "other":
            assert row["unsure"] == (max(row[name] for name in PROBABILITIES) < limit)


def test_the_model_is_told_the_language_and_the_kind_of_each_post(place: Place) -> None:
    class Told:
        """Positive for Portuguese posts, negative for others."""

        name, version, labels = "told", "told-1", sentiment.LABELS

        def predict(
            self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
        ) -> np.ndarray:
            mine = [pair == ("pt", "post") for pair in zip(languages or (), kinds or (), strict=True)]
            return np.array([[0, 0, 1] if right else [1, 0, 0] for right in mine], np.float32).reshape(-1, 3)

    lake, judged = place.lake, scorer(Told(), [])
    stored = [batch for file in View(lake).files("posts") for batch in batches(lake, file)]
    told = [row for batch in stored for row in with_scores(batch, judged, Told.version).to_pylist()]
    assert {row["language"]: row["label"] for row in told} == {
        "pt": "positive", "en": "negative", "es": "negative", "other": None,
    }  # fmt: skip


def test_running_again_writes_nothing(place: Place) -> None:
    before = place.mtimes()
    again = score(place.settings, DAYS)
    assert (again.days, again.posts, again.unscored) == (DAYS, 0, 0)
    assert place.mtimes() == before


def test_days_may_come_in_any_order_and_grouping(place: Place, tmp_path: Path) -> None:
    other = make(tmp_path)
    for day in reversed(DAYS):
        score(other.settings, [day])
    assert other.contents("scored_posts") == place.contents("scored_posts")


def test_changed_posts_are_scored_again_and_other_days_left_alone(tmp_path: Path) -> None:
    place = make(tmp_path)
    score(place.settings, DAYS)
    before = place.files("scored_posts")
    edited = item("es", DAYS[1], PT, edited="2026-06-05T00:00:00Z")
    days = place.add([edited], file="2", at=FETCHED + timedelta(days=1))
    validate(place.settings, days)
    assert score(place.settings, DAYS).posts == 1
    after = place.files("scored_posts")
    assert [key for key in after if after[key] != before[key]] == [f"{DAYS[1]} posts"]
    assert rows(place)["es"]["text"] == PT


def test_a_day_whose_posts_all_moved_away_is_left_empty(tmp_path: Path) -> None:
    place = make(tmp_path)
    score(place.settings, DAYS)
    days = place.add([item("es", DAYS[0], ES)], file="2", at=FETCHED + timedelta(days=1))
    validate(place.settings, days)
    score(place.settings, days)
    assert place.rows("scored_posts", [DAYS[1]]) == []
    assert rows(place)["es"]["published_date"] == date.fromisoformat(DAYS[0])


def test_a_partition_in_other_languages_alone_has_no_scores(tmp_path: Path) -> None:
    place = Place(tmp_path)
    validate(place.settings, place.add([item("1", DAYS[0], RU), item("2", DAYS[0], RU)]))
    result = score(place.settings, [DAYS[0]])
    assert (result.posts, result.unscored) == (2, 2)
    assert {row["label"] for row in place.rows("scored_posts")} == {None}


def test_days_without_posts_are_done_with_nothing_written(place: Place) -> None:
    result = score(place.settings, ["2020-01-01"])
    assert (result.days, result.posts) == (["2020-01-01"], 0)


# Two writers


def bring(place: Place, items: list[dict[str, Any]]) -> list[str]:
    """A day of another run: fetched, validated and not yet scored."""
    days = place.add(items, file="other", at=FETCHED + timedelta(days=1))
    validate(place.settings, days)
    return days


def matched(place: Place) -> dict[str, str]:
    """What was scored, by item; every score is the one that its text has when read by itself."""
    scored = rows(place)
    read = {name: row for name, row in scored.items() if row["language"] != "other"}
    known = ([row[name] for row in read.values()] for name in ("text", "language", "kind"))
    expected = sentiment.load(place.settings.scoring.model).predict(*known)
    for row, probabilities in zip(read.values(), expected, strict=True):
        assert [row[name] for name in PROBABILITIES] == pytest.approx(probabilities.tolist(), abs=1e-5)
    return {name: row["text"] for name, row in scored.items()}


OTHERS = [item("bad", DAYS[0], ES), item("new", DAYS[0], PT), item("pt", DAYS[1], EN)]


@pytest.mark.parametrize("whole", [True, False], ids=["scored by the other", "posts replaced only"])
def test_posts_that_are_replaced_meanwhile_get_scores_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    place = make(tmp_path)

    def other() -> None:
        days = bring(place, OTHERS)
        if whole:
            score(place.settings, days)

    overtake(monkeypatch, Score, other)
    score(place.settings, DAYS)
    assert matched(place) == {row["post_id"]: row["text"] for row in place.rows("posts")}
    assert (matched(place)["bad"], matched(place)["pt"]) == (ES, EN)


def test_posts_that_are_replaced_between_two_readings_of_a_cascade_get_scores_of_their_own(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cascade reads the texts of a partition twice: for its budget, and to score them."""
    place = make(tmp_path)
    place.configure(scoring={"model": "cascade", "budget_minutes": 1.5})
    waiting = [lambda: bring(place, OTHERS)]
    choose = score_module.scorer

    def choosing(*given: Any) -> Any:
        judged = choose(*given)
        if waiting:
            waiting.pop()()
        return judged

    monkeypatch.setattr(score_module, "scorer", choosing)
    score(place.settings, DAYS)
    once = Place(tmp_path / "once", scoring={"model": "cascade", "budget_minutes": 1.5})
    validate(once.settings, once.add(ITEMS))
    bring(once, OTHERS)
    score(once.settings, DAYS)
    assert once.contents("scored_posts") == place.contents("scored_posts")


# Other settings of scoring


def again(place: Place, **scoring: Any) -> int:
    """The rows that are written when the settings of scoring are these."""
    place.configure(scoring=scoring)
    return score(place.settings, DAYS).posts


def test_a_limit_of_the_settings_stands_in_for_that_of_the_model(tmp_path: Path) -> None:
    place = make(tmp_path)
    assert again(place) == 6
    for limit, unsure in ((1.0, {True, None}), (0.0, {False, None})):
        assert again(place, unsure_below=limit) == 6
        assert {row["unsure"] for row in rows(place).values()} == unsure
        assert again(place, unsure_below=limit) == 0


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of packaged models of its own; `accurate` reads twenty characters, the least, in a minute."""
    monkeypatch.setattr(artifact, "ARTIFACTS", tmp_path / "artifacts")
    package(tmp_path / "artifacts", "fast", unsure_below=0.0)
    package(tmp_path / "artifacts", "accurate", serving={"chars_per_second": 1}, unsure_below=1.0)
    return tmp_path / "artifacts"


def test_a_cascade_reads_again_what_each_day_of_a_feed_has_budget_for(tmp_path: Path, artifacts: Path) -> None:
    place = make(tmp_path)
    assert again(place, model="cascade", budget_minutes=1.5) == 6
    sure = {name: max(row[label] for label in PROBABILITIES) for name, row in rows(place).items() if row["label"]}
    least = min(("pt", "bad", "en"), key=sure.__getitem__)
    accurate = {name for name, row in rows(place).items() if row["model_version"] == "accurate-1"}
    assert accurate == {least, "es", "undated"}
    assert rows(place)["ru"]["model_version"] == "fast-1+accurate-1"
    assert {row["model_version"] for row in rows(place).values()} == {"fast-1", "accurate-1", "fast-1+accurate-1"}
    assert {name for name, row in rows(place).items() if row["unsure"]} == accurate


def test_a_cascade_gives_the_same_in_any_order_and_grouping(tmp_path: Path, artifacts: Path) -> None:
    place, other = make(tmp_path / "one"), make(tmp_path / "other")
    again(place, model="cascade", budget_minutes=1.5)
    other.configure(scoring={"model": "cascade", "budget_minutes": 1.5})
    for day in reversed(DAYS):
        score(other.settings, [day])
    assert other.contents("scored_posts") == place.contents("scored_posts")


def test_what_decides_the_scores_makes_them_anew_and_nothing_else(tmp_path: Path, artifacts: Path) -> None:
    place = make(tmp_path)
    assert again(place, model="fast") == 6
    assert again(place, model="fast", budget_minutes=3) == 0
    assert again(place, model="cascade", budget_minutes=3) == 6
    assert again(place, model="cascade", budget_minutes=3) == 0
    assert again(place, model="cascade", budget_minutes=4) == 6
    package(artifacts, "accurate", "2", {"chars_per_second": 1})
    assert again(place, model="cascade", budget_minutes=4) == 6


def test_the_newest_day_takes_the_week_before_it_along_when_the_model_changes(tmp_path: Path) -> None:
    place = make(tmp_path)
    again(place, model="fast")
    before, newest = DAYS[:2]
    assert score(place.settings, [newest]).days == [newest]
    place.configure(scoring={"model": "cascade", "budget_minutes": 3})
    assert score(place.settings, [newest]) == Scored([before, newest], 5, 1)
    assert score(place.settings, [newest]) == Scored([newest], 0, 0)


def test_a_model_may_be_named_by_its_folder(tmp_path: Path) -> None:
    place = make(tmp_path)
    package(tmp_path / "models", "mine", "4")
    assert again(place, model="models/mine/4") == 6
    assert {row["model_version"] for row in rows(place).values()} == {"mine-4"}


def test_an_unknown_model_is_named_with_those_there_are(place: Place) -> None:
    place = Place(place.root, scoring={"model": "absent"})
    try:
        with pytest.raises(sentiment.UnknownModelError, match=r"'absent'.*fast"):
            score(place.settings, DAYS)
    finally:
        place.configure()


def test_seven_hundred_days_in_one_call(tmp_path: Path) -> None:
    place = Place(tmp_path)
    days = [day.date() for day in pd.date_range("2024-01-01", periods=700)]
    posts = [
        {"post_id": "a", "feed": "posts", "kind": "post", "published_date": day, "text": PT, "language": "pt"}
        for day in days
    ]
    place.put("posts", posts)
    result = score(place.settings, [day.isoformat() for day in days])
    assert (len(result.days), result.posts, result.unscored) == (700, 700, 0)
    scored = place.rows("scored_posts")
    assert [row["published_date"] for row in scored] == days
    assert len({row["polarity"] for row in scored}) == 1
