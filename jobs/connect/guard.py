"""Connections that go where a feed may go, and end when its time is over.

A name is resolved here and nowhere else: the address that was checked is the one that is spoken to, at every hop of a
redirect. Behind an HTTP proxy that is the proxy's: where it leads to is for the proxy to check, and only the time
counts; others are not used.
What is asked, and with which credentials, is the client's business.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

MOST_OPEN = 32
"""Connections that are cut when the time is over: more than a client keeps open, which asks one thing at a time."""
LONGEST_WAIT_SECONDS = 1_000_000_000
"""What a server asks for is cut to this, which dates can still hold; the guard refuses far shorter waits."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class GuardError(HTTPError):
    """An address that a feed may not go to, or no time left. The message names no address but its host.

    `status` is what the coverage ledger says.
    """

    def __init__(self, message: str, status: Literal["failed", "refused"] = "failed") -> None:
        super().__init__(message)
        self.status: Literal["failed", "refused"] = status


class Guard:
    """The limits of one fetch: `seconds` for all that it asks, and the private `hosts` it may speak to, or `any_host`.

    To be used in a `with`: when the time is over, every connection is cut, however slowly the other side sends.
    """

    def __init__(self, seconds: float, hosts: Collection[str] = (), any_host: bool = False) -> None:
        self.seconds, self._hosts, self._any_host = seconds, set(hosts), any_host
        self._ends = time.monotonic() + seconds
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._open:
                connection.close()

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(self._ends - time.monotonic(), 0.0)

    def check(self) -> None:
        """Raise GuardError when the time is over."""
        if not self.left:
            raise GuardError(f"not done within {self.seconds:g} seconds, its http.deadline_seconds")

    def sleep(self, seconds: float) -> None:
        """Wait, or raise GuardError at once where that would take more time than is left."""
        self.check()
        if seconds >= self.left:
            raise GuardError(
                f"asks to wait {seconds:.0f} seconds, and {self.left:.0f} are left of http.deadline_seconds, "
                f"{self.seconds:g}",
                "refused",
            )
        time.sleep(seconds)

    def allow(self, host: str) -> None:
        """Let connections go to `host` wherever it lies."""
        self._hosts.add(_plain(host))

    def connect(self, host: str, port: int, timeout: float | None, options: Collection[Any]) -> socket.socket:
        """A connection to `host`, at an address that was checked. Raises GuardError, or OSError as sockets do."""
        self.check()
        fault: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, place in self._places(host.strip("[]"), port, timeout):
            self._allow(host, str(place[0]))
            made = socket.socket(family, kind, protocol)
            try:
                for option in options:
                    made.setsockopt(*option)
                made.settimeout(min(timeout or self.left, max(self.left, 0.001)))
                made.connect(place)
            except OSError as error:
                made.close()
                fault = error
                continue
            made.settimeout(timeout)
            self._keep(made.dup())  # a duplicate cuts the connection even while TLS holds the socket
            return made
        raise fault

    def _places(self, host: str, port: int, timeout: float | None) -> list[Any]:
        """Where `host` is, as socket.getaddrinfo says it; TimeoutError when it does not in time.

        Nothing can end that function, so that it is left behind in a thread of its own.
        """
        answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
            except Exception as fault:  # whatever it is, it is the asker's
                answers.put(fault)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=min(timeout or self.left, self.left))
        except queue.Empty:
            raise TimeoutError(f"{host} is not resolved in time") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.append(connection)
            if len(self._open) > MOST_OPEN:
                self._open.pop(0).close()

    def _allow(self, host: str, address: str) -> None:
        """Raise GuardError for an address of this machine, of a private or of a special network that is not allowed."""
        if not (_is_public(address) or self._any_host or _plain(host) in self._hosts):
            raise GuardError(f"{host} lies in a private network; set http.private of the feed if it may go there")

    def _cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Patience(Retry):
    """A Retry whose waits count against the time of `guard`."""

    def __init__(self, guard: Guard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard

    def new(self, **changes: Any) -> Self:
        """A copy with `changes`."""
        return super().new(guard=self._guard, **changes)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait as the server asks, else longer each time."""
        asked = self.get_retry_after(response) if response and self.respect_retry_after_header else None
        self._guard.sleep(asked or self.get_backoff_time())


class GuardedAdapter(HTTPAdapter):
    """An adapter all of whose connections are made by `guard`."""

    def __init__(self, guard: Guard, retries: Retry) -> None:
        self._guard = guard
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools, of connections that the guard makes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._guard)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        """The pools of connections to a proxy, which the guard makes and lets go there.

        Raises GuardError for one that speaks SOCKS: it is spoken to past the guard, whatever the feed may take.
        """
        scheme = proxy.partition(":")[0].lower()
        if scheme not in ("http", "https"):
            kind = "SOCKS" if scheme.startswith("socks") else scheme
            raise GuardError(
                f"the {kind} proxy that the environment sets is not used; name an HTTP proxy instead, or take it out "
                "of ALL_PROXY, HTTP_PROXY and HTTPS_PROXY",
                "refused",
            )
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        self._guard.allow(urlsplit(proxy).hostname or "")
        manager.pool_classes_by_scheme = _pools(self._guard)
        return manager


def named_private(url: str) -> frozenset[str]:
    """The host of `url` where its name says by itself that it is private: localhost, or such an address."""
    host = _plain(urlsplit(url).hostname or "")
    try:
        return frozenset() if _is_public(host) else frozenset({host})
    except ValueError:
        return frozenset({host} if host == "localhost" else ())


def _plain(host: str) -> str:
    return host.strip("[]").casefold()


def _is_public(address: str) -> bool:
    """Whether `address` lies in the public internet, also the IPv4 one that an IPv6 one stands for."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        in_nat64 = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or in_nat64 or found
    return found.is_global and not found.is_multicast


def _pools(guard: Guard) -> dict[str, type[Any]]:
    def connect(connection: HTTPConnection) -> socket.socket:
        timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
        host, port = connection._dns_host, connection.port or 0
        try:
            return guard.connect(host, port, timeout, connection.socket_options or ())
        except socket.gaierror as fault:
            raise NameResolutionError(host, connection, fault) from None
        except TimeoutError:
            raise ConnectTimeoutError(connection, "timed out") from None
        except OSError:
            raise NewConnectionError(connection, "refused") from None

    class Plain(HTTPConnection):
        _new_conn = connect

    class Secure(HTTPSConnection):
        _new_conn = connect

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
