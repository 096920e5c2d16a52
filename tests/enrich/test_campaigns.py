from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.enrich.campaigns import Effect, busiest, campaigns, make_members, repeated
from jobs.enrich.reading import read_posts
from jobs.enrich.twins import twins
from jobs.lake.query import Query, View
from tests.place import Place

COPIED = "comprem já na loja da Aurora porque o preço nunca esteve tão baixo como nesta semana"
OTHER = "choveu a tarde inteira e ninguém saiu de casa para ver o jogo da Aurora"
DAYS = [f"2026-06-{day:02}" for day in range(1, 31)]


def post(
    post_id: str, day: str, text: str, polarity: float = 0.0, feed: str = "posts", author: str = ""
) -> dict[str, Any]:
    """One post, as scored_posts and posts have it."""
    dated = date.fromisoformat(day)
    at = datetime(dated.year, dated.month, dated.day, 12, tzinfo=UTC)
    return {
        "feed": feed, "post_id": post_id, "published_date": dated, "published_at": at, "text": text, "kind": "post",
        "date_source": "feed", "language": "pt", "polarity": polarity, "negative": 0.1, "neutral": 0.2,
        "positive": 0.7, "author": author or None,
    }  # fmt: skip


def place_of(root: Path, *posts: dict[str, Any], **changes: Any) -> Place:
    place = Place(root, ("posts", "shop"), brands=[{"name": "Aurora", "terms": ["aurora"]}], **changes)
    place.put("posts", posts, "i.r")
    place.put("scored_posts", posts, "i.r.m")
    twins(place.settings, DAYS)
    return place


