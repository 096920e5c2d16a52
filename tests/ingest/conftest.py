"""What the tests of ingest share: feeds, readings, a folder to ingest from, and a web site on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs.ingest import Ingested, ingest
from jobs.ingest.items import Reading, Record
from jobs.ingest.readers import read
from jobs.ingest.sources import Fetched
from jobs.settings import Feed, Settings, Window
from jobs.storage import Lake

COLUMNS = {
    "post_id": "id", "published_at": "date", "title": "title", "text": "text", "author": "author", "url": "url",
    "rating": "rating",
}  # fmt: skip


@pytest.fixture
def feed() -> Callable[..., Feed]:
    """A feed of posts; a CSV or JSON one has the columns id, date, title, text, author, url, rating."""

    def make(reader: str = "jsonl", **options: Any) -> Feed:
        given = {"name": "olist", "kind": "post", "reader": reader, "path": "feed", **options}
        return Feed.model_validate({"columns": {} if reader == "rss" else COLUMNS, **given})

    return make


@pytest.fixture
def reading(feed: Callable[..., Feed], present: datetime) -> Callable[..., Reading]:
    """What the items of a batch share, fetched at `present` for a report in São Paulo."""

    def make(author_key: bytes = b"key", fetched_at: datetime = present, **options: Any) -> Reading:
        return Reading(feed(**options), ZoneInfo("America/Sao_Paulo"), "batch", "feed", fetched_at, author_key)

    return make


@pytest.fixture
def records(feed: Callable[..., Feed], tmp_path: Path) -> Callable[..., list[Record]]:
    """The records that a reader finds in some bytes."""

    def find(reader: str, content: bytes | str, **options: Any) -> list[Record]:
        path = tmp_path / "feed"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read(feed(reader, **options), Fetched(path, "the-feed", "0")))

    return find


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
        with self.lake.query() as query:
            query.view("item", dataset, self.lake.files(dataset))
            return query.rows(f"FROM item ORDER BY {order}")

    def files(self) -> dict[str, bytes]:
        """Every file of the lake but the coverage ledger."""
        root = Path(self.lake.base)
        found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        return {name: content for name, content in found.items() if not name.startswith("coverage/")}


@pytest.fixture
def desk(tmp_path: Path, present: datetime) -> Callable[..., Desk]:
    """A feed called `olist` that reads every file of a folder, in São Paulo."""

    def make(**options: Any) -> Desk:
        (tmp_path / "feeds").mkdir(exist_ok=True)
        return Desk(tmp_path / "feeds", options)

    return make


@dataclass
class Answer:
    """What the site answers to one request; `hold` keeps the client waiting until the site closes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: bool = False


@dataclass
class Site:
    """A web site on loopback that gives `answers` one after the other, the last one for ever."""

    url: str
    closing: threading.Event
    answers: list[Answer] = field(default_factory=list)
    requests: list[Mapping[str, str]] = field(default_factory=list)

    def then(self, status: int = 200, body: bytes | str = b"", hold: bool = False, **headers: str) -> Site:
        """Answer so next; underscores in header names stand for hyphens."""
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Answer(status, content, named, hold))
        return self


@pytest.fixture
def site() -> Iterator[Site]:
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.requests.append(dict(self.headers))
            answer = place.answers.pop(0) if len(place.answers) > 1 else place.answers[0]
            if answer.hold:
                closing.wait()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place = Site(f"http://127.0.0.1:{server.server_port}/feed", closing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield place
    closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
