"""One record of any reader -> one row of raw_posts: identity, date, plain text, pseudonym."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from courlan import normalize_url

from jobs.ingest.people import SEALED, SEALED_ID, People, masked, names_in, without_password
from jobs.read.record import Record
from jobs.settings import Feed
from jobs.values import encodable, parse_date, text_of

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_AFTER_FETCH = timedelta(days=1)
MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")
MOST_ESCAPES = 5
"""So often markup is looked for in what was escaped, or stood in an element such as <iframe>, in what came before."""
MOJIBAKE = re.compile(r"[ÃÂâ][\u0080-\u00bf\u2018-\u203a\u20ac\u2122]|ð\u0178")
DATE_IN_LINK = re.compile(r"/(20\d\d)[/-](\d{1,2})[/-](\d{1,2})(?=[/.\-_]|$)")
TIME_OF_DAY = re.compile(r"%-?[HIcXsT]")
ENDLESS_REFERENCE = re.compile(r"&#[xX]?0*[0-9a-fA-F]{9,};?")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff]")
SAID = (
    "kind", "published_at", "published_date", "date_source", "date_text", "updated_at", "title", "body", "author",
    "url", "rating", "read_error",
)  # fmt: skip
BLOCKS = {
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "option", "p", "pre",
    "section", "table", "td", "th", "tr", "ul",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What all items of one batch share."""

    feed: Feed
    zone: ZoneInfo
    batch_id: str
    source: str
    fetched_at: datetime
    author_key: bytes
    public: frozenset[str] = frozenset()
    """Handles, folded and without @, that are not hidden: those among the terms of brands and topics."""

    @cached_property
    def people(self) -> People:
        """The people of the feed."""
        return People(self.feed.name, self.author_key, self.public)


def to_row(reading: Reading, position: int, record: Record) -> dict[str, Any]:
    """The raw_posts row of `record`, the item at `position` (from 0) of its batch."""
    given = record.fields
    title, body, url = plain_text(given.get("title")), plain_text(given.get("text")), _url(given.get("url"))
    published_at, date_source = published(_date(record, "published_at", reading), url, reading)
    people, author = reading.people, text_of(given.get("author"))
    names = frozenset().union(*map(names_in, filter(None, map(text_of, (author, *record.people)))))
    row = {
        "feed": reading.feed.name,
        "kind": reading.feed.kind,
        "post_id": _identity(given, url, record),
        "batch_id": reading.batch_id,
        "position": position,
        "published_at": published_at,
        "published_date": _day(published_at, date_source, reading),
        "date_source": date_source,
        "date_text": text_of(given.get("published_at")),
        "updated_at": _plausible(parse_date(_date(record, "updated_at", reading), reading.feed), reading),
        "fetched_at": reading.fetched_at,
        "fetched_date": reading.fetched_at.astimezone(reading.zone).date(),
        "title": title,
        "body": body,
        "author": people.pseudonym(author) if author else None,
        "url": url,
        "rating": _number(given.get("rating")),
        "source": reading.source,
        "payload": _as_json(record.payload) if record.error else "",
        "read_error": record.error,
    }
    content = _content(row)  # of what was said before names were taken out, so that it is the same with every key
    return {**row, **_nameless(row, record, names, people), "content": content}


def _nameless(row: Mapping[str, Any], record: Record, names: Collection[str], people: People) -> dict[str, Any]:
    """What of `row` tells people otherwise than by their pseudonym, without that."""
    url, native = row["url"], row["post_id"]
    link = people.in_link(url, names) if url else None
    post_id = _id_without_names(native, url, link, names, people)
    known_by = {"url": url if link == url else None, "post_id": post_id}
    if record.error:
        return {**known_by, "payload": _as_json(masked(record.payload))}
    extra = {"author_pseudonym": row["author"]} if row["author"] else {}
    if url and link != url:
        extra[SEALED] = people.seal(url)
    if post_id != native:
        extra[SEALED_ID] = people.seal(native)
    payload = people.in_payload(record.payload, names, {native: post_id} if post_id != native else None)
    return {
        **known_by,
        "title": people.in_text(row["title"]),
        "body": people.in_text(row["body"]),
        "payload": _as_json({**payload, **extra} if extra else payload),
    }


def _id_without_names(native: str, url: str | None, link: str | None, names: Collection[str], people: People) -> str:
    """`native` without names, as far as the item's `url`, of which `link` is the nameless form, where it is that."""
    if url and link and native in (url, _from_link(url)):
        return native if link == url else _from_link(link)
    return people.in_id(native, names)


def _as_json(payload: Any) -> str:
    return encodable(json.dumps(payload, ensure_ascii=False, default=str))


def _content(row: Mapping[str, Any]) -> str:
    """Hash of what the item says. The payload counts only where nothing else could be read: sources put counters in."""
    said = [repr(row[name]) for name in SAID]
    basis = "\x1f".join([*said, row["payload"] if row["read_error"] else ""])
    return hashlib.sha256(basis.encode()).hexdigest()[:16]


