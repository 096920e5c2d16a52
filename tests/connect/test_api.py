"""What the connector asks a declared service for, and what of it comes: pages, windows, caps, limits, faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.connect.connector import Cursor, Reach, SourceError
from jobs.connect.fetch import fetch
from jobs.read.read import read
from jobs.settings import Feed, Window
from tests.connect.networks import Post, bluesky, hacker_news, mastodon, status
from tests.service import Said, Service
from tests.service import service as service

NOW = datetime(2026, 9, 30, 18, tzinfo=UTC)
DAY = date(2026, 9, 29)
Fetched = Callable[..., "tuple[list[str], Cursor, Reach]"]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOW.timestamp())))
    monkeypatch.setenv("BLUESKY_USERNAME", "ana.example")
    monkeypatch.setenv("BLUESKY_PASSWORD", "s3cret")


@pytest.fixture
def fetched(service: Service, tmp_path: Path) -> Fetched:
    """The texts of all items that a feed brings, in order, the cursor, and how far the fetch reached."""

    def run(
        name: str, first: date = DAY, last: date | None = None, cursor: Cursor | None = None, **options: Any
    ) -> tuple[list[str], Cursor, Reach]:
        feed = Feed.model_validate(service.feed(name, **options))
        window = Window(start=first, end=last or first)
        zone = ZoneInfo("America/Sao_Paulo")
        bodies = fetch(feed, window, cursor or {}, tmp_path, zone, feed.requests_per_run)
        texts = [str(record.fields["text"]) for body in bodies if body.path for record in read(feed, body.path)]
        assert bodies.cursor is not None
        assert bodies.reach is not None
        return texts, json.loads(json.dumps(bodies.cursor)), bodies.reach

    return run


def at(hour: float, day: int = 29) -> datetime:
    return datetime(2026, 9, day, tzinfo=UTC) + timedelta(hours=hour)


POSTS: list[Post] = [
    (at(2.99), "before"),
    (at(3), "first"),
    (at(9), "b"),
    (at(15), "c"),
    (at(26.99), "last"),
    (at(27), "after"),
]
"""Around 29 September in São Paulo, which begins at 3 o'clock UTC."""
WHOLE_DAY = ["last", "c", "b", "first"]


@pytest.mark.parametrize(
    ("name", "answer", "options"),
    [
        ("mastodon", mastodon(POSTS), {"tags": "aurora"}),
        ("hacker_news", hacker_news(POSTS), {"query": "aurora"}),
        ("bluesky", bluesky(POSTS), {"query": "aurora"}),
    ],
)
def test_a_day_comes_whole_over_all_pages_and_nothing_of_other_days(
    fetched: Fetched, service: Service, name: str, answer: Any, options: dict[str, Any]
) -> None:
    service.answer = answer
    texts, _, reach = fetched(name, **options)
    assert [text.removeprefix("<p>").removesuffix("</p>") for text in texts] == WHOLE_DAY
    assert (reach.missing, reach.seen_from, reach.seen_until) == ((), at(3), at(26.99))


def test_a_day_years_back_is_asked_for_as_such(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([(datetime(2016, 5, 4, 12, tzinfo=UTC), "old")])
    texts, cursor, _ = fetched("hacker_news", query="aurora", cursor=fetched("hacker_news", query="aurora")[1])
    assert texts == []
    assert fetched("hacker_news", date(2016, 5, 4), query="aurora", cursor=cursor)[:2] == (["old"], cursor)


def test_a_run_goes_on_from_the_last_less_the_overlap(
    fetched: Fetched, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = hacker_news(POSTS)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(at(3).timestamp())))
    _, cursor, _ = fetched("hacker_news", date(2026, 9, 28), query="aurora")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(at(9.5, 30).timestamp())))
    texts, after, reach = fetched("hacker_news", date(2026, 9, 30), query="aurora", cursor=cursor)
    assert texts == ["after", "last", "c", "b", "first", "before"]  # 28 September ended at 3 o'clock
    (read,) = after["read"].values()
    assert (read["since"], read["until"]) == ("2026-09-28T03:00:00+00:00", "2026-09-30T09:30:00+00:00")
    assert reach.detail["asked"] == [["search", "2026-09-29T02:00:00+00:00", "2026-09-30T09:30:00+00:00"]]


