"""A lake with the feed of tests/labelling.py, some of its texts said twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.labels.sample import draw
from jobs.labels.sheet import write
from jobs.labels.store import Imported, import_labels
from jobs.settings import Window
from tests.labelling import JUNE, fill_in, posts, scored
from tests.place import Place, item


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The lake, shared: tests only read it."""
    brands = [{"name": "Nove", "terms": ["número 19", "número 29"]}]
    place = Place(tmp_path_factory.mktemp("labels"), ("posts", "shop"), brands=brands)
    place.write([], "shop")
    place.add([item(post["id"], post["day"], post["text"]) for post in posts()])
    place.put("scored_posts", map(scored, posts()))
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """A copy of the lake, to write to."""
    return made.copy(tmp_path / "place")


@pytest.fixture
def labelled_by(place: Place) -> Callable[..., Imported]:
    """Draw `count` texts and let people, each named with what they say of a text, label them; imports that."""

    def label(
        count: int, *people: tuple[str, Callable[[str], str | None]], window: Window = JUNE, **how: Any
    ) -> Imported:
        sample = draw(place.settings, "posts", window, count, **how)
        path = place.root / f"{sample.id}.xlsx"
        write(path, sample, "en")
        fill_in(path, sample, *people)
        return import_labels(place.settings, path)

    return label
