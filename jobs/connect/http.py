"""One HTTP address, fetched whole when it has changed."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Generator
from contextlib import suppress
from email.message import Message
from pathlib import Path

from jobs.connect.client import Client, address
from jobs.connect.connector import Body, Outcome, Reach, Request
from jobs.settings import Feed

VALIDATORS = {"etag": ("ETag", "If-None-Match"), "last_modified": ("Last-Modified", "If-Modified-Since")}
NOT_MODIFIED = 304
DECLARED = re.compile(rb"\s*<\?xml[^>]*\bencoding\b")


def bodies(request: Request) -> Generator[Body, None, Outcome]:
    """The one body that lies at the feed's `url`; an unchanged one where the server says so.

    The cursor is {"address", "sha256"} and those of {"etag", "last_modified"} that the server gave; the address is a
    hash, since its query may hold a key. It stays where it was when the body broke off. A text that says nothing of its
    encoding is made UTF-8 from the one that the server names.
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
    _in_utf8(target, answer.headers.get("Content-Type", ""), request.feed)
    if not answer.whole:
        yield Body(target, name, answer.sha256)
        cut = f"{name}: the answer broke off after {target.stat().st_size} bytes; what could be read of it is kept"
        return Outcome(known, Reach(1, None, None, (cut,), {}))
    yield Body(target, name, answer.sha256, unchanged=answer.sha256 == known.get("sha256"))
    validators = {key: answer.headers[header] for key, (header, _) in VALIDATORS.items() if header in answer.headers}
    return Outcome({"address": place, "sha256": answer.sha256, **validators})


def _in_utf8(body: Path, content_type: str, feed: Feed) -> None:
    """Write the text `body` in UTF-8 where nothing but the header says what it is in: it is neither UTF-8 nor XML."""
    header = Message()
    header["Content-Type"] = content_type
    named = header.get_content_charset()
    if named is None or feed.encoding or feed.reader == "parquet":
        return
    content = body.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or DECLARED.match(content):
        return
    try:
        content.decode()
    except UnicodeDecodeError:
        with suppress(LookupError):  # it names an encoding that there is not
            body.write_bytes(content.decode(named, "replace").encode("utf-8", "replace"))
