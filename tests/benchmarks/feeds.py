"""A hundred feeds of twelve services side by side, each tenth of them hostile in a way of its own, on loopback.

    python tests/benchmarks/feeds.py                # 100 feeds, a deadline of 20 s each
    python tests/benchmarks/feeds.py --feeds 24

It says how long the run took, its CPU time (that of the server included), the most memory it used, and every feed
whose items or line on the ledger are not as they should be; it fails when there is one, when the run took a minute more
than the deadline, or a gigabyte.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jobs.declaration import Declaration, shipped, shipped_names
from jobs.lake.table import Lake
from jobs.pipeline import ingest_all
from jobs.settings import Http, Settings, Window
from tests import stored
from tests.connect.networks import hacker_news, mastodon
from tests.service import Asked, Said

ANSWERS = Path(__file__).parents[1] / "connect" / "answers"
SAMPLES = ("app_store", "discourse", "gdelt", "lemmy", "meta", "newsapi", "stack_exchange", "trustpilot", "wordpress",
           "youtube")  # fmt: skip
NOON = datetime(2026, 9, 29, 12, tzinfo=UTC)
POSTS = [(NOON + timedelta(minutes=n), f"O café número {n} estava bom") for n in range(300)]
DAY = Window(start=date(2026, 9, 29), end=date(2026, 9, 29))
HERE = "http://127.0.0.1"
DRIP_SECONDS = 60
Raw = Callable[[BaseHTTPRequestHandler], None]


def hang(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""
    time.sleep(DRIP_SECONDS)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte a second."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(DRIP_SECONDS):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(1)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body that does not end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" + b" " * 65_536)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """A connection that breaks off."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def said(status: int, body: str = "", **headers: str) -> Raw:
    """An answer of any kind."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


HOSTILE: dict[str, Raw] = {
    "hang": hang,
    "drip": drip,
    "endless": endless,
    "reset": reset,
    "redirect": said(302, Location="http://169.254.169.254/latest/meta-data"),
    "login page": said(200, "<html>log in</html>"),
    "error": said(500),
    "wait for ever": said(429, Retry_After="999999"),
    "nested": said(200, "[" * 100_000),
    "truncated": said(200, '{"items": [{"id": 1'),
}


class Feeds:
    """The feeds, what each is answered with, and how many items it should bring; None of a hostile one."""

    def __init__(self, url: str, count: int, deadline: float) -> None:
        self.settings: list[dict[str, Any]] = []
        self.items: dict[str, int | None] = {}
        self.answers: dict[str, Callable[[Asked], Said] | Raw] = {}
        http = {"timeout_seconds": min(deadline, 10), "retries": 1}
        http |= {"deadline_seconds": deadline} if "deadline_seconds" in Http.model_fields else {}
        names = ["mastodon", "hacker_news", *SAMPLES]
        for number in range(count):
            service, place = names[number % len(names)], f"{url}/f{number}"
            feed = f"f{number}"
            self.items[feed], self.answers[feed], parameters = _good(service)
            if number % 10 == 7:
                way = list(HOSTILE)[number // 10 % len(HOSTILE)]
                self.items[feed], self.answers[feed] = None, HOSTILE[way]
            declared = _declared(service, place)
            self.settings.append({"name": feed, "kind": "post", "service": declared, "http": http, **parameters})


def _declared(name: str, url: str) -> Declaration:
    service = shipped(name)
    limits = {**service.limits.model_dump(), "pace_seconds": 0}
    base = service.base_url or ""
    base = base.replace("{instance}", url) if "{instance}" in base else url
    return Declaration.model_validate({**service.model_dump(exclude_defaults=True), "limits": limits, "base_url": base})


def _good(name: str) -> tuple[int, Callable[[Asked], Said], dict[str, Any]]:
    """Items, answers and parameters of a feed of the service `name`."""
    if name == "mastodon":
        return len(POSTS), mastodon(POSTS, 40), {"instance": HERE, "tags": ["aurora"]}
    if name == "hacker_news":
        return len(POSTS), hacker_news(POSTS, 100), {"query": "aurora"}
    sample = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    pages = iter(sample["pages"])

    def answer(_: Asked) -> Said:
        page = next(pages)
        return Said(page["body"], page.get("status", 200), page.get("headers", {}), page.get("text"))

    given = {parameter: HERE if value == "HERE" else value for parameter, value in sample["feed"].items()}
    return len(sample["items"]), answer, given


@contextmanager
def serving() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server on loopback and, to be filled, the answers of each feed, which is the beginning of its paths."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            _, feed, path = parts.path.split("/", 2)
            answer = answers[feed]
            try:
                if answer in HOSTILE.values():
                    answer(self)
                    return
                asked = Asked(f"/{feed}/{path}", dict(parse_qsl(parts.query)), dict(self.headers))
                answer(asked).to(self)
            except OSError:  # the client went away
                return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--deadline", type=float, default=20)
    given = parser.parse_args()
    os.environ["SOURCE_DATE_EPOCH"] = str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp()))
    for name in shipped_names():
        os.environ |= {f"{name.upper()}_{what}": "s3cret" for what in ("USERNAME", "PASSWORD", "TOKEN")}
    with tempfile.TemporaryDirectory() as folder, serving() as (url, answers):
        feeds = Feeds(url, given.feeds, given.deadline)
        answers |= feeds.answers
        settings = Settings.model_validate({"lake": f"{folder}/lake", "feeds": feeds.settings})
        began = time.monotonic()
        ingest_all(settings, feeds.items, DAY)
        seconds = time.monotonic() - began
        wrong = differences(Lake(settings.lake), feeds)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    busy = time.process_time()
    print(
        f"{given.feeds} feeds, deadline {given.deadline:g} s: {seconds:.0f} s ({busy:.0f} s of CPU), {megabytes:.0f} MB"
    )
    print("\n".join(wrong) or "every feed has its items and its line")
    return int(bool(wrong) or seconds > given.deadline + 60 or megabytes > 1000)


def differences(lake: Lake, feeds: Feeds) -> list[str]:
    """A line for each feed whose items or line on the ledger are not as they should be."""
    rows = Counter(row["feed"] for row in stored.rows(lake, "raw_posts"))
    lines = {line["feed"]: line for line in stored.rows(lake, "coverage")}
    wrong = []
    for feed, items in feeds.items.items():
        status, message = (lines[feed]["status"], lines[feed]["message"]) if feed in lines else (None, None)
        is_right = status == "complete" if items is not None else status in ("failed", "refused", "capped", "partial")
        if rows[feed] != (items or 0) or not is_right:
            wrong.append(f"{feed}: {rows[feed]} items of {items}, {status}: {message}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
