"""Feeds fetched side by side: each with its own line on the ledger, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.ingest import FeedError
from jobs.lake.table import Lake
from jobs.pipeline import ingest_each
from jobs.settings import Settings, Window
from tests import stored
from tests.connect.networks import mastodon
from tests.service import Asked, Said, Service
from tests.service import service as service

DAY = Window(start=date(2026, 9, 29), end=date(2026, 9, 29))
POSTS = [(datetime(2026, 9, 29, 12, n, tzinfo=UTC), f"O café número {n} estava bom") for n in range(3)]
MANY = [(moment + timedelta(minutes=10 * n), text) for n in range(9) for moment, text in POSTS]
NAMES = ["hangs", "gone", *(f"good-{n}" for n in range(6))]


@pytest.fixture
def settings(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Eight feeds of one service: the first is never answered, the second is refused, the others have three posts."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))
    done, posts = threading.Event(), mastodon(POSTS)

    def answer(asked: Asked) -> Said:
        if asked.path.endswith("hangs"):
            done.wait(60)
        return Said({}, 403) if asked.path.endswith("gone") else posts(asked)

    service.answer = answer
    feeds = [{**service.feed("mastodon", tags=[name]), "name": name} for name in NAMES]
    feeds[0]["http"] = {"timeout_seconds": 1, "retries": 0}
    yield Settings.model_validate({"lake": str(tmp_path / "lake"), "feeds": feeds})
    done.set()


def test_one_that_hangs_and_one_that_is_refused_leave_the_others_whole(settings: Settings) -> None:
    done = list(ingest_each(settings, NAMES, DAY))
    assert [name for name, _ in done] == NAMES
    assert [isinstance(result, FeedError) for _, result in done] == [name in NAMES[:2] for name in NAMES]
    lake = Lake(settings.lake)
    assert Counter(row["feed"] for row in stored.rows(lake, "raw_posts")) == dict.fromkeys(NAMES[2:], 3)
    statuses = {line["feed"]: line["status"] for line in stored.rows(lake, "coverage")}
    assert statuses == {"hangs": "failed", "gone": "refused", **dict.fromkeys(NAMES[2:], "complete")}


def test_the_requests_that_a_service_allows_are_shared_by_its_feeds(service: Service, tmp_path: Path) -> None:
    limits = service.declared("mastodon").limits.model_dump()
    service.changes, service.answer = {"limits": {**limits, "requests_per_run": 6}}, mastodon(MANY)
    feeds = [{**service.feed("mastodon", tags=["aurora"]), "name": name} for name in ("one", "two", "own")]
    feeds[2]["requests_per_run"] = 1
    settings = Settings.model_validate({"lake": str(tmp_path / "lake"), "feeds": feeds})
    done = dict(ingest_each(settings, ["one", "two", "own"], DAY))
    told = {name: result.message for name, result in done.items() if not isinstance(result, FeedError)}
    assert len(service.asked) == 3 + 3 + 1
    for name, spent in (("one", 3), ("two", 3), ("own", 1)):
        assert f"the {spent} requests that feed '{name}' has in a run are spent" in str(told[name])
