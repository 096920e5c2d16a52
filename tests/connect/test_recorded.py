"""Recorded answers of services that may lie beside the repository: every item has an id, a date and words, no name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import SourceError
from jobs.connect.fetch import fetch
from jobs.declaration import Granting, shipped
from jobs.read.declared import records
from jobs.settings import Feed, Window
from jobs.values import parse_date
from tests.service import Said, Service
from tests.service import service as service

WIRE = Path(__file__).parents[3] / "shared" / "data" / "wire"
pytestmark = pytest.mark.skipif(not WIRE.is_dir(), reason=f"the recorded answers are not there: {WIRE}")

ANSWERS = Path(__file__).parent / "answers"
FOLDERS = {
    "appstore": "app_store",
    "googleplay": "google_play",
    "hackernews": "hacker_news",
    "stackexchange": "stack_exchange",
    "gbp": "google_business",
    "telegram": "telegram_export",
}
OTHER = (
    "firebase", "createSession", "search_v2_accounts", "status_", "bot_", "webhook", "counts", "latest_topics",
    "error_posts", "reviews_translated", "fb_feed", "info_deleted", "getPosts", "400_posts_page",
    "topic_posts_chunk",
)  # fmt: skip
"""Answers to what no declaration asks for."""
LIMITED = ("429", "rate_limit", "throttle", "backoff", "app_limit")
USED_UP = ("usage_cap", "newsapi")
"""Limits that no run can wait for."""
UNDATED = ("first_entry_is_app_2017", "search_recent_tweepy")
"""Reviews of the years in which they had no date, and an answer to a question that did not ask for any."""


def recorded() -> Iterator[Any]:
    for path in sorted(WIRE.glob("*/*.json")):
        if not any(part in path.name for part in OTHER):
            yield pytest.param(path, id=f"{path.parent.name}-{path.stem}")


def name_of(path: Path) -> str:
    return FOLDERS.get(path.parent.name, path.parent.name)


def parameters(name: str, url: str) -> dict[str, Any]:
    """What a feed of the service `name` may ask for."""
    file = ANSWERS / f"{name}.json"
    given = json.loads(file.read_text(encoding="utf-8"))["feed"] if file.exists() else {"query": "aurora"}
    return {parameter: url if value == "HERE" else value for parameter, value in given.items()}


@pytest.mark.parametrize("path", [one for one in recorded() if "error" not in one.id and "throttle" not in one.id])
def test_recorded_items_are_read(path: Path, tmp_path: Path) -> None:
    service, body = shipped(name_of(path)), json.loads(path.read_text(encoding="utf-8"))["response"]["body"]
    feed = Feed.model_construct(service=service, date_format=None, timezone="UTC", name="feed")
    page = tmp_path / "page.json"
    page.write_text(json.dumps(body), encoding="utf-8")
    items = [item for item in service.items.of(body) if not service.is_skipped(item)]
    found = list(records(feed, page))
    assert len(found) == len(items)
    for record in found:
        assert record.fields["post_id"] or record.fields.get("url")
        assert parse_date(record.fields["published_at"], feed) or path.stem in UNDATED
        assert record.error or record.fields.get("text") is not None or record.fields.get("title") is not None


@pytest.mark.parametrize("path", [one for one in recorded() if "error" in one.id or "throttle" in one.id])
def test_recorded_errors_are_no_pages(
    path: Path, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, answer = name_of(path), json.loads(path.read_text(encoding="utf-8"))["response"]
    for what in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"{name.upper()}_{what}", "s3cret")
    text = answer["body"] if isinstance(answer["body"], str) else None
    of_the_wire = ("length", "encoding", "connection")
    headers = {
        header: value
        for header, value in (answer.get("headers") or {}).items()
        if not any(part in header.lower() for part in of_the_wire)
    }
    token = [Said({"access_token": "t", "accessJwt": "t"})]
    service.faults = token if isinstance(shipped(name).sign_in, Granting) else []
    said = Said(answer["body"], answer["status"], headers, text)
    service.answer = lambda asked: Said({}, 403) if asked.posted else said
    given = {**service.feed(name, **parameters(name, service.url)), "http": {"retries": 0}}
    window = Window(start=date(2026, 9, 29), end=date(2026, 9, 29))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790748000")
    complaint = ""
    bodies = fetch(Feed.model_validate(given), window, {}, tmp_path)
    try:
        assert list(bodies) == []
    except SourceError as fault:
        complaint = str(fault)
    missing = bodies.reach.missing if bodies.reach else ()
    assert complaint or missing
    assert "s3cret" not in complaint
    is_limit = any(word in path.name for word in LIMITED) and not any(word in str(path) for word in USED_UP)
    assert is_limit == ("in vain" in complaint) or answer["status"] >= 500
