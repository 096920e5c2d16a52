"""Where a feed may go and how long it may take, against real servers on loopback."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import Body, SourceError
from jobs.connect.guard import Guard, GuardError, named_private

Fetched = Callable[..., tuple[list[Body], Any]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def speaking(pieces: Iterator[bytes], pause: float = 0, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that says `pieces` to whoever comes first, with a pause after each."""
    closing = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection = door.accept()[0]
            with context.wrap_socket(connection, server_side=True) if context else connection as spoken:
                spoken.recv(1 << 16)
                for piece in pieces:
                    spoken.sendall(piece)
                    if pause and closing.wait(pause):
                        return

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http{'s' if context else ''}://127.0.0.1:{door.getsockname()[1]}/feed"
        closing.set()
    thread.join()


def drops(start: bytes) -> Iterator[bytes]:
    """`start`, then a letter at a time, without end."""
    yield start
    while True:
        yield b"x"


def options(url: str, **http: Any) -> dict[str, Any]:
    return {"path": None, "url": url, "http": {"retries": 0, **http}}


@pytest.mark.parametrize(
    "start",
    [b"", HEAD + b"X-Slow: ", HEAD + b"\r\n", HEAD + b"Content-Length: 99999\r\n\r\n"],
    ids=["status", "headers", "body", "body of a length"],
)
@pytest.mark.parametrize("retries", [0, 2])
def test_a_byte_at_a_time_does_not_hold_a_run(fetched: Fetched, start: bytes, retries: int) -> None:
    with speaking(drops(start), 0.1) as url:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"not done within 1 seconds, its http\.deadline_seconds") as caught:
            fetched(**options(url, deadline_seconds=1, retries=retries))
        assert time.monotonic() - started < 3
    assert caught.value.status == "failed"


def test_the_time_is_one_for_all_tries(fetched: Fetched, site: Any) -> None:
    site.then(503, Retry_After="0").then(hold=True)
    with pytest.raises(SourceError, match=r"not done within 0\.5 seconds"):
        fetched(**options(site.url, deadline_seconds=0.5, retries=10))


@pytest.mark.parametrize("asked", ["999999", "9" * 30, "Thu, 03 Sep 2099 12:00:00 GMT"])
def test_a_wait_beyond_the_time_is_refused_at_once(fetched: Fetched, site: Any, asked: str) -> None:
    site.then(429, Retry_After=asked)
    with pytest.raises(SourceError, match=r"asks to wait \d+ seconds, and \d+ are left") as caught:
        fetched(**options(site.url, retries=2))
    assert (caught.value.status, len(site.requests)) == ("refused", 1)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "//192.168.1.1/",
    ],
)
def test_a_redirect_into_a_private_network_is_not_followed(fetched: Fetched, site: Any, target: str) -> None:
    site.then(302, Location=target)
    with pytest.raises(SourceError, match=r"lies in a private network; set http\.private of the feed"):
        fetched(**options(site.url))
    assert len(site.requests) == 1


def test_a_name_that_leads_to_a_private_address_is_not_asked(fetched: Fetched, site: Any) -> None:
    site.then(body="a")
    url = site.url.replace("127.0.0.1", "127.1")
    with pytest.raises(SourceError, match=r"127\.1 lies in a private network"):
        fetched(**options(url))
    assert site.requests == []


@pytest.mark.parametrize("allowed", ["by its own address", "by setting"])
def test_a_private_address_is_asked_where_the_feed_says_so(fetched: Fetched, site: Any, allowed: str) -> None:
    site.then(body="a")
    if allowed == "by setting":
        fetched(**options(site.url.replace("127.0.0.1", "127.1"), private=True))
    else:
        fetched(**options(site.url.replace("127.0.0.1", "localhost")))
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://127.0.0.1:80/a", {"127.0.0.1"}),
        ("http://LOCALHOST/a", {"localhost"}),
        ("https://[fd00::1]/a", {"fd00::1"}),
        ("https://192.168.0.4/", {"192.168.0.4"}),
        ("https://8.8.8.8/", set()),
        ("https://n.example/", set()),
        ("", set()),
    ],
)
def test_only_an_address_says_by_itself_that_it_is_private(url: str, hosts: set[str]) -> None:
    assert named_private(url) == hosts


