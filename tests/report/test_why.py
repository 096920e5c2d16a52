"""Topics, words and posts behind a bridge: what they did adds up; of posts that were not counted nothing is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from jobs.aggregate import aggregate
from jobs.enrich.reading import read_posts
from jobs.enrich.topics import topics
from jobs.enrich.voices import make_voices
from jobs.lake.query import Query, View
from jobs.lake.table import Lake
from jobs.report import Report, report
from jobs.report.compared import Bridge, preceding
from jobs.report.figures import gather
from jobs.report.language import Voice
from jobs.report.waterfall import TOPICS, topic_bars
from jobs.report.why import TopicStep, Why, why
from jobs.settings import Settings, Window
from tests.place import Place

EXACT = 1e-12
WINDOW = Window(start=date(2026, 6, 3), end=date(2026, 6, 4))
DAYS = [f"2026-06-0{day}" for day in range(1, 5)]
SAID: Mapping[str, list[tuple[str, float]]] = {
    DAYS[0]: [("entrega e preço bons", 0.5), ("gostei do pão", 0.75), ("preço alto", -0.5), ("o pão de hoje", 0.125)],
    DAYS[1]: [("entrega rápida", 0.625), ("preço justo", 0.25), ("gostei do bolo", 0.5), ("gostei do chá", 0.5)],
    DAYS[2]: [("entrega e preço ruins", -0.75), ("a entrega atrasou", -0.875), ("preço justo hoje", 0.25)],
    DAYS[3]: [("a entrega atrasou", -0.875), ("A ENTREGA atrasou", -0.5), ("gostei do pão", 0.5), ("o troco", 0.0)],
}


def post(number: int, day: str, text: str, polarity: float) -> dict[str, Any]:
    return {
        "feed": ("shop", "posts")[number % 2], "post_id": f"{day}-{number}", "published_date": date.fromisoformat(day),
        "text": text, "language": "pt", "kind": "post", "polarity": polarity, "negative": 0.25, "neutral": 0.25,
        "positive": 0.5, "label": "positive", "unsure": False, "model_version": "balanced-1",
    }  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Four days of two feeds, counted, of which the first two are the period before."""
    named = [{"name": "Entrega", "terms": ["entrega"]}, {"name": "Preço", "terms": ["preço"]}]
    place = Place(tmp_path_factory.mktemp("why"), ("shop", "posts"), topics=named)
    rows = [post(n, day, *said) for day, texts in SAID.items() for n, said in enumerate(texts)]
    for dataset in ("posts", "scored_posts"):
        place.put(dataset, rows, "i.r.m")
    topics(place.settings, DAYS)
    aggregate(place.settings, DAYS)
    return place


@contextmanager
def asked(settings: Settings, window: Window) -> Iterator[tuple[Query, tuple[Bridge, ...], Mapping[str, Why]]]:
    with View(Lake(settings.lake)).query() as query:
        days = Window(start=preceding(window).start, end=window.end).days
        read_posts(query, settings, days)
        make_voices(query, days)
        figures = gather(query, settings, window)
        yield query, figures.bridges, why(query, settings, figures)


def test_topics_add_up_to_what_feeds_and_languages_did_by_their_own_mood(place: Place) -> None:
    with asked(place.settings, WINDOW) as (_, (bridge,), told):
        steps = told["all"].topics
    assert {step.topic for step in steps} == {"Entrega", "Preço", None}
    assert abs(sum(step.effect for step in steps) - sum(step.within for step in bridge.steps)) < EXACT
    assert abs(sum(step.mix + step.within for step in bridge.steps) - bridge.change) < EXACT
    assert min(steps, key=lambda step: step.effect).topic == "Entrega"


