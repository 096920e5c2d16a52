"""What the tests of connect share: a fetch, and the web site that it asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.connect import server
from jobs.connect.connector import Body, Cursor
from jobs.connect.fetch import fetch
from jobs.connect.guard import Guard
from jobs.settings import Window
from tests.feeds import feed as feed
from tests.site import site as site


@pytest.fixture
def fetched(feed: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[list[Body], Cursor | None]]:
    """All bodies of a feed and the cursor after them; the options are the feed's."""

    def run(cursor: Cursor | None = None, **options: Any) -> tuple[list[Body], Cursor | None]:
        window = Window(start=date(2026, 9, 30), end=date(2026, 9, 30))
        (tmp_path / "downloads").mkdir(exist_ok=True)
        bodies = fetch(feed(**options), window, cursor or {}, tmp_path / "downloads")
        assert bodies.cursor is None
        return list(bodies), bodies.cursor

    return run


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited; nobody waits for them."""
    waited: list[float] = []
    ahead = [0.0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        ahead[0] += seconds

    clock = time.time
    monkeypatch.setattr(Guard, "sleep", lambda _, seconds: wait(seconds))
    monkeypatch.setattr(server.time, "time", lambda: clock() + ahead[0])
    return waited
