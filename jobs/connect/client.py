"""HTTP for every connector that speaks it: credentials, limits, retries, and addresses that tell no key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from jobs.connect.connector import CHUNK_BYTES, SourceError, Status
from jobs.connect.credentials import KeyHeader, credential
from jobs.connect.redact import redact_logs, redacted
from jobs.settings import Feed

LONGEST_WAIT_SECONDS = 300
RETRIED = (429, 500, 502, 503, 504)
REFUSED = (401, 402, 403, 404, 410, 429, 451)


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, headers (names in any case), SHA-256 of the body in hexadecimal."""

    status: int
    reason: str
    headers: Mapping[str, str]
    sha256: str


class Client:
    """Gets addresses as one feed's settings say; to be used in a `with`. Raises SourceError without its credentials.

    A client that `heeds` no answers asks again after faults of the network alone.
    """

    def __init__(self, feed: Feed, heeds: bool = True) -> None:
        redact_logs()
        retry = Retry(
            total=feed.http.retries,
            status=None if heeds else 0,
            backoff_factor=1,
            status_forcelist=RETRIED if heeds else (),
            raise_on_status=False,
            respect_retry_after_header=heeds,
            retry_after_max=LONGEST_WAIT_SECONDS,
        )
        self._feed, self._session = feed, _Session()
        self._session.auth = credential(feed)
        self._session.headers["User-Agent"] = "sentinela"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

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
            with self._session.request(method, url, stream=True, timeout=timeout, **options) as response:
                sha256 = self._save(response, target, address(url))
                return Answer(response.status_code, str(response.reason), response.headers, sha256)
        except (requests.RequestException, HTTPError, ValueError) as error:  # the last for what is no address
            raise SourceError(f"{address(url)}: {redacted(str(error))}") from None

    def _save(self, response: requests.Response, target: Path, name: str) -> str:
        """Write the body to `target`; returns its SHA-256."""
        limit, digest, size = self._feed.http.max_megabytes, hashlib.sha256(), 0
        with target.open("wb") as sink:
            for chunk in response.iter_content(CHUNK_BYTES):
                size += len(chunk)
                if size > limit * 1e6:
                    raise SourceError(
                        f"{name}: more than {limit:g} MB; raise http.max_megabytes of feed {self._feed.name!r} if "
                        "that is right",
                        "capped",
                    )
                digest.update(chunk)
                sink.write(chunk)
        return digest.hexdigest()


class _Session(requests.Session):
    """A session that shows a feed's key to the feed's own host alone; requests sees to `Authorization` itself."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the key from a request that goes to another host."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        elsewhere = self.should_strip_auth(response.request.url, prepared_request.url)  # type: ignore[no-untyped-call]
        if elsewhere and isinstance(self.auth, KeyHeader):
            prepared_request.headers.pop(self.auth.name, None)


def address(url: str) -> str:
    """`url` without query and fragment, which may hold a key, as the lake and the log may know it."""
    return re.split("[?#]", url, maxsplit=1)[0]