def published(value: Any, url: str | None, reading: Reading) -> tuple[datetime | None, str]:
    """When an item was published and where that is known from (`date_source` of the contract).

    A date that cannot be read, or lies before 1990 or over a day after the fetch, gives way to a date in the link.
    """
    day = _day_alone(value, reading.feed)
    given = _noon(day, reading) if day else parse_date(value, reading.feed)
    if _plausible(given, reading):
        return given, "feed"
    linked = _date_in_link(url, reading)
    if linked is not None:
        return linked, "extracted"
    if given is not None:
        return given, "implausible"
    return None, "unreadable" if text_of(value) else "fallback"


def plain_text(value: Any) -> str | None:
    """`value` with HTML turned to text, wrong encodings mended where they can be, spaces folded; None when empty."""
    text = text_of(value)
    if text is None:
        return None
    text = _without_html(text)
    if MOJIBAKE.search(text):
        from ftfy import fix_encoding

        text = fix_encoding(text)
    lines = (" ".join(line.split()) for line in text.replace("\x00", "").splitlines())
    return "\n".join(line for line in lines if line) or None


def _without_html(text: str) -> str:
    for _ in range(MOST_ESCAPES):
        former, has_markup = text, MARKUP.search(text)
        if not has_markup and "&" not in text:
            return text
        text = ENDLESS_REFERENCE.sub("\ufffd", text)
        text = _without_markup(text) if has_markup else html.unescape(text)
        if text == former:
            break
    return MARKUP.sub(" ", text)


def _without_markup(text: str) -> str:
    import lxml.etree
    import lxml.html

    try:
        tree = lxml.html.fragment_fromstring(CONTROLS.sub("", text), create_parent="div")
    except (lxml.etree.LxmlError, ValueError):
        return html.unescape(re.sub(r"<[^>]*>", " ", text))
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.tag in ("script", "style"):
            element.drop_tree()
        elif element.tag in BLOCKS:
            element.text = "\n" + (element.text or "")
            element.tail = "\n" + (element.tail or "")
    return str(tree.text_content())


def _identity(given: Mapping[str, Any], url: str | None, record: Record) -> str:
    """Native id, else normalised link without trackers, else hash of the content."""
    native = text_of(given.get("post_id"))
    if native:
        return native
    if url:
        return _from_link(url)
    content = [text_of(given.get(name)) for name in ("title", "text", "published_at", "author")]
    basis = json.dumps(content if any(content) else record.payload, ensure_ascii=False, default=str)
    return "sha256:" + hashlib.sha256(basis.encode("utf-8", "replace")).hexdigest()[:32]


def _from_link(url: str) -> str:
    return _normalised(url).split("#", 1)[0]


def _normalised(url: str) -> str:
    try:
        return str(normalize_url(url))
    except ValueError:  # no valid address, such as http://[, but the same one at every fetch
        return url


def _date(record: Record, name: str, reading: Reading) -> Any:
    """The date called `name` as it was written; as its reader understood it where it can only be read so."""
    written = record.fields.get(name)
    if name not in record.dates or parse_date(written, reading.feed):
        return written
    return record.dates[name]


def _day(published_at: datetime | None, date_source: str, reading: Reading) -> date | None:
    """Day of the report that the item belongs to; None unless its date can be trusted."""
    trusted = published_at is not None and date_source in ("feed", "extracted")
    return published_at.astimezone(reading.zone).date() if published_at and trusted else None


def _date_in_link(url: str | None, reading: Reading) -> datetime | None:
    """Noon, in the report's zone, of a date such as /2026/09/03/ in the path of `url`."""
    found = DATE_IN_LINK.search(url or "")
    if not found:
        return None
    try:
        day = date(*(int(part) for part in found.groups()))
    except ValueError:
        return None
    return _plausible(_noon(day, reading), reading)


def _plausible(moment: datetime | None, reading: Reading) -> datetime | None:
    """`moment`, or None when it lies before EARLIEST or too far after the fetch."""
    return moment if moment and EARLIEST <= moment <= reading.fetched_at + LATEST_AFTER_FETCH else None


def _day_alone(value: Any, feed: Feed) -> date | None:
    """The day that `value` names without a time of day; None when it names a time too, or no day."""
    text = value.isoformat() if isinstance(value, date) else text_of(value)
    if text is None:
        return None
    timeless = feed.date_format if feed.date_format and not TIME_OF_DAY.search(feed.date_format) else None
    if timeless is None and len(text) > len("2026-09-03"):
        return None
    try:
        return datetime.strptime(text, timeless or "%Y-%m-%d").date()
    except ValueError:
        return None


def _noon(day: date, reading: Reading) -> datetime:
    """Noon of `day` where the report is read, so that a day without a time stays the day that was written."""
    return datetime.combine(day, time(12), reading.zone).astimezone(UTC)


def _url(value: Any) -> str | None:
    text = text_of(value)
    return without_password(text) if text and text.startswith(("http://", "https://")) else None


def _number(value: Any) -> float | None:
    text = text_of(value)
    try:
        number = float(text.replace(",", ".")) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