@pytest.mark.parametrize("known", [None, (at(0, 20), at(0, 22)), (at(0, 1), at(0, 12))])
def test_a_time_too_long_for_one_run_is_read_by_several_without_a_gap(
    fetched: Fetched, service: Service, known: tuple[datetime, datetime] | None
) -> None:
    posts = [(at(hour, day), f"{day} {hour}") for day in range(10, 30) for hour in (4, 13)]
    service.answer = hacker_news(posts, most=1)
    cursor: Cursor = {}
    if known:
        (key,) = fetched("hacker_news", query="aurora")[1]["read"]
        cursor = {"version": 1, "read": {key: {"since": known[0].isoformat(), "until": known[1].isoformat()}}}
    found: list[str] = []
    runs = 0
    while runs < 15:
        runs += 1
        texts, cursor, reach = fetched(
            "hacker_news", date(2026, 9, 10), DAY, query="aurora", cursor=cursor, requests_per_run=9
        )
        found += texts
        if not reach.missing:
            break
    fresh = [text for moment, text in posts if known is None or not known[0] <= moment < known[1]]
    assert set(fresh) <= set(found)
    assert 4 < runs < 15
    (read,) = cursor["read"].values()
    assert datetime.fromisoformat(read["since"]) <= at(3, 10)
    assert datetime.fromisoformat(read["until"]) == at(27)


