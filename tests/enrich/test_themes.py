from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.enrich.themes import FEWEST_TEXTS, Themes, fit, fit_due, read_themes, themes_file
from jobs.enrich.topics import topics
from jobs.lake.query import View
from tests.place import Place
from tests.stored import versions

SUBJECTS = {
    "entrega": ["entrega", "atrasada", "motoboy", "endereço", "encomenda", "correio", "transportadora"],
    "sabor": ["café", "sabor", "torrado", "grão", "aroma", "xícara", "espresso"],
    "preço": ["preço", "caro", "desconto", "cupom", "promoção", "pagamento", "cartão"],
}


def written(count: int, seed: int = 1, subjects: tuple[str, ...] = tuple(SUBJECTS)) -> list[str]:
    """`count` texts, each of four words of one subject among words of none."""
    chance = random.Random(seed)
    filler = ["muito", "foi", "hoje", "a", "loja", "da", "cidade", "veio", "com", "minha", "amiga"]
    return [
        " ".join(chance.sample(filler, 4) + chance.sample(SUBJECTS[subjects[n % len(subjects)]], 4)) + f" {n}"
        for n in range(count)
    ]


def subject(name: str) -> str:
    """The subject that the words of a theme's name are of."""
    (found,) = {key for key, words in SUBJECTS.items() if set(name.split(", ")) <= set(words)}
    return found


def test_themes_are_the_subjects_and_are_named_by_three_of_their_words_as_people_write_them() -> None:
    found = fit(pa.array(written(300)), 3)
    assert {subject(name) for name in found.names} == set(SUBJECTS)
    assert all(len(name.split(", ")) == 3 for name in found.names)


def test_a_text_is_of_the_closest_theme_or_of_none() -> None:
    found = fit(pa.array(written(300)), 3)
    texts = ["a ENTREGA atrasada do motoboy", "sabor e aroma do café", "choveu na cidade", "", "entrega"]
    told = found.closest(pa.array(texts)).to_pylist()
    assert [name and subject(name) for name in told] == ["entrega", "sabor", None, None, None]


def test_the_same_texts_give_the_same_themes() -> None:
    one, two = fit(pa.array(written(300)), 3), fit(pa.array(written(300)), 3)
    assert list(one.rows()) == list(two.rows())


def test_a_theme_keeps_its_name_when_it_is_found_again_and_a_new_one_gets_a_new_name() -> None:
    former = fit(pa.array(written(300, subjects=("entrega", "sabor"))), 2)
    found = fit(pa.array(written(300, seed=2, subjects=("sabor", "preço", "entrega"))), 3, former)
    assert set(former.names) < set(found.names)
    (new,) = set(found.names) - set(former.names)
    assert subject(new) == "preço"
    told = found.closest(pa.array(["sabor e aroma do café"])).to_pylist()
    assert told == former.closest(pa.array(["sabor e aroma do café"])).to_pylist()


def test_words_of_brands_are_of_no_theme() -> None:
    found = fit(pa.array(written(300)), 3, ignored=["Entrega", "café motoboy"])
    assert not {"entrega", "cafe", "motoboy"} & set(found.words)


def test_texts_that_have_nothing_in_common_have_no_themes() -> None:
    assert fit(pa.array([f"palavra{n}" for n in range(300)]), 3).names == ()
    assert fit(pa.array([], pa.string()), 3).names == ()


def test_themes_are_stored_whole() -> None:
    found = fit(pa.array(written(300)), 3)
    again = Themes.of(found.rows())
    assert (again.names, again.words) == (found.names, found.words)
    assert np.array_equal(again.weights, found.weights)
    assert np.array_equal(again.rarity, found.rarity)


# Over weeks of a lake

MONDAY = date(2026, 6, 1)


def filled(root: Path, days: int = 21) -> Place:
    """A lake with thirty posts on every day before, on and after a Monday."""
    place = Place(root, themes=3)
    texts = iter(written(30 * days))
    first = MONDAY - timedelta(days=14)
    place.put(
        "posts",
        [
            {"feed": "posts", "post_id": f"{n}-{k}", "published_date": first + timedelta(days=n), "text": next(texts)}
            | {"language": "pt", "kind": "post", "date_source": "feed"}
            for n in range(days)
            for k in range(30)
        ],
        "i.r",
    )
    return place


def test_themes_are_found_once_a_week_and_kept(tmp_path: Path) -> None:
    place = filled(tmp_path)
    days = [(MONDAY + timedelta(days=n)).isoformat() for n in range(7)]
    assert fit_due(place.settings, days) == [MONDAY.isoformat()]
    before = place.rows("themes")
    assert fit_due(place.settings, days) == []
    assert place.rows("themes") == before


def test_a_week_after_too_few_texts_has_the_themes_of_another(tmp_path: Path) -> None:
    place = filled(tmp_path)
    first = (MONDAY - timedelta(days=14)).isoformat()
    assert fit_due(place.settings, [first, MONDAY.isoformat(), "undated"]) == [MONDAY.isoformat()]
    assert FEWEST_TEXTS > 0
    view = View(place.lake)
    assert {themes_file(view, day) for day in (first, MONDAY.isoformat(), "2030-01-01", "undated")} == {
        *view.files("themes")
    }


def test_posts_have_the_themes_of_their_week_and_a_rerun_changes_nothing(tmp_path: Path) -> None:
    place = filled(tmp_path)
    day = MONDAY.isoformat()
    told = topics(place.settings, [day])
    assert (told.posts, told.told) == (30, 30)
    assert {subject(row["theme"]) for row in place.rows("topics")} == set(SUBJECTS)
    assert all(row["topics"] == [] for row in place.rows("topics"))
    before = versions(place.lake)
    topics(place.settings, [day])
    assert versions(place.lake) == before


def test_new_themes_leave_the_weeks_before_as_they_are(tmp_path: Path) -> None:
    place = filled(tmp_path)
    topics(place.settings, [MONDAY.isoformat(), (MONDAY + timedelta(days=6)).isoformat()])
    before = place.files("topics")
    topics(place.settings, [(MONDAY + timedelta(days=7)).isoformat()])
    assert len(View(place.lake).files("themes")) == 2
    assert {place.files("topics")[key] for key in before} == set(before.values())
    names = [set(read_themes(place.lake, file).names) for file in View(place.lake).files("themes")]
    assert names[0] == names[1]


def test_without_a_number_of_themes_none_are_looked_for(tmp_path: Path) -> None:
    place = filled(tmp_path)
    place.configure(topics=[{"name": "Entrega", "terms": ["entrega"]}])
    topics(place.settings, [MONDAY.isoformat()])
    assert place.rows("themes") == []
    assert {row["theme"] for row in place.rows("topics")} == {None}


@pytest.mark.parametrize("texts", [[], ["a b c"]])
def test_no_theme_is_close_where_there_are_no_themes(texts: list[str]) -> None:
    none = Themes((), (), np.zeros((0, 0)), np.zeros(0))
    assert none.closest(pa.array(texts, pa.string())).to_pylist() == [None] * len(texts)