def test_behind_a_proxy_the_time_counts_too(fetched: Fetched, monkeypatch: pytest.MonkeyPatch) -> None:
    with speaking(drops(HEAD + b"\r\n"), 0.1) as proxy:
        monkeypatch.setenv("http_proxy", proxy.removesuffix("/feed"))
        with pytest.raises(SourceError, match="not done within 1 seconds"):
            fetched(**options("http://n.example/feed", deadline_seconds=1))


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "socks5h://ana:s3cret@127.0.0.1:1", "SOCKS4://127.0.0.1:1"])
def test_a_proxy_that_goes_around_the_guard_is_not_used(
    fetched: Fetched, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(SourceError, match=r"SOCKS proxy .* is not used; name an HTTP proxy") as caught:
        fetched(**options("http://n.example/feed"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("http", "told"),
    [
        ({"deadline_seconds": 0.5}, r"not done within 0\.5 seconds, its http\.deadline_seconds"),
        ({"timeout_seconds": 0.2}, r"timed out; raise http\.timeout_seconds"),
    ],
)
def test_a_name_that_is_not_resolved_in_time_does_not_hold_a_run(
    fetched: Fetched, monkeypatch: pytest.MonkeyPatch, http: dict[str, float], told: str
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [over.wait(20)])
    started = time.monotonic()
    with pytest.raises(SourceError, match=told):
        fetched(**options("http://n.example/feed", **http))
    assert time.monotonic() - started < 3
    over.set()


def test_a_name_without_an_address_is_told_so(fetched: Fetched, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match="its name has no address"):
        fetched(**options("http://n.example/feed"))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The TLS of a server at 127.0.0.1 that is trusted."""
    files = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(files[0]), "-out", str(files[1])]
    subprocess.run([*command, *names], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[1]))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files[1], files[0])
    return made


def test_https_never_falls_to_http(fetched: Fetched, site: Any, context: ssl.SSLContext) -> None:
    site.then(body="a")
    moved = f"HTTP/1.1 302 Found\r\nLocation: {site.url}\r\nContent-Length: 0\r\n\r\n".encode()
    with speaking(iter([moved]), 0.5, context) as url, pytest.raises(SourceError, match="redirects from https to http"):
        fetched(**options(url))
    assert site.requests == []


def test_a_byte_at_a_time_over_tls_does_not_hold_a_run(fetched: Fetched, context: ssl.SSLContext) -> None:
    with speaking(drops(HEAD + b"\r\n"), 0.1, context) as url, pytest.raises(SourceError, match="not done within 1 s"):
        fetched(**options(url, deadline_seconds=1))


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "bearer", "token_env": "KEY"},
        {"kind": "header", "name": "X-Key", "token_env": "KEY"},
        {"kind": "query", "name": "api key", "token_env": "KEY"},
        {"kind": "basic", "username_env": "KEY", "password_env": "KEY"},
    ],
    ids=lambda auth: auth["kind"],
)
def test_a_key_never_goes_to_another_host(
    fetched: Fetched, site: Any, monkeypatch: pytest.MonkeyPatch, auth: dict[str, str]
) -> None:
    monkeypatch.setenv("KEY", "s3cret")
    elsewhere = site.url.replace("127.0.0.1", "localhost")
    site.then(302, Location=f"{elsewhere}?a=1&api+key=s3cret").then(body="a")
    fetched(**options(site.url, private=True, auth=auth))
    assert len(site.requests) == 2
    shown = str(site.requests[1]) + (site.paths[1] if auth["kind"] == "query" else "")
    assert "s3cret" not in shown
    assert "Authorization" not in site.requests[1]
    assert "a=1" in site.paths[1]


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("http://localhost:{port}/feed?key=s3cret&a=1", "/feed?a=1"),
        ("http://localhost:{port}/feed?token=s3cret", "/feed"),
        ("http://localhost:{port}/feed?a=1&user=ana%20b", "/feed?a=1"),
        ("http://127.0.0.1:{port}/other?key=s3cret&a=1", "/other?key=s3cret&a=1"),
        ("/other?key=s3cret", "/other?key=s3cret"),
    ],
)
def test_what_the_query_of_a_feed_says_never_goes_to_another_host(
    fetched: Fetched, site: Any, target: str, asked: str
) -> None:
    site.then(302, Location=target.format(port=site.url.split(":")[2].split("/")[0])).then(body="a")
    fetched(**options(f"{site.url}?key=s3cret&user=ana+b&empty=", private=True))
    assert site.paths[1] == asked


def test_the_body_of_a_redirect_is_not_read(fetched: Fetched, site: Any) -> None:
    site.then(302, b"x" * 30_000_000, Location="/other").then(body="a")
    tracemalloc.start()
    (body,), _ = fetched(**options(site.url))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert body.path is not None
    assert peak < 10e6


def test_many_connections_are_not_kept() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door, Guard(5, {"127.0.0.1"}) as guard:
        for _ in range(40):
            guard.connect("127.0.0.1", door.getsockname()[1], None, ()).close()
        assert len(guard._open) <= 32


def test_what_asks_after_its_time_is_told_so() -> None:
    with Guard(0) as guard, pytest.raises(GuardError, match="not done within 0 seconds"):
        guard.connect("127.0.0.1", 1, None, ())
