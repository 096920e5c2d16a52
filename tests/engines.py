"""A small lake, and what an engine makes of it, for the tests that compare engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.engine import Engine
from jobs.lake.query import View
from jobs.score import Score
from jobs.step import bring_up_to_date
from jobs.validate.publish import Validate
from jobs.versions import catch_up
from tests.place import EN, ES, PT, RU, Place, item

FEEDS = ("posts", "shop")
DAYS = [f"2026-06-{day:02d}" for day in range(1, 4)]
WORDS = (PT, EN, ES, RU, "Péssimo atendimento, comida fria e cara. Nunca mais volto nesse lugar horrível", "Ok")


def small_lake(root: Path, **settings: Any) -> Place:
    """Raw posts of two feeds and three days, of several lengths and languages; some break a rule."""
    place = Place(root, FEEDS, **settings)
    for feed in FEEDS:
        texts = [" ".join([*WORDS[n % 6 :], feed, str(n)][: 1 + n % 5]) for n in range(25)]
        place.write(
            [item(f"{day}-{n}", day, text, stars=500 if n == 7 else 3) for day in DAYS for n, text in enumerate(texts)],
            feed,
        )
    place.ingest()
    return place


def made(place: Place, root: Path, engine: Engine, scoring: Callable[[Engine], Engine] = lambda e: e) -> dict[str, Any]:
    """What `engine` makes of a copy of `place` at `root`; scores are made by what `scoring` makes of it."""
    copy = place.copy(root)
    catch_up(copy.lake)
    bring_up_to_date(copy.lake, Validate(copy.lake, list(DAYS), engine))
    bring_up_to_date(copy.lake, Score(copy.lake, copy.settings.scoring, tuple(DAYS), scoring(engine)))
    assert len(View(copy.lake).partitions("scored_posts")) == len(FEEDS) * len(DAYS)
    return copy.contents("posts", "quarantine", "scored_posts")
