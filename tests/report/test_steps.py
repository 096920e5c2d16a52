"""A new model reads the week before its first day, too, and the report tells how much of a step is the model's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.aggregate import aggregate
from jobs.enrich.reading import read_posts
from jobs.lake.query import View
from jobs.report.steps import RuleStep, Step, rule_steps, steps
from jobs.revisions import read_revisions
from jobs.settings import Window
from jobs.step import Order
from tests.place import Place

DAYS = [date(2026, 5, 1) + timedelta(days=n) for n in range(6)]
WINDOW = Window(start=DAYS[0], end=DAYS[-1])


def posts(models: Mapping[date, str], polarity: Mapping[str, float]) -> list[dict[str, Any]]:
    """Two different texts a day, read by the model of the day."""
    of = {"feed": "posts", "kind": "post", "language": "pt", "label": "neutral", "unsure": False}
    return [
        {
            "post_id": f"{day}-{n}", "published_date": day, "text": f"texto {n}", "model_version": model,
            "polarity": polarity[model], "negative": 0.3, "neutral": 0.4, "positive": 0.3, **of,
        }
        for day, model in models.items()
        for n in range(2)
    ]  # fmt: skip


def told(place: Place) -> tuple[Step, ...]:
    with View(place.lake).query() as query:
        read_posts(query, place.settings, WINDOW.days)
        read_revisions(query, WINDOW.days)
        return steps(query, WINDOW, "all")


def test_one_model_makes_no_step(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put("scored_posts", posts(dict.fromkeys(DAYS, "balanced-1"), {"balanced-1": 0.1}))
    aggregate(place.settings, [day.isoformat() for day in DAYS])
    assert told(place) == ()


def test_days_that_both_read_tell_how_much_of_the_step_is_the_models(tmp_path: Path) -> None:
    place, polarity = Place(tmp_path), {"fast-1": 0.1, "balanced-1": 0.3}
    place.put("scored_posts", posts(dict.fromkeys(DAYS[:5], "fast-1"), polarity))
    aggregate(place.settings, [day.isoformat() for day in DAYS[:5]])
    models = dict.fromkeys(DAYS[:3], "fast-1") | dict.fromkeys(DAYS[3:], "balanced-1")
    place.put("scored_posts", posts(models, polarity))
    aggregate(place.settings, [day.isoformat() for day in DAYS[3:]], Order.anew("model"))
    (step,) = told(place)
    assert (step.day, step.before, step.after) == (DAYS[3], ("fast-1",), ("balanced-1",))
    assert (step.days, step.texts) == (2, 4)
    assert step.change == pytest.approx(0.2, abs=1e-6)


def test_where_no_day_was_read_by_both_its_size_is_not_known(tmp_path: Path) -> None:
    place = Place(tmp_path)
    models = dict.fromkeys(DAYS[:3], "fast-1") | dict.fromkeys(DAYS[3:], "balanced-1")
    place.put("scored_posts", posts(models, {"fast-1": 0.1, "balanced-1": 0.3}))
    aggregate(place.settings, [day.isoformat() for day in DAYS])
    (step,) = told(place)
    assert (math.isnan(step.change), step.days, step.texts) == (True, 0, 0)


def judged(place: Place, rules: Mapping[date, str], texts: int = 2) -> None:
    """Days made from posts that were judged by rules of these names."""
    read = posts(dict.fromkeys(rules, "fast-1"), {"fast-1": 0.1})
    for day, name in rules.items():
        of_day = [post for post in read if post["published_date"] == day][:texts]
        place.put("scored_posts", of_day, made_from=f"items.{name}.model")
    aggregate(place.settings, [day.isoformat() for day in rules])


def told_of_rules(place: Place) -> tuple[RuleStep, ...]:
    with View(place.lake).query() as query:
        read_revisions(query, WINDOW.days)
        return rule_steps(query, WINDOW, "all")


def test_other_rules_make_a_step_from_the_first_day_that_they_judge(tmp_path: Path) -> None:
    place = Place(tmp_path)
    judged(place, dict.fromkeys(DAYS[:3], "old") | dict.fromkeys(DAYS[3:], "new"))
    assert told_of_rules(place) == (RuleStep(DAYS[3], 0, 0),)


def test_days_that_both_rules_judged_tell_how_many_posts_more_are_published(tmp_path: Path) -> None:
    place = Place(tmp_path)
    judged(place, dict.fromkeys(DAYS, "old"), texts=1)
    judged(place, dict.fromkeys(DAYS[4:], "new"), texts=2)
    assert told_of_rules(place) == (RuleStep(DAYS[4], 2, 2),)


def test_a_day_that_a_person_released_is_no_step_of_the_rules(tmp_path: Path) -> None:
    place = Place(tmp_path)
    judged(place, dict.fromkeys(DAYS, "old") | {DAYS[2]: "old~released"})
    assert told_of_rules(place) == ()
