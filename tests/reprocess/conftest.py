"""A lake of twelve days and two feeds, read by a model of a few words, and a newer model that knows one word more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.pipeline import restate
from jobs.settings import Window
from tests.artefacts import by_rules
from tests.place import FETCHED, Place, item
from tests.validate.conftest import contracts as contracts
from tests.validate.conftest import rule as rule

DAYS = [f"2026-06-{day:02}" for day in range(16, 28)]
WORDS = {"delicioso": 3.0, "ruim": -3.0}
NEWER = WORDS | {"frio": -3.0}
TASTES = ("delicioso", "ruim", "frio")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Three posts a day and feed, up to date by the model words-1; tests have copies of it."""
    root = tmp_path_factory.mktemp("made")
    place = Place(root)
    for feed in ("posts", "shop"):
        place.write([said(day, feed, number) for day in DAYS for number in range(3)], feed)
    by_rules(root / "models", "words", "1", WORDS)
    by_rules(root / "models", "words", "2", NEWER)
    read_by(place, "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        _, failures = restate(place.settings, Window(start=FETCHED.date() - timedelta(days=1), end=FETCHED.date()))
    assert not failures
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """The lake, for one test."""
    return made.copy(tmp_path / "place")


def read_by(place: Place, version: str, **changes: Any) -> None:
    """Let the settings name that version of the model."""
    brands, model = [{"name": "Aurora", "terms": ["aurora"]}], {"model": f"models/words/{version}"}
    place.configure(("posts", "shop"), scoring=model, brands=brands, report={"days": 4}, **changes)


def said(day: str, feed: str, number: int) -> dict[str, object]:
    """A post; every third tastes cold, which the first model does not know."""
    name = "na padaria" if number % 2 else "na Aurora"
    return item(f"{feed}-{day}-{number}", day, f"O café {name} estava {TASTES[number % 3]} hoje, pedido {day} {number}")


def forbid(contracts: Any, rule: Any, word: str) -> None:
    """Let the contract of posts refuse texts with `word`."""
    quality = rule("polite", "expect_column_values_to_not_match_regex", regex=word)
    contracts.change("posts", lambda columns: columns["text"]["quality"].append(quality))
