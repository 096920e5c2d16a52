"""Every shipped service in every situation that it can be in; the table in docs/services.md is made of these tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.connect.connector import SourceError
from jobs.declaration import Cap, Declaration, Endpoint, Granting, Range, shipped, shipped_names
from jobs.read.declared import DELETED
from jobs.read.read import read
from jobs.read.record import Record
from jobs.settings import Feed
from tests.connect.services_table import PAGE, tried
from tests.connect.situations import PLAYED, TRIED, Play, sample, situation, told
from tests.service import Said, Service, killed_after
from tests.service import service as service

PlayOf = Callable[[str], Play]
CHAT = {"name": "t", "kind": "post", "service": "telegram_export", "path": "x.json", "timezone": "America/Sao_Paulo"}
EXPORT = Feed.model_validate(CHAT)
EXCHANGING = [name for name in PLAYED if isinstance(shipped(name).sign_in, Granting)]


def asked_first(service: Declaration) -> Endpoint:
    """The way of asking that the sample of a service takes first."""
    given = sample(service.name)["feed"]
    return next(one for one in service.requests.values() if not one.each or one.each in given)


def cap_of(name: str) -> Cap:
    """What a service gives at most, asked as in its sample."""
    return asked_first(shipped(name)).cap or shipped(name).cap


def is_ranged(name: str) -> bool:
    return isinstance(asked_first(shipped(name)).window or shipped(name).window, Range)


def splits(name: str) -> bool:
    return is_ranged(name) and cap_of(name).floor_minutes is not None


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))
    for name in PLAYED:
        for what in ("USERNAME", "PASSWORD", "TOKEN"):
            monkeypatch.setenv(f"{name.upper()}_{what}", "s3cret")


@pytest.fixture
def play(service: Service, tmp_path: Path) -> PlayOf:
    return lambda name: Play(name, service, tmp_path)


@situation("all pages", PLAYED)
def test_the_pages_of_a_service_give_exactly_their_items(play: PlayOf, name: str) -> None:
    one = play(name)
    bodies = one.answers(*one.token, *one.pages)
    assert one.items(bodies) == one.sample["items"]
    assert bodies.reach is not None
    assert (bodies.reach.missing, one.service.faults) == ((), [])
    pages = one.service.asked[len(one.token) :]
    for asked, query in zip(pages, one.sample["asks"], strict=True):
        assert {**asked.query, "path": asked.path}.items() >= query.items()


@situation("no names", PLAYED)
def test_payloads_of_a_service_name_nobody(play: PlayOf, name: str) -> None:
    one = play(name)
    feed = one.feed()
    for body in one.answers(*one.token, *one.pages):
        for record in read(feed, body.path):
            assert "Ana" not in json.dumps(record.payload)


@situation("edits", [name for name in PLAYED if shipped(name).fields.updated_at])
def test_an_edit_has_its_date(name: str) -> None:
    assert any("updated_at" in item for item in sample(name)["items"])


@situation("deletions", [name for name in PLAYED if shipped(name).items.deleted])
def test_a_deletion_stands_in_the_place_of_its_post_without_its_words(name: str) -> None:
    gone = [item for item in sample(name)["items"] if item.get("error") == DELETED]
    assert gone
    for item in gone:
        assert (
            {"post_id", "published_at", "error"}
            <= set(item)
            <= {"post_id", "published_at", "updated_at", "url", "error"}
        )


@situation("kills", PLAYED)
def test_a_kill_between_two_requests_moves_no_cursor_and_loses_nothing(play: PlayOf, name: str) -> None:
    one = play(name)
    answers = [*one.token, *one.pages]
    for killed_at in range(len(answers)):
        bodies = one.answers(*answers)
        with killed_after(killed_at):
            list(bodies)
        assert bodies.cursor is None
    bodies = one.answers(*answers)
    assert one.items(bodies) == one.sample["items"]
    assert bodies.cursor


@situation("nothing", PLAYED)
def test_nothing_there_is_no_fault(play: PlayOf, name: str) -> None:
    one = play(name)
    bodies = one.answers(*one.token, then=one.said("nothing"))
    assert one.items(bodies) == []
    assert bodies.reach is not None
    assert bodies.reach.missing == ()


@situation("limit", PLAYED)
def test_a_limit_as_the_service_tells_it_is_waited_for(play: PlayOf, waits: list[float], name: str) -> None:
    one = play(name)
    first, *others = one.pages
    before = [first] if others else []
    bodies = one.answers(*one.token, *before, one.said("limit"), *(others or [first]))
    assert one.items(bodies) == one.sample["items"]
    assert sum(waits) >= sample(name)["limit"].get("seconds", 2) - 2


@situation("hours", PLAYED)
def test_a_limit_of_hours_is_told_and_not_waited_for(play: PlayOf, waits: list[float], name: str) -> None:
    one = play(name)
    first, *_ = one.pages
    limit = Said({}, 429, {"Retry-After": "9999"})
    with pytest.raises(SourceError, match="limit") as caught:
        list(one.answers(*one.token, then=limit))
    assert caught.value.status == "refused"
    if len(one.pages) > 1:
        bodies = one.answers(*one.token, first, then=limit)
        came = one.items(bodies)
        assert came == one.sample["items"][: len(came)]
        assert bodies.reach is not None
        assert bodies.reach.missing
        assert bodies.reach.detail["limited_until"] > "2026-09-30"
    assert sum(waits) < 60


@situation("expired secret", [name for name in PLAYED if shipped(name).sign_in])
def test_a_token_that_expired_is_renewed_or_the_secret_is_named(play: PlayOf, name: str) -> None:
    one = play(name)
    if name in EXCHANGING:
        bodies = one.answers(*one.token, one.said("expired"), *one.token, *one.pages)
        assert one.items(bodies) == one.sample["items"]
    bodies = one.answers(*one.token, one.said("expired"), *one.token, then=one.said("expired"))
    with pytest.raises(SourceError, match=f"set {name.upper()}_") as caught:
        list(bodies)
    assert caught.value.status == "refused"
    assert "s3cret" not in str(caught.value)


@situation("no secret", [name for name in PLAYED if shipped(name).sign_in])
def test_without_its_secret_a_service_is_not_asked_or_asked_in_the_open(
    play: PlayOf, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for what in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"{name.upper()}_{what}")
    one, sign_in = play(name), shipped(name).sign_in
    bodies = one.answers(*one.pages)
    if sign_in and sign_in.optional:
        assert one.items(bodies) == one.sample["items"]
        return
    with pytest.raises(SourceError, match=rf"{name.upper()}_\w+ .*is not set; .{{9}}"):
        list(bodies)
    assert one.service.asked == []


@situation("error as 200", PLAYED)
def test_an_error_with_status_200_is_no_page(play: PlayOf, waits: list[float], name: str) -> None:
    one = play(name)
    with pytest.raises(SourceError):
        list(one.answers(*one.token, then=one.said("fault")))


@situation("log-in page", PLAYED)
def test_a_page_that_asks_to_log_in_is_no_page_of_the_service(play: PlayOf, name: str) -> None:
    one = play(name)
    for page in (Said(text="<html>log in</html>"), Said({}, 302, {"Location": "/login"})):
        with pytest.raises(SourceError):
            list(one.answers(*one.token, then=page))


@situation("refusal", PLAYED)
def test_a_refusal_is_one(play: PlayOf, name: str) -> None:
    one = play(name)
    with pytest.raises(SourceError) as caught:
        list(one.answers(*one.token, then=Said({}, 403)))
    assert caught.value.status == "refused"


@situation("cut answer", PLAYED)
def test_an_answer_that_breaks_off_is_partial(play: PlayOf, name: str) -> None:
    one = play(name)
    first, *_ = one.pages
    cut = Said(first.document, 200, {**first.headers, "Content-Length": "99999"}, first.text)
    with pytest.raises(SourceError, match="broke off"):
        list(one.answers(*one.token, then=cut))


@situation("cap", [name for name in PLAYED if cap_of(name) != Cap() or "cut_off" in sample(name)])
def test_what_a_cap_cuts_off_is_asked_for_in_halves_or_is_a_gap(play: PlayOf, name: str) -> None:
    one, cap = play(name), cap_of(name)
    floor = 720 if splits(name) else None
    full = one.said("cut_off") if "cut_off" in one.sample else one.pages[0]
    least = Cap(pages=1, floor_minutes=floor) if cap.pages else Cap(items=1, floor_minutes=floor)
    endpoints = {
        way: {**endpoint.model_dump(exclude_defaults=True), **({"cap": least.model_dump()} if endpoint.cap else {})}
        for way, endpoint in shipped(name).requests.items()
    }
    one.service.changes = {"cap": least.model_dump(), "requests": endpoints}
    bodies = one.answers(*one.token, then=full)
    list(bodies)
    assert bodies.reach is not None
    gaps = [sentence for sentence in bodies.reach.missing if "not all from" in sentence]
    assert len(gaps) == len(bodies.reach.detail["cut"]) >= 1
    if floor:
        starts = [start for _, start, _ in bodies.reach.detail["cut"]]
        assert starts == ["2026-09-29T00:00:00+00:00", "2026-09-29T12:00:00+00:00"]


@pytest.fixture
def exported(tmp_path: Path) -> list[Record]:
    """The records in a chat that Telegram Desktop exported in São Paulo, of before and after 2022."""
    chat = {
        "name": "c", "type": "public_channel", "id": 1, "messages": [
            {"id": 1, "type": "service", "date": "2026-09-29T12:00:00", "actor": "Ana", "text": ""},
            {"id": 2, "type": "message", "date": "2026-09-29T09:00:00", "from": "Ana", "from_id": "user7",
             "text": ["veja ", {"type": "link", "text": "https://a.example"}, " hoje"]},
            {"id": 3, "type": "message", "date": "2026-09-29T09:00:00", "date_unixtime": "1790683200", "from": None,
             "from_id": "user7", "edited_unixtime": "1790686800", "text": "",
             "text_entities": [{"type": "plain", "text": "novo"}]},
        ],
    }  # fmt: skip
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat), encoding="utf-8")
    return list(read(EXPORT, path))


@situation("all pages", ["telegram_export"])
def test_an_exported_chat_gives_exactly_its_items(exported: list[Record], name: str) -> None:
    old = {"post_id": "2", "text": "veja https://a.example hoje", "published_at": "2026-09-29T12:00:00Z"}
    new = {"post_id": "3", "text": "novo", "published_at": "2026-09-29T12:00:00Z"}
    edited = {"updated_at": "2026-09-29T13:00:00Z"}
    assert [told(EXPORT, record) for record in exported] == [
        {**old, "author": "user7"},
        {**new, **edited, "author": "user7"},
    ]


@situation("no names", ["telegram_export"])
def test_the_payloads_of_an_exported_chat_name_nobody(exported: list[Record], name: str) -> None:
    assert "Ana" not in json.dumps([record.payload for record in exported])


@situation("edits", ["telegram_export"])
def test_an_edit_in_an_exported_chat_has_its_date(exported: list[Record], name: str) -> None:
    assert [bool(record.fields["updated_at"]) for record in exported] == [False, True]


def test_every_service_is_tried() -> None:
    assert sorted(set().union(*TRIED.values())) == shipped_names()


def test_the_table_in_the_documents_is_that_of_these_tests() -> None:
    assert tried() in PAGE.read_text(encoding="utf-8"), "run python -m tests.connect.services_table"
