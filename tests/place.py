"""A lake, its settings and its feed files in one folder, for tests that run the real steps on small data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from data_contracts import schema
from jobs.ingest import Ingested, ingest
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import Settings, Window, load
from tests import stored

FETCHED = datetime(2026, 6, 30, 12, tzinfo=UTC)
COLUMNS = {
    "post_id": "id",
    "published_at": "at",
    "updated_at": "edited",
    "title": "title",
    "text": "text",
    "author": "by",
    "url": "link",
    "rating": "stars",
}
PT = "O café estava delicioso e o atendimento foi muito bom"
EN = "The coffee was delicious and the service was very good"
ES = "El café estaba muy rico y la atención fue excelente, gracias"
RU = "Кофе был очень вкусный, спасибо большое всем"


class Place:
    """Feeds are folders of JSON lines under `feeds/`; the settings file lies beside them."""

    def __init__(self, root: Path, feeds: Sequence[str | dict[str, Any]] = ("posts",), **changes: Any) -> None:
        self.root = root
        self.config = root / "sentinela.yaml"
        self.configure(feeds, **changes)

    @classmethod
    def at(cls, root: Path) -> Place:
        """The place that lies at `root`, as it is."""
        place = cls.__new__(cls)
        place.root, place.config = root, root / "sentinela.yaml"
        return place

    def copy(self, root: Path) -> Place:
        """A place at `root` like this one, to be changed by one test."""
        return Place.at(Path(shutil.copytree(self.root, root)))

    def configure(self, feeds: Sequence[str | dict[str, Any]] = ("posts",), **changes: Any) -> None:
        """Write the settings file anew, `changes` over the defaults; a feed is a name or all its settings.

        `fast` scores: what most tests are about is the same with any model.
        """
        document = {
            "timezone": "UTC",
            "scoring": {"model": "fast"},
            "feeds": [_feed(feed) if isinstance(feed, str) else feed for feed in feeds],
            **changes,
        }
        self.root.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")

    @property
    def settings(self) -> Settings:
        return load(self.config)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def write(self, items: Iterable[dict[str, Any]], feed: str = "posts", file: str = "1") -> None:
        """Put `items` into a file of `feed`."""
        path = self.root / "feeds" / feed / f"{file}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(i) + "\n" for i in items), encoding="utf-8")

    def ingest(self, at: datetime = FETCHED) -> list[str]:
        """Ingest every feed as if it were `at`; returns the days touched."""
        window = Window(start=at.date(), end=at.date())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOURCE_DATE_EPOCH", str(int(at.timestamp())))
            results: list[Ingested] = [ingest(self.settings, feed.name, window) for feed in self.settings.feeds]
        return sorted({day for result in results for day in result.days})

    def add(
        self, items: Iterable[dict[str, Any]], feed: str = "posts", file: str = "1", at: datetime = FETCHED
    ) -> list[str]:
        """Write `items` to a file and ingest it."""
        self.write(items, feed, file)
        return self.ingest(at)

    def rows(self, dataset: str, days: Sequence[str] | None = None, held: bool = False) -> list[dict[str, Any]]:
        """All rows of `dataset`, partition columns included, in the order of the files."""
        return stored.rows(self.lake, dataset, days, held)

    def contents(self, *datasets: str) -> dict[str, Any]:
        """Columns and rows of `datasets`."""
        return stored.tables(self.lake, *datasets)

    def files(self, dataset: str) -> dict[str, str]:
        """The files of `dataset` by partition, as day and feed; one that was made anew has another name."""
        view = View(self.lake)
        return {f"{file.day} {file.feed} {file.verdict or ''}".strip(): file.name for file in view.files(dataset)}

    def mtimes(self, folder: str = "lake") -> dict[str, int]:
        """When each file below `folder` was written, in nanoseconds."""
        return {
            str(path.relative_to(self.root)): path.stat().st_mtime_ns
            for path in (self.root / folder).rglob("*")
            if path.is_file()
        }

    def put(
        self, dataset: str, rows: Iterable[dict[str, Any]], made_from: str | None = None, held: bool = False
    ) -> None:
        """Write `rows` as partitions of `dataset`, columns that a row lacks as nulls or what the type offers."""
        stored.put(self.lake, dataset, [_complete(row, schema(dataset)) for row in rows], made_from, held)


def item(post_id: str, day: str | None, text: str | None = PT, **more: Any) -> dict[str, Any]:
    """One record of a feed file, published at noon of `day`."""
    dated = {"at": f"{day}T12:00:00Z"} if day else {}
    return {"id": post_id, **dated, "text": text, **more}


def _feed(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "post", "reader": "jsonl", "path": f"feeds/{name}/*.jsonl", "columns": COLUMNS}


def _complete(row: dict[str, Any], wanted: pa.Schema) -> dict[str, Any]:
    blank: dict[pa.DataType, Any] = {pa.string(): "x", pa.int64(): 0, pa.timestamp("us", tz="UTC"): FETCHED}
    return {f.name: row.get(f.name, None if f.nullable else blank.get(f.type)) for f in wanted}
