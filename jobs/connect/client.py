"""HTTP for every connector that speaks it: credentials, limits, retries, and addresses that tell no key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import responses
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ProtocolError, TimeoutError

from jobs.connect.connector import CHUNK_BYTES, SourceError, Status
from jobs.connect.credentials import KeyHeader, KeyParameter, credential
from jobs.connect.guard import LONGEST_WAIT_SECONDS, Guard, GuardedAdapter, GuardError, Patience, named_private
from jobs.connect.redact import redact_logs
from jobs.connect.unpack import WAYS, CutError, PackedError, unpacked
from jobs.settings import Feed

RETRIED = (429, 500, 502, 503, 504)
KEY = re.compile(
    r"(?=\D*\d)(?=[^a-zA-Z]*[a-zA-Z])(?:[A-Za-z0-9_]{20,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
"""What in a path is taken for a key: at least twenty letters and digits in a row, or a UUID."""
REFUSED = (401, 402, 403, 404, 410, 429, 451)
FAULTS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (requests.exceptions.ProxyError, "the proxy cannot be reached or refuses"),
    (requests.exceptions.SSLError, "its certificate or its TLS is not accepted"),
    (NameResolutionError, "its name has no address"),
    (NewConnectionError, "the connection was refused, or no way leads there"),
    ((requests.Timeout, TimeoutError), "timed out; raise http.timeout_seconds if it is that slow"),
    (requests.TooManyRedirects, "redirects too often"),
    (PackedError, "its body is packed in a way that cannot be unpacked"),
    ((requests.ConnectionError, HTTPError), "the answer broke off"),
    (ValueError, "leads to what is no address of the web"),
)


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, headers (names in any case), SHA-256 of the body in hexadecimal.

    One that is not `whole` broke off in the middle of its body.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    sha256: str
    whole: bool


class Client:
    """Gets addresses as one feed's settings say; to be used in a `with`. Raises SourceError without its credentials.

    A client that `heeds` no answers asks again after faults of the network alone.
    """

    def __init__(self, feed: Feed, heeds: bool = True) -> None:
        redact_logs()
        hosts = named_private(feed.url or "") | named_private(feed.base_url)
        self.guard = Guard(feed.http.deadline_seconds, hosts, feed.http.private)
        retry = Patience(
            self.guard,
            total=feed.http.retries,
            status=None if heeds else 0,
            backoff_factor=1,
            status_forcelist=RETRIED if heeds else (),
            raise_on_status=False,
            respect_retry_after_header=heeds,
            retry_after_max=LONGEST_WAIT_SECONDS,
        )
        self._feed, self._session = feed, _Session(feed.url or "")
        self._session.auth = credential(feed)
        contact = f" (+{feed.http.contact})" if feed.http.contact else ""
        self._session.headers["User-Agent"] = f"sentinela/{version('sentinela')}{contact}"
        self._session.headers["Accept-Encoding"] = WAYS
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(self.guard, retry))

    def __enter__(self) -> Self:
        self.guard.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self.guard.__exit__()

    def get(self, url: str, target: Path, headers: Mapping[str, str]) -> Answer:
        """GET `url` into the file `target`, within the feed's time and size limits, retried as the server asks.

        Raises SourceError unless the answer is 2xx or 304.
        """
        answer = self.send("GET", url, target, headers=dict(headers))
        if answer.status >= 400:
            status: Status = "refused" if answer.status in REFUSED else "failed"
            raise SourceError(f"{address(url)}: answered {answer.status} {answer.reason}", status)
        return answer

    def send(self, method: str, url: str, target: Path, **options: Any) -> Answer:
        """Ask `url` and write what is answered, whatever its status, into the file `target`, within the feed's limits.

        The options are those of requests: headers, params, data, json, auth, allow_redirects. Raises SourceError when
        there is no answer.
        """
        timeout = self._feed.http.timeout_seconds
        try:
            self.guard.check()
            with self._session.request(method, url, stream=True, timeout=timeout, **options) as response:
                sha256, whole = self._save(response, target, address(url))
                self.guard.check()
                reason = responses.get(response.status_code, "")  # a server may say anything
                return Answer(response.status_code, reason, response.headers, sha256, whole)
        except (requests.RequestException, HTTPError, ValueError) as error:  # the last for what is no address
            raise self._fault(url, error) from None

    def _fault(self, url: str, error: Exception) -> SourceError:
        """What is told of `error`: its kind and never its text, which may hold what was asked."""
        try:
            self.guard.check()
        except GuardError as over:
            error = over
        if isinstance(error, GuardError):
            return SourceError(f"{address(url)}: {error}", error.status)
        return SourceError(f"{address(url)}: {_kind(error)}")

    def _save(self, response: requests.Response, target: Path, name: str) -> tuple[str, bool]:
        """Write the body to `target`; returns its SHA-256, and whether it ended where it should."""
        limit, digest, size, whole = self._feed.http.max_megabytes, hashlib.sha256(), 0, True
        pieces = response.raw.stream(CHUNK_BYTES, decode_content=False)
        with target.open("wb") as sink:
            try:
                for chunk in unpacked(pieces, response.headers.get("Content-Encoding", "")):
                    self.guard.check()
                    size += len(chunk)
                    if size > limit * 1e6:
                        raise SourceError(
                            f"{name}: more than {limit:g} MB; raise http.max_megabytes of feed {self._feed.name!r} if "
                            "that is right",
                            "capped",
                        )
                    digest.update(chunk)
                    sink.write(chunk)
            except (CutError, ProtocolError):
                whole = False
        return digest.hexdigest(), whole


class _Session(requests.Session):
    """A session that shows a feed's key to the feed's own host alone; requests sees to `Authorization` itself.

    What stands in the query of `url`, where the feed lies, may be a key too.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._said = {value for _, value in parse_qsl(urlsplit(url).query)}

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where `resp` redirects to; GuardError where what was asked in secret would be asked in the open."""
        target: str | None = super().get_redirect_target(resp)
        if target and resp.url.startswith("https:") and urljoin(resp.url, target).startswith("http:"):
            raise GuardError("redirects from https to http; it is not followed")
        if target:
            resp.close()
            resp._content = b""  # else it would be read whole, however large it is
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the key from a request that goes to another host."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if not self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            return
        prepared_request.url = without_parameters(str(prepared_request.url), lambda _, value: value in self._said)
        if isinstance(self.auth, KeyHeader):
            prepared_request.headers.pop(self.auth.name, None)
        if isinstance(self.auth, KeyParameter):
            prepared_request.url = without_parameter(prepared_request.url, self.auth.name)


def without_parameter(url: str, name: str) -> str:
    """`url` without the parameter `name` of its query."""
    return without_parameters(url, lambda named, _: named == name)


def without_parameters(url: str, is_left_out: Callable[[str, str], bool]) -> str:
    """`url` without the parameters of its query of whose name and value `is_left_out` holds."""
    parts = urlsplit(url)
    given = ((part, part.partition("=")) for part in parts.query.split("&"))
    kept = [part for part, (name, _, value) in given if not is_left_out(unquote_plus(name), unquote_plus(value))]
    return parts._replace(query="&".join(kept)).geturl()


def _kind(error: Exception) -> str:
    """What kind of fault `error` is, in words."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    said = (words for kind, words in FAULTS if isinstance(error, kind) or isinstance(reason, kind))
    return next(said, f"cannot be asked ({type(error).__name__})")


def address(url: str) -> str:
    """`url` as the lake and the log may know it: without query, fragment, and parts of its path that look like keys."""
    bare = re.split("[?#]", url, maxsplit=1)[0]
    return "/".join("..." if KEY.fullmatch(part) else part for part in bare.split("/"))
