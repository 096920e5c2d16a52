"""One HTTP address, fetched whole when it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Generator

from jobs.connect.client import Client, address
from jobs.connect.connector import Body, Outcome, Request

VALIDATORS = {"etag": ("ETag", "If-None-Match"), "last_modified": ("Last-Modified", "If-Modified-Since")}
NOT_MODIFIED = 304


def bodies(request: Request) -> Generator[Body, None, Outcome]:
    """The one body that lies at the feed's `url`; an unchanged one where the server says so.

    The cursor is {"address", "sha256"} and those of {"etag", "last_modified"} that the server gave; the address is a
    hash, since its query may hold a key.
    """
    url, target = str(request.feed.url), request.folder / "body"
    name, place = address(url), hashlib.sha256(url.encode()).hexdigest()
    known = request.cursor if request.cursor.get("address") == place else {}
    conditions = {header: known[key] for key, (_, header) in VALIDATORS.items() if key in known}
    with Client(request.feed) as client:
        answer = client.get(url, target, conditions)
    if answer.status == NOT_MODIFIED and conditions:
        yield Body(None, name, known["sha256"], unchanged=True)
        return Outcome(known)
    yield Body(target, name, answer.sha256, unchanged=answer.sha256 == known.get("sha256"))
    validators = {key: answer.headers[header] for key, (header, _) in VALIDATORS.items() if header in answer.headers}
    return Outcome({"address": place, "sha256": answer.sha256, **validators})
