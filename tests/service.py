"""Services on loopback: a real server whose answers a function makes, and shipped declarations that lead to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from jobs.connect.client import Client
from jobs.declaration import Declaration, shipped


@dataclass(frozen=True)
class Asked:
    """One request: its path, query, headers and what was posted."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    posted: str = ""


@dataclass
class Said:
    """An answer: a document, or text as it is."""

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None

    def to(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer the request of `handler` so."""
        body = (json.dumps(self.document) if self.text is None else self.text).encode()
        handler.send_response(self.status)
        for header, value in {"Content-Length": str(len(body)), **self.headers}.items():
            handler.send_header(header, value)
        handler.end_headers()
        handler.wfile.write(body)


@dataclass
class Service:
    """A server that answers as `answer` says, or the next of `faults` while there are any; `asked` are all requests.

    `changes` are what is declared otherwise here.
    """

    url: str
    answer: Callable[[Asked], Said] = field(default=lambda _: Said([]))
    asked: list[Asked] = field(default_factory=list)
    faults: list[Said] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)

    def declared(self, name: str) -> Declaration:
        """The shipped service `name`, asked here and without a pause between requests."""
        service = shipped(name)
        changes: dict[str, Any] = {"limits": {**service.limits.model_dump(), "pace_seconds": 0}}
        if service.base_url and "{" not in service.base_url:
            changes["base_url"] = self.url
        said = {**service.model_dump(exclude_defaults=True), **changes}
        for way in (said.get("sign_in", {}), said.get("sign_in", {}).get("instead") or {}):
            if "url" in way and "{" not in way["url"]:
                way["url"] = f"{self.url}/token"
        return Declaration.model_validate({**said, **self.changes})

    def feed(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Settings of a feed of the shipped service `name`, which is asked here."""
        service = self.declared(name)
        local = {"instance": self.url} if "instance" in service.parameters else {}
        return {"name": "feed", "kind": "post", "service": service, **local, **parameters}


class _Server(ThreadingHTTPServer):
    """The one server of all tests of a process, which answers for the `place` of the test that runs."""

    place: Service


@cache
def _server() -> _Server:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = server.place
            parts = urlsplit(self.path)
            posted = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), posted)
            place.asked.append(asked)
            said = place.faults.pop(0) if place.faults else place.answer(asked)
            said.to(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@contextmanager
def killed_after(requests: int) -> Iterator[None]:
    """The process is killed when it would send one request more than `requests` from here on."""
    send, left = Client.send, iter(range(requests))

    def until_killed(self: Client, *args: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return send(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "send", until_killed)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.fixture
def service() -> Service:
    server = _server()
    server.place = Service(f"http://127.0.0.1:{server.server_port}")
    return server.place
