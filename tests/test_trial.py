"""A feed that is tried: one page, what would come of it, and a lake that is not there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.declaration import shipped_names
from jobs.settings import Settings
from jobs.trial import attempt, offers
from tests.connect.networks import mastodon
from tests.service import Service
from tests.service import service as service

NOON = datetime(2026, 9, 29, 12, tzinfo=UTC)


def test_one_page_is_read_and_judged_and_nothing_is_stored(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((NOON + timedelta(days=1)).timestamp())))
    service.answer = mastodon(
        [(NOON, "O café estava delicioso"), (NOON + timedelta(hours=1), ""), (NOON - timedelta(hours=1), "x")]
    )
    feed = service.feed("mastodon", tags="aurora")
    settings = Settings.model_validate({"lake": str(tmp_path / "lake"), "feeds": [feed]})
    tried = attempt(settings, "feed", date(2026, 9, 29))
    assert len(service.asked) == 1
    assert [(item["text"], item["rules"]) for item in tried.items] == [
        (None, ["text_present"]),
        ("O café estava delicioso", []),
    ]
    assert "2 items of 2026-09-29, 1 to be quarantined" in tried.summary
    assert "X-RateLimit-Remaining: 299" in tried.summary
    assert not (tmp_path / "lake").exists()


def test_items_that_would_be_one_post_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"7,bom dia {n}\n" for n in range(3)) + "8,boa noite\n")
    columns = {"post_id": "id", "text": "text"}
    feed = {"name": "a", "kind": "post", "reader": "csv", "path": str(tmp_path / "a.csv"), "columns": columns}
    settings = Settings.model_validate({"lake": str(tmp_path / "lake"), "feeds": [feed]})
    assert "3 items share 1 post_id, 3 of them '7'" in attempt(settings, "a", date(2026, 9, 29)).summary


def test_every_service_is_offered_with_what_it_needs() -> None:
    offered = {offer.name: offer for offer in offers()}
    assert sorted(offered) == shipped_names()
    assert offered["bluesky"].secrets == ("BLUESKY_USERNAME", "BLUESKY_PASSWORD")
    assert offered["hacker_news"].parameters == ("query*", "tags")
    assert all(offer.how for offer in offered.values() if offer.secrets)
