"""Ingesting a service: what is stored, what the ledger says, and what a kill between two requests costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.coverage import looked_for
from jobs.ingest import FeedError, Ingested, ingest
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings, Window
from jobs.status import status
from jobs.validate import validate
from tests import stored
from tests.connect.networks import mastodon
from tests.service import Said, Service, killed_after
from tests.service import service as service

DAY = date(2026, 9, 29)
NOON = datetime(2026, 9, 29, 12, tzinfo=UTC)
POSTS = [(NOON + timedelta(minutes=n), f"O café número {n} estava bom") for n in range(7)]


class Desk:
    """A lake and a feed of a service that is asked on loopback."""

    def __init__(self, root: Path, feed: dict[str, Any]) -> None:
        self.settings = Settings.model_validate({"lake": str(root / "lake"), "feeds": [feed]})
        self.lake = Lake(self.settings.lake)

    def ingest(self, day: date = DAY) -> Ingested:
        return ingest(self.settings, "feed", Window(start=day, end=day))

    def rows(self, dataset: str = "raw_posts") -> list[dict[str, Any]]:
        return stored.rows(self.lake, dataset)


@pytest.fixture(autouse=True)
def _present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))


@pytest.fixture
def desk(service: Service, tmp_path: Path) -> Callable[..., Desk]:
    def make(name: str = "mastodon", **parameters: Any) -> Desk:
        return Desk(tmp_path, service.feed(name, **(parameters or {"tags": ["aurora"]})))

    return make


def test_posts_are_stored_without_the_names_of_people(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = mastodon(POSTS)
    done = desk().ingest()
    assert (done.status, done.days, done.items_new) == ("complete", ["2026-09-29"], 7)
    rows = desk().rows()
    assert sorted(row["body"] for row in rows) == sorted(text for _, text in POSTS)
    assert {row["published_at"] for row in rows} == {moment for moment, _ in POSTS}
    assert len({row["author"] for row in rows}) == 1
    for row in rows:
        assert not {"ana", "Ana", "rui"} & set(row["payload"].replace('"', " ").split())
        assert "other.example" not in row["payload"]


def test_the_ledger_says_what_was_asked_and_seen(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = mastodon(POSTS)
    desk().ingest()
    (line,) = desk().rows("coverage")
    assert (line["status"], line["pages"], line["items_seen"], line["message"]) == ("complete", 5, 7, None)
    assert (line["seen_from"], line["seen_until"]) == (POSTS[0][0], POSTS[-1][0])
    assert json.loads(line["detail"])["asked"] == [["tag", "2026-09-29T00:00:00+00:00", "2026-09-30T00:00:00+00:00"]]
    assert line["source"] == service.url


def test_nothing_to_see_and_not_to_be_seen_differ(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = mastodon([])
    assert desk().ingest().status == "empty"
    service.answer = lambda asked: Said({}, 404) if asked.path.endswith("/x") else mastodon(POSTS)(asked)
    partial = desk(tags=["aurora", "x"]).ingest()
    assert (partial.status, partial.failed, partial.items_new) == ("partial", True, 7)
    service.answer = lambda _: Said({}, 403)
    with pytest.raises(FeedError, match="answered 403"):
        desk().ingest()
    statuses = [line["status"] for line in sorted(desk().rows("coverage"), key=lambda line: line["fetched_at"])]
    assert statuses == ["empty", "partial", "refused"]
    assert looked_for(View(desk().lake), ["2026-09-29"]) == {"2026-09-29": {"feed"}}


def test_a_search_without_an_index_is_partial_and_not_empty(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = lambda _: Said({"accounts": [], "statuses": [], "hashtags": []})
    done = desk(query="aurora").ingest()
    assert (done.status, done.failed, done.items_seen) == ("partial", True, 0)


def test_a_kill_between_two_requests_loses_and_doubles_nothing(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = mastodon(POSTS)
    for killed_at in range(5):
        with killed_after(killed_at):
            desk().ingest()
        assert State(desk().lake).cursor("feed") == {}
    assert desk().ingest().items_new == 7
    assert sorted(row["body"] for row in desk().rows()) == sorted(text for _, text in POSTS)
    assert desk().ingest().items_new == 0


def test_an_edit_is_a_newer_version_of_its_post(desk: Callable[..., Desk], service: Service) -> None:
    service.answer = mastodon(POSTS[:1])
    desk().ingest()
    (page,) = [mastodon(POSTS[:1])(service.asked[0]).document]
    edited = {**page[0], "content": "<p>Mudei de ideia</p>", "edited_at": "2026-09-29T20:00:00.000Z"}
    service.answer = lambda asked: Said([edited]) if "max_id" in asked.query else Said([])
    assert desk().ingest().items_new == 1
    assert {row["body"] for row in desk().rows()} == {POSTS[0][1], "Mudei de ideia"}
    assert len({row["post_id"] for row in desk().rows()}) == 1


def lemmy_page(*gone: bool) -> list[Said]:
    """A page of a post for each of `gone`, deleted where that is true, and one without comments."""
    posts = [
        {
            "ap_id": f"https://l.example/post/{n}",
            "published": "2026-09-29T12:00:00Z",
            "name": f"Café {n}",
            "body": "bom",
        }
        for n in range(len(gone))
    ]
    views = [
        {"post": {**post, "deleted": deleted}, "creator": {"actor_id": "a"}}
        for post, deleted in zip(posts, gone, strict=True)
    ]
    return [Said({"posts": views}), Said({"comments": []})]


def test_a_deletion_takes_the_post_out_and_holds_no_day_back(
    desk: Callable[..., Desk], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    forum = desk("lemmy", communities=["cafe"])
    left = []
    for hour, gone in enumerate(([False] * 12, [True] * 11 + [False])):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, hour, tzinfo=UTC).timestamp())))
        service.faults = lemmy_page(*gone)
        assert forum.ingest().days == ["2026-09-29"]
        done = validate(forum.settings, ["2026-09-29"])
        assert (done.held, done.quarantined) == ({}, 0)
        left.append((len(forum.rows("posts")), len(forum.rows("deletions"))))
    assert left == [(12, 0), (1, 11)]
    assert {row["read_error"] for row in forum.rows("deletions")} == {"deleted at its source"}
    assert not {"title", "body", "text", "author", "url", "payload"} & set(forum.rows("deletions")[0])
    (told,) = status(forum.settings)
    assert (told.posts, told.quarantined, told.deleted, told.gaps) == (1, 0, 11, [])