def test_what_all_different_texts_did_adds_up_to_the_change(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.report.why.POSTS", 100)
    monkeypatch.setattr("jobs.report.posts.ALIKE", 2)
    with asked(place.settings, WINDOW) as (_, (bridge,), told):
        influences = (*told["all"].lowered, *told["all"].lifted)
    assert abs(sum(one.effect for one in influences) - bridge.change) < EXACT
    worst = told["all"].lowered[0]
    assert (worst.post.text, worst.post.copies, worst.is_now) == ("a entrega atrasou", 3, True)


def test_a_word_has_the_effect_of_all_texts_that_say_it(settings: Settings, small_lake: ModuleType) -> None:
    window = Window(start=date(2026, 9, 1), end=small_lake.END)
    with asked(settings, window) as (query, bridges, told):
        found = {word.word: word for word in told["Aurora"].words}
        (bridge,) = [bridge for bridge in bridges if bridge.brand == "Aurora"]
        rows = query.rows("""
            SELECT published_date >= DATE '2026-09-01' AS now, count(*) AS n, avg(item.polarity::DOUBLE) AS mean,
                count(*) FILTER (contains(lower(text), 'fora do ar')) AS said,
                coalesce(sum(item.polarity::DOUBLE) FILTER (contains(lower(text), 'fora do ar')), 0) AS total
            FROM item JOIN post USING (published_date, feed, post_id)
            WHERE once AND list_contains(item.named, 'Aurora') GROUP BY now ORDER BY now
        """)
    centre = (rows[0]["mean"] + rows[1]["mean"]) / 2
    before, now = ((row["total"] - row["said"] * centre) / row["n"] for row in rows)
    (word,) = [word for word in found.values() if "fora do ar" in word.word]
    assert (word.texts_before, word.texts) == (0, rows[1]["said"])
    assert word.effect == pytest.approx(now - before, abs=EXACT)
    assert word.effect < 0
    assert rows[1]["mean"] - rows[0]["mean"] == pytest.approx(bridge.change, abs=1e-6)


def test_nothing_is_told_of_posts_that_are_not_those_that_were_counted(place: Place, tmp_path: Path) -> None:
    edited = Place(tmp_path, ("shop", "posts"))
    edited.put("scored_posts", [post(n, day, *said) for day in DAYS for n, said in enumerate(SAID[day])], "i.r.m")
    aggregate(edited.settings, DAYS)
    edited.put("scored_posts", [post(0, DAYS[3], "a entrega chegou", 0.5)], "i.r.m")
    with asked(edited.settings, WINDOW) as (_, bridges, told):
        assert bridges
        assert told == {}
    page = report(edited.settings, WINDOW).path.read_text(encoding="utf-8")
    assert unescape(Voice(edited.settings.report.language)("why_untold")) in unescape(page)


def test_the_largest_topics_have_bars_and_the_others_one_together() -> None:
    steps = tuple(TopicStep(f"topic-{n}", False, 0.01 * n, 0.0) for n in range(9, 1, -1))
    bars = topic_bars(steps, Voice("en"))
    assert [bar.label for bar in bars] == [
        *(f"topic-{n}" for n in range(9, 9 - TOPICS, -1)),
        "The other topics together",
    ]
    assert sum(bar.effect for bar in bars) == pytest.approx(sum(step.effect for step in steps))
    assert max(abs(bar.part) for bar in bars) == 1


def test_page_and_workbook_tell_topics_words_and_posts(made: Report) -> None:
    page = made.path.read_text(encoding="utf-8")
    section = page[page.index('id="h-why"') : page.index('id="h-talk"')]
    say = Voice("pt")
    assert all(
        say(key) in section for key in ("why_topics", "why_words", "why_posts", "topic_mix", "lowered", "no_topic")
    )
    assert say("why_untold") not in section
    sheet = openpyxl.load_workbook(made.path.with_name("polarity.xlsx"))[say("sheet_moved")]
    heads = {cell.value for row in sheet.iter_rows() for cell in row if cell.font.bold}
    assert {say("topic_mix"), say("why_words"), say("effect")} <= heads