def test_a_backfill_within_few_requests_reads_no_overlap_again(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([(at(hour, day), f"{day} {hour}") for day in range(10, 19) for hour in (6, 7, 8)], 1)
    service.changes = {"overlap_minutes": 4 * 1440}
    texts: list[str] = []
    cursor: Cursor = {}
    for _ in range(6):
        options = {"query": "aurora", "cursor": cursor, "requests_per_run": 9}
        found, cursor, reach = fetched("hacker_news", date(2026, 9, 10), date(2026, 9, 18), **options)
        texts += found
        if not reach.missing:
            break
    assert reach.missing == ()
    assert len(texts) == 27


def until_whole(fetched: Fetched, most: int, *window: date, cursor: Cursor, **options: Any) -> tuple[list[str], Cursor]:
    """The texts that runs of a window bring until one misses nothing, no more than `most` of them."""
    found: list[str] = []
    for _ in range(most):
        texts, cursor, reach = fetched("hacker_news", *window, query="aurora", cursor=cursor, **options)
        found += texts
        if not reach.missing:
            return found, cursor
    raise AssertionError(f"not whole after {most} runs: {reach.missing}")


def test_a_day_too_long_for_one_run_is_read_by_several(fetched: Fetched, service: Service) -> None:
    posts = [(at(3 + n / 10), f"p{n}") for n in range(240)]
    service.answer = hacker_news(posts, most=1)
    found, cursor = until_whole(fetched, 12, DAY, cursor={}, requests_per_run=40)
    assert set(found) == {text for _, text in posts}
    assert len(service.asked) < 2 * len(posts), "what was read is not read again each time"
    (read,) = cursor["read"].values()
    assert (read["since"], read["until"]) == (at(3).isoformat(), at(27).isoformat())


def test_steps_grow_again_where_posts_are_few(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([(at(3 + n / 10), f"p{n}") for n in range(240)], most=1)
    _, cursor = until_whole(fetched, 12, DAY, cursor={}, requests_per_run=40)
    service.answer = hacker_news(POSTS)
    asked = len(service.asked)
    _, cursor = until_whole(fetched, 1, date(2026, 9, 30), cursor=cursor)
    (read,) = cursor["read"].values()
    assert read["step_seconds"] >= 8 * 3_600
    assert len(service.asked) < asked + 10


@pytest.mark.parametrize("known", [None, (at(0, 20), at(0, 22)), (at(0, 20) - timedelta(days=9_000), at(0, 22))])
def test_a_backfill_too_long_for_one_run_goes_on_where_it_ended(
    fetched: Fetched, service: Service, known: tuple[datetime, datetime] | None
) -> None:
    first, last = date(2016, 5, 1), date(2016, 5, 20)
    days = [datetime(2016, 5, day, hour, tzinfo=UTC) for day in range(1, 21) for hour in (4, 13)]
    service.answer = hacker_news([(moment, str(moment)) for moment in days], most=1)
    cursor: Cursor = {}
    if known:
        (key,) = fetched("hacker_news", query="aurora")[1]["read"]
        cursor = {"version": 1, "read": {key: {"since": known[0].isoformat(), "until": known[1].isoformat()}}}
    service.asked.clear()
    found, after = until_whole(fetched, 12, first, last, cursor=cursor, requests_per_run=9)
    assert set(found) == set(map(str, days))
    assert len(service.asked) < 2 * len(days)
    assert known is None or after == cursor
    service.asked.clear()
    again, _ = until_whole(fetched, 1, first, last, cursor=after)
    assert set(again) == set(map(str, days)), "whoever asks again for what was read whole gets it"


def test_years_without_posts_are_no_hundreds_of_requests(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([(datetime(2017, 5, 4, 12, tzinfo=UTC), "old"), *POSTS])
    texts, _, reach = fetched("hacker_news", date(2016, 1, 1), DAY, query="aurora")
    assert (sorted(texts), reach.missing) == (sorted(["old", "before", *WHOLE_DAY]), ())
    assert len(service.asked) < 30


def test_each_value_of_a_list_is_asked_for_and_has_a_cursor_of_its_own(fetched: Fetched, service: Service) -> None:
    service.answer = lambda asked: mastodon(POSTS)(asked) if asked.path.endswith("/aurora") else Said({}, 404)
    texts, cursor, reach = fetched("mastodon", tags=["aurora", "gone"])
    assert len(texts) == 4
    assert len(cursor["read"]) == 1
    assert len(reach.missing) == 1
    assert "tag 'gone'" in reach.missing[0]


def test_what_a_cap_cuts_off_is_asked_for_in_halves(fetched: Fetched, service: Service) -> None:
    posts = [(at(3 + n / 10), f"p{n}") for n in range(200)]
    service.answer = hacker_news(posts, most=50, reachable=60)
    service.changes = {"cap": {"items": 60, "total": "nbHits", "floor_minutes": 1}}
    texts, _, reach = fetched("hacker_news", query="aurora")
    assert sorted(texts) == sorted(text for _, text in posts)
    assert reach.missing == ()


def test_what_a_cap_cuts_off_even_at_the_floor_is_a_gap(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([(at(9), f"p{n}") for n in range(1_100)], most=500)
    texts, _, reach = fetched("hacker_news", query="aurora")
    assert len(texts) == 1_000
    assert len(reach.missing) == 1
    assert reach.missing[0].startswith("search 'aurora': not all from") or reach.missing[0].startswith(
        "search: not all"
    )
    assert reach.detail["cut"]


def test_a_limit_that_is_reached_is_waited_for(fetched: Fetched, service: Service, waits: list[float]) -> None:
    service.answer = mastodon(POSTS)
    reset = datetime.fromtimestamp(time.time() + 40, UTC).isoformat().replace("+00:00", "Z")
    limited = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    service.faults = [Said({"error": "Too many requests"}, 429, limited)]
    texts, _, reach = fetched("mastodon", tags="aurora")
    assert len(texts) == 4
    assert sum(waits) == pytest.approx(41, abs=3)
    assert reach.missing == ()


def test_a_limit_for_hours_is_not_waited_for_and_is_told(
    fetched: Fetched, service: Service, waits: list[float]
) -> None:
    good = mastodon(POSTS)

    def answer(asked: Any) -> Said:
        if "max_id" in asked.query and len(service.asked) > 1:
            return Said({}, 429, {"Retry-After": "999999"})
        return good(asked)

    service.answer = answer
    before = {"version": 1, "read": {}}
    texts, cursor, reach = fetched("mastodon", tags="aurora", cursor=before)
    assert (len(texts), waits) == (2, [])
    assert [set(read) for read in cursor["read"].values()] == [{"step_seconds"}]
    assert "limit" in reach.missing[0]
    assert "limited_until" in reach.detail


def test_an_expired_token_is_renewed_once(fetched: Fetched, service: Service) -> None:
    service.answer = bluesky(POSTS)
    service.faults = [Said({"accessJwt": "old"}), Said({"error": "ExpiredToken", "message": "Token has expired"}, 400)]
    texts, _, _ = fetched("bluesky", query="aurora")
    assert texts == WHOLE_DAY
    assert [asked.path for asked in service.asked[:3]] == [
        "/xrpc/com.atproto.server.createSession",
        "/xrpc/app.bsky.feed.searchPosts",
        "/xrpc/com.atproto.server.createSession",
    ]
    assert json.loads(service.asked[0].posted) == {"identifier": "ana.example", "password": "s3cret"}


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Said({"error": "AuthenticationRequired", "message": "Invalid"}, 401), "refused", "BLUESKY_PASSWORD"),
        (Said(text="<html>log in</html>"), "refused", "no token"),
    ],
)
def test_secrets_that_are_not_accepted_are_a_refusal(
    fetched: Fetched, service: Service, fault: Said, status: str, said: str
) -> None:
    service.faults = [fault]
    with pytest.raises(SourceError, match=said) as caught:
        fetched("bluesky", query="aurora")
    assert caught.value.status == status
    assert "s3cret" not in str(caught.value)


def test_a_missing_secret_is_named_with_how_to_get_it(
    fetched: Fetched, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLUESKY_PASSWORD")
    with pytest.raises(SourceError, match=r"BLUESKY_PASSWORD .* App passwords"):
        fetched("bluesky", query="aurora")
    assert service.asked == []


@pytest.mark.parametrize(
    "fault", [Said(text="<html>log in</html>"), Said({"unexpected": 1}), Said({}, 302, {"Location": "/login"})]
)
def test_what_is_no_page_of_the_service_is_a_fault_with_what_it_said(
    fetched: Fetched, service: Service, fault: Said
) -> None:
    service.answer = lambda _: fault
    with pytest.raises(SourceError, match="search_by_date"):
        fetched("hacker_news", query="aurora")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Said({"error": "Record not found"}, 403), "answered 403 Forbidden: 'Record not found'"),
        (Said({"error": {"code": 9, "message": "no quota", "errors": [{"reason": "day"}]}}, 403), "'9 no quota day'"),
        (Said({"message": "too short", "account": "Ana"}, 403), "'too short'"),
        (Said(text="Your query was too short, @Ana ana@n.example"), "'Your query was too short,'"),
        (Said(text="<html><title>Log in</title><p>Ana: adorei"), "a page 'Log in'"),
        (Said(text="<p>Ana: adorei"), "a page"),
        (Said(text='[{"author": "Ana", "comment_text": "adorei"'), "JSON that is broken"),
        (Said({"items": [{"author": "Ana", "message": "adorei"}], "message": "adorei"}), "JSON of another shape"),
    ],
)
def test_of_an_answer_no_more_is_told_than_its_complaint(
    fetched: Fetched, service: Service, fault: Said, told: str
) -> None:
    service.answer = lambda _: fault
    with pytest.raises(SourceError) as caught:
        fetched("hacker_news", query="aurora")
    assert told in str(caught.value)
    assert not [word for word in ("Ana", "ana@", "adorei") if word in str(caught.value)]


