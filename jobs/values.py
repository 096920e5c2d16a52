"""Values as sources write them -> documents, text that UTF-8 can hold, moments.

What they are values of is not known here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from jobs.settings import Feed

ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
EPOCH = re.compile(r"\d{9,}(\.\d+)?")


def parse_json(content: bytes) -> Any:
    """The JSON document in `content`, also with control characters and backslashes in it that JSON does not allow.

    Raises ValueError where it is none, RecursionError where it is nested too deeply.
    """
    try:
        return json.loads(content, strict=False)
    except json.JSONDecodeError as fault:
        if "escape" not in fault.msg:
            raise
        mended = ESCAPE.sub(lambda escape: escape[0] if len(escape[0]) > 1 else r"\\", fault.doc)
        return json.loads(mended, strict=False)


def parse_date(value: Any, feed: Feed) -> datetime | None:
    """`value` as a UTC time: the feed's date_format, ISO 8601, RFC 822 or Unix seconds; None if it is none of them.

    A time that names no zone is one of the feed's zone.
    """
    if isinstance(value, date):
        value = value.isoformat()
    text = text_of(value)
    if text is None:
        return None
    parsers: list[Callable[[str], datetime]] = [datetime.fromisoformat, parsedate_to_datetime, _by_epoch]
    if EPOCH.fullmatch(text):
        parsers.reverse()  # 13 digits can be read as ISO 8601 too: 1712010112345 would be a day of the year 1712
    if feed.date_format:
        parsers.insert(0, partial(_by_format, feed.date_format))
    for parse in parsers:
        try:
            return _in_utc(parse(text), feed)
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            continue
    return None


def _by_format(date_format: str, text: str) -> datetime:
    return datetime.strptime(text, date_format)


def _by_epoch(text: str) -> datetime:
    seconds = float(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)


def _in_utc(moment: datetime, feed: Feed) -> datetime:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(feed.timezone))
    return zoned.astimezone(UTC)


def text_of(value: Any) -> str | None:
    """`value` as text that UTF-8 can hold, without outer spaces; None when nothing is left."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else str(value)
    return encodable(text).strip() or None


def encodable(text: str) -> str:
    """`text` with lone surrogates, which UTF-8 cannot hold, replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
