"""What the tests of ingest share: readings, and a folder to ingest from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.ingest import Ingested, ingest
from jobs.ingest.items import Reading
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Feed, Settings, Window
from tests.feeds import COLUMNS
from tests.feeds import feed as feed
from tests.feeds import records as records
from tests.site import site as site


@pytest.fixture
def reading(feed: Callable[..., Feed], present: datetime) -> Callable[..., Reading]:
    """What the items of a batch share, fetched at `present` for a report in São Paulo."""

    def make(author_key: bytes = b"key", fetched_at: datetime = present, **options: Any) -> Reading:
        return Reading(feed(**options), ZoneInfo("America/Sao_Paulo"), "batch", "feed", fetched_at, author_key)

    return make


@dataclass
class Desk:
    """A feed called `olist`, its folder and its lake."""

    folder: Path
    options: dict[str, Any]

    @property
    def settings(self) -> Settings:
        feed = {"name": "olist", "kind": "post", "reader": "jsonl", "path": str(self.folder / "*"), **self.options}
        feed["columns"] = {} if feed["reader"] == "rss" else {**COLUMNS, **feed.get("columns", {})}
        lake, reports = str(self.folder.parent / "lake"), str(self.folder.parent / "reports")
        return Settings.model_validate(
            {"timezone": "America/Sao_Paulo", "lake": lake, "reports": reports, "feeds": [feed]}
        )

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def ingest(self, day: date = date(2026, 9, 30)) -> Ingested:
        return ingest(self.settings, "olist", Window(start=day, end=day))

    def rows(self, dataset: str = "raw_posts") -> list[dict[str, Any]]:
        """All rows of `dataset`, in the order of their key."""
        order = "batch_id, position" if dataset == "raw_posts" else "ALL"
        with View(self.lake).query() as query:
            query.read(dataset)
            return query.rows(f"FROM {dataset} ORDER BY {order}")

    @property
    def cursor(self) -> dict[str, Any]:
        """The cursor that is kept of the feed; empty when there is none."""
        return State(self.lake).cursor("olist")

    def files(self) -> dict[str, bytes]:
        """Every file of the lake but the coverage ledger and the cursors."""
        root = Path(self.lake.base)
        found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        return {
            name: content for name, content in found.items() if not name.startswith(("coverage/", "_state/cursors/"))
        }


@pytest.fixture
def desk(tmp_path: Path, present: datetime) -> Callable[..., Desk]:
    """A feed called `olist` that reads every file of a folder, in São Paulo."""

    def make(**options: Any) -> Desk:
        (tmp_path / "feeds").mkdir(exist_ok=True)
        return Desk(tmp_path / "feeds", options)

    return make