def test_an_empty_answer_is_a_page_without_items(fetched: Fetched, service: Service) -> None:
    service.answer = hacker_news([])
    texts, cursor, reach = fetched("hacker_news", query="aurora")
    assert (texts, reach.pages, reach.missing) == ([], 1, ())
    assert cursor["read"]


def test_a_next_page_on_another_host_is_not_asked_for(fetched: Fetched, service: Service) -> None:
    link = {"Link": '<http://169.254.169.254/latest>; rel="next"'}
    good = mastodon(POSTS)
    service.answer = lambda asked: Said(good(asked).document, headers=link)
    texts, _, reach = fetched("mastodon", tags="aurora")
    assert len(texts) == 2
    assert "another host" in reach.missing[0]


def test_pages_that_lead_in_a_circle_end(fetched: Fetched, service: Service) -> None:
    service.answer = lambda asked: Said({"accessJwt": "x"}) if asked.posted else Said({"posts": [], "cursor": "again"})
    _, cursor, reach = fetched("bluesky", query="aurora")
    assert len(service.asked) == 3
    assert "circle" in reach.missing[0]
    assert "since" not in str(cursor)


def search_of(*posts: Post) -> Any:
    """A server's search: nothing but for what every full-text search finds, which `posts` are."""

    def answer(asked: Any) -> Said:
        found = [status(post) for post in posts] if asked.query["q"].startswith("before:") else []
        return Said({"accounts": [], "statuses": found, "hashtags": []})

    return answer


def test_a_search_that_cannot_look_is_told_apart_from_one_that_finds_nothing(
    fetched: Fetched, service: Service
) -> None:
    service.answer = search_of()
    texts, cursor, reach = fetched("mastodon", query="aurora")
    assert (texts, cursor["read"], len(service.asked)) == ([], {}, 2)
    assert "a server with full-text search" in reach.missing[0]
    service.answer = search_of(POSTS[0])
    texts, cursor, reach = fetched("mastodon", query="aurora", cursor=cursor)
    assert (texts, reach.missing) == ([], ())
    assert cursor["read"]
    service.answer = search_of()
    _, after, reach = fetched("mastodon", query="aurora", cursor=cursor, last=date(2026, 9, 30))
    assert reach.missing
    assert after == cursor


def test_what_is_asked_besides_for_an_item_is_missing_when_it_is_refused(
    fetched: Fetched, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUTUBE_TOKEN", "k")
    thread = {"videoId": "F1UP7wRCPH8", "textOriginal": "bom", "publishedAt": "2026-09-29T12:00:00Z"}
    item = {"id": "U1", "snippet": {"topLevelComment": {"id": "U1", "snippet": thread}, "totalReplyCount": 9}}
    spent = Said({"error": {"errors": [{"reason": "quotaExceeded"}], "code": 403}}, 403)
    service.answer = lambda asked: spent if asked.path.endswith("/comments") else Said({"items": [item]})
    texts, cursor, reach = fetched("youtube", videos=["F1UP7wRCPH8"])
    assert (texts, cursor["read"]) == (["bom"], {})
    assert "the units of today are used up" in reach.missing[0]