@contextmanager
def reading(place: Place, days: list[str] = DAYS) -> Iterator[Query]:
    with View(place.lake).query() as query:
        read_posts(query, place.settings, days)
        make_members(query, place.settings, days)
        yield query


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A campaign of four posts on three days in two feeds, three posts that say something else, one of no brand."""
    return place_of(
        tmp_path,
        post("c1", DAYS[0], COPIED, -0.5, author="ana"),
        post("c2", DAYS[1], COPIED, -0.5, author="ana"),
        post("c3", DAYS[1], f"{COPIED} mesmo", -0.5, "shop", author="bia"),
        post("c4", DAYS[2], COPIED, -0.5, author="ana"),
        post("o1", DAYS[0], OTHER, 0.5, author="caio"),
        post("o2", DAYS[1], "adorei a Aurora", 0.25),
        post("o3", DAYS[1], "adorei a Aurora", 0.25),
        post("n", DAYS[1], "nada disso aqui é sobre a marca que todos esperam ver", 1.0),
    )


def test_campaigns_of_many_posts_are_found_in_little_memory(place: Place) -> None:
    """A tenth of the posts in a tenth of the memory; what a query cannot hold it must be able to write aside."""
    with View(place.lake).query() as query:
        read_posts(query, place.settings, DAYS)
        query.connection.execute("SET memory_limit = '25MB'")
        make_members(query, place.settings, DAYS)
        query.connection.execute("""
            INSERT INTO member
            SELECT member.* REPLACE (md5(n::VARCHAR) AS cluster, md5(n::VARCHAR) AS author, n AS wording)
            FROM member, range(100_000) AS other(n) WHERE post_id = 'o1'
        """)
        (found,) = campaigns(query, "Aurora")
        authors, said = busiest(query, "Aurora"), repeated(query, "Aurora")
        query.connection.execute("SET memory_limit = '256MB'")
    assert (found.posts, found.authors) == (4, 2)
    assert (authors.posts, authors.authors, said.posts, said.of_campaigns) == (100_007, 100_003, 100_007, 4)
    assert said.texts >= 100_000


def test_a_campaign_says_how_much_of_a_brand_it_is_and_where_and_when(place: Place) -> None:
    with reading(place) as query:
        (found,) = campaigns(query, "Aurora")
    assert (found.posts, found.texts, found.authors) == (4, 2, 2)
    assert found.share == 4 / 7
    assert (found.first_day.isoformat(), found.last_day.isoformat()) == (DAYS[0], DAYS[2])
    assert found.feeds == ("posts", "shop")
    assert found.example == COPIED
    assert found.mean == -0.5
    assert [(one.author, one.posts, one.share) for one in found.top] == [("ana", 3, 0.75), ("bia", 1, 0.25)]


def test_without_a_campaign_the_means_are_those_of_the_other_posts(place: Place) -> None:
    with reading(place) as query:
        (found,) = campaigns(query, "Aurora")
    assert found.by_post == Effect(mean=(-2 + 1) / 7, n=7, without=1 / 3, n_without=3)
    assert found.by_text == Effect(mean=(-2 + 0.75) / 6, n=6, without=0.375, n_without=2)
    assert found.by_post.moved == pytest.approx(1 / 3 + 1 / 7)


def test_posts_and_texts_are_counted_apart(place: Place) -> None:
    with reading(place) as query:
        assert repeated(query, "Aurora").__dict__ == {"posts": 7, "texts": 4, "of_campaigns": 4}
        assert repeated(query, "all").posts == 8


def test_the_busiest_authors_have_their_share_of_all_posts(place: Place) -> None:
    with reading(place) as query:
        authors = busiest(query, "Aurora", most=1)
    assert (authors.posts, authors.known, authors.authors) == (7, 5, 3)
    assert [(one.author, one.posts, one.share) for one in authors.top] == [("ana", 3, 3 / 7)]


def test_two_copies_are_no_campaign_nor_are_short_texts(tmp_path: Path) -> None:
    short = [post(f"s{n}", DAYS[0], "a Aurora é boa") for n in range(9)]
    place = place_of(tmp_path, post("a", DAYS[0], COPIED), post("b", DAYS[0], COPIED), *short)
    with reading(place) as query:
        assert campaigns(query, "Aurora") == ()


def test_a_long_campaign_is_one_though_its_first_post_is_out_of_sight(tmp_path: Path) -> None:
    posts = [post(f"p{n:02}", day, COPIED) for n, day in enumerate(DAYS)]
    place = place_of(tmp_path, *posts, twins={"days": 3})
    for days in (DAYS, DAYS[12:20], DAYS[25:]):
        with reading(place, days) as query:
            (found,) = campaigns(query, "Aurora")
            assert found.posts == len(days)
            assert found.example == COPIED


def test_a_brand_that_is_all_campaign_has_no_mean_without_it(tmp_path: Path) -> None:
    place = place_of(tmp_path, *(post(f"{n}", DAYS[0], COPIED, 0.5) for n in range(3)))
    with reading(place) as query:
        (found,) = campaigns(query, "Aurora")
    assert (found.by_post.mean, found.by_post.n_without) == (0.5, 0)
    assert math.isnan(found.by_post.without)
    assert math.isnan(found.by_post.moved)


def test_without_posts_and_without_twins_there_is_nothing_to_tell(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with reading(place) as query:
        assert campaigns(query, "all") == ()
        assert busiest(query, "all").top == ()
        assert repeated(query, "all").posts == 0
    place.put("scored_posts", [post("a", DAYS[0], COPIED)], "i.r.m")
    with reading(place) as query:
        assert repeated(query, "all").posts == 1
        assert campaigns(query, "all") == ()


def test_the_largest_come_first_and_no_more_than_asked(tmp_path: Path) -> None:
    def copies(count: int, word: str) -> list[dict[str, Any]]:
        text = " ".join(hashlib.md5(f"{word}{n}".encode()).hexdigest()[:6] for n in range(12))
        return [post(f"{word}{n}", DAYS[0], text) for n in range(count)]

    place = place_of(tmp_path, *copies(3, "x"), *copies(5, "y"), *copies(4, "z"))
    with reading(place) as query:
        assert [found.posts for found in campaigns(query, "all", most=2)] == [5, 4]
