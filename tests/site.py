"""A web site on loopback, for tests that fetch. Their folders take the fixture from here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Answer:
    """What the site answers to one request; `hold` keeps the client waiting until the site closes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    hold: bool = False


@dataclass
class Site:
    """A web site on loopback that gives `answers` one after the other, the last one for ever.

    `requests` are the headers, `paths` the paths with queries of what it was asked.
    """

    url: str
    closing: threading.Event
    answers: list[Answer] = field(default_factory=list)
    requests: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def then(self, status: int = 200, body: bytes | str = b"", hold: bool = False, **headers: str | None) -> Site:
        """Answer so next; underscores in header names stand for hyphens, None leaves a header out."""
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
            place.paths.append(self.path)
            answer = place.answers.pop(0) if len(place.answers) > 1 else place.answers[0]
            if answer.hold:
                closing.wait()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            if answer.status != 304:
                with suppress(ConnectionError):  # whoever asked may have heard enough
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
