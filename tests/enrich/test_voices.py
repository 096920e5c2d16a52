from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.aggregate import aggregate
from jobs.enrich.reading import FIGURES, read_posts
from jobs.enrich.topics import topics
from jobs.enrich.voices import by_subject, make_voices, tallies, voices
from jobs.lake.query import Query, View
from jobs.settings import Window
from tests.place import FETCHED, Place

DAYS = ["2026-06-01", "2026-06-02"]
WINDOW = Window(start=date(2026, 6, 1), end=date(2026, 6, 2))
TOPICS = [{"name": "Entrega", "terms": ["entrega"]}, {"name": "Preço", "terms": ["preço"]}]


def post(post_id: str, text: str, polarity: float | None, day: str = DAYS[0], feed: str = "posts") -> dict[str, Any]:
    shares = {} if polarity is None else {"negative": 0.25, "neutral": 0.25, "positive": 0.5}
    return {
        "feed": feed, "post_id": post_id, "published_date": date.fromisoformat(day), "published_at": FETCHED,
        "text": text, "kind": "post", "date_source": "feed", "language": "pt", "polarity": polarity, **shares,
    }  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, ("posts", "shop"), topics=TOPICS, brands=[{"name": "Aurora", "terms": ["aurora"]}])
    rows = [
        post("1", "entregas e preços da Aurora", 0.5),
        post("2", "Entregas e PREÇOS da Aurora", 0.5),
        post("3", "a entrega da Aurora atrasou", -0.5, DAYS[1]),
        post("4", "nada da Aurora", 0.25),
        post("5", "entrega de outra loja", 1.0, feed="shop"),
        post("6", "entrega sem nota da Aurora", None),
    ]
    place.put("posts", rows, "i.r")
    place.put("scored_posts", rows, "i.r.m")
    topics(place.settings, DAYS)
    return place


@contextmanager
def reading(place: Place) -> Iterator[Query]:
    with View(place.lake).query() as query:
        read_posts(query, place.settings, DAYS)
        make_voices(query, DAYS)
        yield query


def test_a_topic_has_its_share_of_a_brand_and_its_own_polarity(place: Place) -> None:
    with reading(place) as query:
        told = [
            (v.name, v.is_theme, v.posts, v.share, v.texts, v.means["polarity"])
            for v in voices(query, "Aurora", WINDOW)
        ]
    assert told == [("Entrega", False, 3, 0.75, 2, 0.0), ("Preço", False, 2, 0.5, 1, 0.5)]


def test_all_stands_for_every_post(place: Place) -> None:
    with reading(place) as query:
        first, *_ = voices(query, "all", WINDOW)
    assert (first.name, first.posts, first.share) == ("Entrega", 4, 0.8)


def test_tallies_have_the_sums_that_means_and_widths_are_made_of(place: Place) -> None:
    with reading(place) as query:
        rows = tallies(query, "Aurora", WINDOW, ("topic", "published_date"))
        (whole,) = tallies(query, "Aurora", WINDOW, ())
    assert [(row["topic"], str(row["published_date"]), row["posts"], row["texts"]) for row in rows] == [
        ("Entrega", DAYS[0], 2, 1), ("Entrega", DAYS[1], 1, 1), ("Preço", DAYS[0], 2, 1), (None, DAYS[0], 1, 1),
    ]  # fmt: skip
    assert (whole["posts"], whole["texts"]) == (4, 3)
    assert whole["polarity_sum"] == 0.25
    assert whole["polarity_sum_squares"] == 0.25 + 0.25 + 0.0625
    assert all(whole[f"{figure}_sum"] > 0 for figure in FIGURES)


def test_three_million_posts_are_tallied_within_the_memory_that_a_query_has(place: Place) -> None:
    with reading(place) as query:
        query.connection.execute("""
            CREATE OR REPLACE TEMP TABLE voice AS
            SELECT * REPLACE (random()::FLOAT AS polarity, true AS once) FROM voice, range(1_000_000) LIMIT 3_000_000
        """)
        rows = tallies(query, "all", WINDOW)
    assert sum(row["posts"] for row in rows) >= 3_000_000
    assert all(row["polarity_sum"] / row["texts"] == pytest.approx(0.5, abs=0.01) for row in rows)


def test_a_text_of_two_topics_is_shared_between_them(place: Place) -> None:
    window = Window(start=date(2026, 6, 1), end=date(2026, 6, 1))
    with reading(place) as query:
        rows = [(row["topic"], row["texts"], row["polarity"]) for row in by_subject(query, "Aurora", window)]
    assert rows == [("Entrega", 0.5, 0.25), ("Preço", 0.5, 0.25), (None, 1, 0.25)]


def test_of_copies_that_are_read_unlike_the_one_that_the_figures_count_is_counted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    rows = [
        post("2", "ÓTIMO", 0.75) | {"published_at": FETCHED - timedelta(hours=1)},
        post("1", "ótimo", 0.25),
    ]
    place.put("scored_posts", [row | {"label": "positive", "unsure": False} for row in rows], "i.r.m")
    aggregate(place.settings, DAYS[:1])
    counted = [row for row in place.rows("daily_polarity") if row["brand"] == "all" and row["distinct_texts"]]
    with reading(place) as query:
        (told,) = tallies(query, "all", WINDOW, ())
    assert told["polarity_sum"] == counted[0]["distinct_polarity_sum"] == 0.25


def test_nothing_is_tallied_by_what_there_is_not(place: Place) -> None:
    with reading(place) as query, pytest.raises(ValueError, match="tallied by mood; there are topic, theme"):
        tallies(query, "Aurora", WINDOW, ("mood",))


def test_without_topics_no_voice_is_heard(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put("scored_posts", [post("1", "entrega", 0.5)], "i.r.m")
    with reading(place) as query:
        assert voices(query, "all", WINDOW) == ()
        assert tallies(query, "all", WINDOW)[0]["topic"] is None
