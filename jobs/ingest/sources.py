"""Where bytes come from: files of a path or glob, or one HTTP address. What is in them is a reader's business."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jobs.ingest.redact import redact_logs, redacted
from jobs.settings import Feed

CHUNK_BYTES = 1 << 20
LONGEST_WAIT_SECONDS = 300
RETRIED = (429, 500, 502, 503, 504)
REFUSED = (401, 402, 403, 404, 410, 429, 451)


Status = Literal["failed", "refused", "capped"]


class SourceError(RuntimeError):
    """A source, or one file of it, could not be had or read. `status` is what the coverage ledger says."""

    def __init__(self, message: str, status: Status = "failed") -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Fetched:
    """One body of bytes lying in the local file `path`, named after where it came from.

    `validators` are the HTTP ETag and Last-Modified to send next time. An `unchanged` one has no bytes: it stands
    for the batch `batch_id` of an earlier fetch.
    """

    path: Path
    name: str
    sha256: str
    validators: Mapping[str, str] = field(default_factory=dict)
    unchanged: bool = False
    batch_id: str | None = None


def fetch(feed: Feed, cursor: Mapping[str, str], folder: Path) -> Iterator[Fetched]:
    """Every body of bytes that `feed` holds now, one at a time.

    `cursor` has the validators of the last complete fetch; `folder` takes downloads. Raises SourceError.
    """
    if feed.url:
        yield _download(feed, cursor, folder)
    else:
        yield from _files(str(feed.path))


def _files(pattern: str) -> Iterator[Fetched]:
    paths = sorted(Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file())
    if not paths:
        raise SourceError(f"{pattern}: no such file; mend `path` of the feed or put the file there")
    unreadable = []
    for path in paths:
        try:
            with path.open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
        except OSError as error:
            unreadable.append(f"{path}: cannot be read: {error.strerror}")
            continue
        yield Fetched(path, str(path), digest)
    if unreadable:
        raise SourceError("; ".join(unreadable))


def _download(feed: Feed, cursor: Mapping[str, str], folder: Path) -> Fetched:
    """Conditional GET of the feed's address, within its time and size limits, retried as the server asks."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    url, name, options = str(feed.url), address(feed), feed.http
    retry = Retry(
        total=options.retries,
        backoff_factor=1,
        status_forcelist=RETRIED,
        raise_on_status=False,
        respect_retry_after_header=True,
        retry_after_max=LONGEST_WAIT_SECONDS,
    )
    redact_logs()
    target, digest, size = folder / "body", hashlib.sha256(), 0
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            headers = {"User-Agent": "sentinela", **_conditions(cursor), **_token(feed)}
            with session.get(url, headers=headers, stream=True, timeout=options.timeout_seconds) as response:
                if response.status_code == requests.codes.not_modified and cursor:
                    return Fetched(target, name, "", unchanged=True, batch_id=cursor["batch_id"])
                if not response.ok:
                    status: Status = "refused" if response.status_code in REFUSED else "failed"
                    raise SourceError(f"{name}: answered {response.status_code} {response.reason}", status)
                with target.open("wb") as sink:
                    for chunk in response.iter_content(CHUNK_BYTES):
                        size += len(chunk)
                        if size > options.max_megabytes * 1e6:
                            raise SourceError(
                                f"{name}: more than {options.max_megabytes:g} MB; raise http.max_megabytes of feed "
                                f"{feed.name!r} if that is right",
                                "capped",
                            )
                        digest.update(chunk)
                        sink.write(chunk)
                validators = {
                    name: response.headers[header]
                    for name, header in (("etag", "ETag"), ("last_modified", "Last-Modified"))
                    if header in response.headers
                }
    except (requests.RequestException, ValueError) as error:  # the latter for a redirect to what is no address
        raise SourceError(f"{name}: {redacted(str(error))}") from None
    return Fetched(target, name, digest.hexdigest(), validators)


def address(feed: Feed) -> str:
    """The feed's URL without its query, which may hold a key, as the lake and the log may know it."""
    return re.split("[?#]", str(feed.url), maxsplit=1)[0]


def _conditions(cursor: Mapping[str, str]) -> dict[str, str]:
    headers = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    return {headers[name]: value for name, value in cursor.items() if name in headers}


def _token(feed: Feed) -> dict[str, str]:
    name = feed.http.token_env
    if name is None:
        return {}
    if name not in os.environ:
        raise SourceError(f"feed {feed.name!r}: the environment variable {name} with its token is not set", "refused")
    return {"Authorization": f"Bearer {os.environ[name]}"}
