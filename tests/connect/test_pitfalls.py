"""Where answers of a service surprise: what each of them means, and what is asked next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import SourceError
from jobs.connect.fetch import Fetch, fetch
from jobs.declaration import shipped
from jobs.settings import Window
from tests.connect.situations import Play
from tests.service import Said, Service
from tests.service import service as service


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))
    for name in ("BLUESKY", "GOOGLE_PLAY", "GOOGLE_BUSINESS", "NEWSAPI", "REDDIT", "X", "YOUTUBE"):
        for what in ("USERNAME", "PASSWORD", "TOKEN"):
            monkeypatch.setenv(f"{name}_{what}", "s3cret")


@pytest.fixture
def play(service: Service, tmp_path: Path) -> Callable[[str], Play]:
    return lambda name: Play(name, service, tmp_path)


def of_days(one: Play, first: date, *answers: Said) -> Fetch:
    """A fetch from `first` on that is answered so."""
    one.service.faults = [*one.token, *answers]
    return fetch(one.feed(), Window(start=first, end=date(2026, 9, 29)), {}, one.folder)


def fields(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return shipped(name).fields.of(item)


@pytest.mark.parametrize(
    ("name", "answer", "status", "said"),
    [
        ("mastodon", Said({"error": "This method requires an authenticated user"}, 422), "refused", "MASTODON_TOKEN"),
        ("bluesky", Said({"error": "AccountTakedown", "message": "Is suspended"}, 400), "refused", "suspended"),
        ("bluesky", Said({"error": "InvalidToken", "message": "Bad token scope"}, 400), "refused", "BLUESKY_PASSWORD"),
        ("bluesky", Said({"error": "AuthMissing"}, 401), "refused", "BLUESKY_PASSWORD"),
        ("youtube", Said({"error": {"errors": [{"reason": "badRequest"}], "message": "API key not valid."}}, 400),
         "refused", "YOUTUBE_TOKEN"),
        ("youtube", Said({"error": {"errors": [{"reason": "dailyLimitExceeded"}]}}, 403), "refused", "used up"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(
    play: Callable[[str], Play], name: str, answer: Said, status: str, said: str
) -> None:
    one = play(name)
    with pytest.raises(SourceError, match=said) as caught:
        list(one.answers(*one.token, answer, *one.token, then=answer))
    assert caught.value.status == status


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_lets_nobody_sign_in_now_does_not_blame_the_secret(
    play: Callable[[str], Play], status: int
) -> None:
    one = play("bluesky")
    with pytest.raises(SourceError, match=f"answered {status} .*the next run") as caught:
        list(one.answers(Said({"error": "RateLimitExceeded"}, status)))
    assert "anew" not in str(caught.value)


def test_reddit_names_nobody_whose_account_is_gone() -> None:
    item = {"data": {"name": "t1_a", "author": "[deleted]", "body": "ainda aqui", "created_utc": 1790683200.0}}
    assert fields("reddit", item)["author"] is None


def test_google_play_gives_what_was_written_and_not_its_translation() -> None:
    said = {
        "text": "very good",
        "originalText": "muito bom",
        "lastModified": {"seconds": "1790683200"},
        "starRating": 5,
    }
    answered = {"developerComment": {"text": "obrigado"}}
    assert (
        fields("google_play", {"reviewId": "a", "comments": [answered, {"userComment": said}]})["text"] == "muito bom"
    )
    del said["originalText"]
    assert fields("google_play", {"reviewId": "a", "comments": [{"userComment": said}]})["text"] == "very good"


@pytest.mark.parametrize(
    "comment",
    [
        "muito bom",
        "(Translated by Google) very good\n\n(Original)\nmuito bom",
        "muito bom\n\n(Translated by Google)\nvery good",
    ],
)
def test_google_business_gives_what_was_written_and_not_its_translation(comment: str) -> None:
    assert fields("google_business", {"reviewId": "a", "comment": comment})["text"] == "muito bom"


def test_google_play_says_that_it_goes_back_a_week(play: Callable[[str], Play]) -> None:
    one = play("google_play")
    bodies = of_days(one, date(2026, 9, 1), *one.pages)
    assert one.items(bodies) == one.sample["items"]
    assert bodies.reach is not None
    assert bodies.reach.missing == ("reviews: before 2026-09-23 06:00 UTC: the service goes back 7 days",)


@pytest.mark.parametrize(
    "text",
    [
        '{"articles": [{"url": "https://j.example/a", "title": "D\\\'Ávila \\ café", "seendate": "20260929T120000Z"}]}',
        '{"articles": [{"url": "https://j.example/a", "title": "D\'Ávila \t café", "seendate": "20260929T120000Z"}]}',
    ],
    ids=["escapes that JSON does not have", "a tab"],
)
def test_json_that_is_not_quite_is_read(play: Callable[[str], Play], text: str) -> None:
    one = play("gdelt")
    (item,) = one.items(one.answers(Said(text=text)))
    assert item["post_id"] == "https://j.example/a"
    assert "Ávila" in item["title"]


def test_escapes_that_json_has_stay_what_they_are(play: Callable[[str], Play]) -> None:
    one = play("gdelt")
    title = r"a\\b \"c\" \u00e9 \d"
    text = f'{{"articles": [{{"url": "https://j.example/a", "title": "{title}", "seendate": "20260929T120000Z"}}]}}'
    (item,) = one.items(one.answers(Said(text=text)))
    assert item["title"] == 'a\\b "c" é \\d'


def test_newsapi_is_not_asked_beyond_what_it_says_it_has(play: Callable[[str], Play]) -> None:
    one = play("newsapi")
    few = Said({**one.pages[0].document, "totalResults": len(one.pages[0].document["articles"])})
    beyond = Said({"status": "error", "code": "maximumResultsReached", "message": "too many"}, 426)
    bodies = one.answers(few, then=beyond)
    assert one.items(bodies)
    assert bodies.reach is not None
    assert (bodies.reach.missing, len(one.service.asked)) == ((), 1)


def test_a_forum_whose_last_page_ends_with_the_post_it_was_asked_from_has_an_end(play: Callable[[str], Play]) -> None:
    one = play("discourse")
    first, second, _ = one.pages
    last = Said({"latest_posts": second.document["latest_posts"][-1:]})
    bodies = one.answers(first, second, then=last)
    list(bodies)
    assert bodies.reach is not None
    assert bodies.reach.missing == ()


def test_x_is_asked_for_long_posts_whole(play: Callable[[str], Play]) -> None:
    one = play("x")
    list(one.answers(*one.pages))
    assert "note_tweet" in one.service.asked[0].query["tweet.fields"].split(",")
    item = {"id": "1", "text": "cortado...", "note_tweet": {"text": "o texto inteiro"}}
    assert fields("x", item)["text"] == "o texto inteiro"
