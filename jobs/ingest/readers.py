"""One reader a wire format: a file of bytes -> a stream of records. Dates, text and identity are left as they are."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

from jobs.delimited import LONGEST_FIELD, detect_delimiter, detect_encoding
from jobs.ingest.items import Record, parse_date
from jobs.ingest.sources import Fetched, SourceError
from jobs.settings import Columns, Feed

PARQUET_ROWS = 4_096
RSS_NAMES = (
    "author", "author_detail", "authors", "contributors", "credit", "media_credit", "publisher", "publisher_detail",
)  # fmt: skip


def read(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    """The records of `fetched`, in order; SourceError when the file is not what the feed's reader expects.

    A record that cannot be read is a Record with its `error`, so that it is quarantined and not lost.
    """
    yield from READERS[feed.reader](feed, fetched)


def _read_csv(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    """Delimited text with a header line; encoding and delimiter are detected where the feed names none."""
    csv.field_size_limit(LONGEST_FIELD)
    encoding = feed.encoding or detect_encoding(fetched.path)
    with fetched.path.open(encoding=encoding, errors="replace", newline="") as source:
        header_line = source.readline()
        delimiter = feed.delimiter or detect_delimiter(header_line, _wanted(feed))
        source.seek(0)
        rows = _csv_rows(_Lines(source), delimiter)
        _, header, _ = next(rows, (1, [], None))
        _require(feed, fetched, header)
        for number, values, error in rows:
            if not error and len(values) != len(header):
                error = f"{len(values)} fields where the header has {len(header)}"
            if error:
                yield Record(payload={"fields": values}, error=f"line {number}: {error}")
            else:
                yield _mapped(dict(zip(header, values, strict=True)), feed.columns)


@dataclass
class _Lines:
    """The lines of a text for csv.reader; keeps those of the row being read, of which line `first` is the first."""

    source: Iterator[str]
    first: int = 1
    pending: list[str] = field(default_factory=list)
    ended: bool = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self.source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.pending.append(line)
        return line

    def advance(self, count: int) -> None:
        """Go on behind the first `count` of the pending lines."""
        self.source = chain(self.pending[count:], self.source) if self.pending[count:] else self.source
        self.first, self.pending, self.ended = self.first + count, [], False


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(first line, fields, error) of every row that is not blank.

    A quote that is never closed would swallow the rows after it: its line comes alone, with an error.
    """
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        fault: str | None = None
        try:
            values = next(rows)
            if lines.ended:
                fault = "a quote is opened and never closed"
        except csv.Error as error:
            fault = str(error)
        except StopIteration:
            return
        number = lines.first
        if fault:
            values = [lines.pending[0].rstrip("\r\n")]
        lines.advance(1 if fault else len(lines.pending))
        if values:
            yield number, values, fault


def _read_jsonl(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    """One JSON object a line, UTF-8."""
    with fetched.path.open("rb") as source:
        for number, line in enumerate(source, start=1):
            text = line.decode("utf-8-sig", "replace").strip()
            if not text:
                continue
            try:
                item = json.loads(text)
            except (ValueError, RecursionError) as fault:
                yield Record(payload={"line": text}, error=f"line {number}: not JSON: {fault}")
                continue
            if isinstance(item, dict):
                yield _mapped(item, feed.columns)
            else:
                yield Record(payload={"line": text}, error=f"line {number}: not a JSON object")


def _read_parquet(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(fetched.path) as source:
            _require(feed, fetched, source.schema_arrow.names)
            for batch in source.iter_batches(batch_size=PARQUET_ROWS):
                for item in batch.to_pylist():
                    yield _mapped(item, feed.columns)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        raise SourceError(f"{fetched.name}: not a readable Parquet file: {fault}") from fault


def _read_rss(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    """RSS 0.9x to 2.0, RDF and Atom through feedparser; JSON Feed by its own keys. Held in memory whole."""
    content = fetched.path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if content.lstrip()[:1] == b"{":
        yield from _json_feed(content, fetched)
        return
    import feedparser

    try:
        parsed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    except Exception as fault:  # it breaks on elements outside their place, in as many ways as there are elements
        raise SourceError(f"{fetched.name}: not a feed that can be read: {type(fault).__name__}: {fault}") from fault
    if not parsed.get("version") and not parsed.entries:
        reason = parsed.get("bozo_exception") or "no RSS, RDF or Atom in it"
        raise SourceError(f"{fetched.name}: not a feed: {reason}")
    for entry in parsed.entries:
        bodies = [part.value for part in entry.get("content", []) if part.get("value")]
        yield Record(
            fields={
                "post_id": entry.get("id"),
                "title": entry.get("title"),
                "text": bodies[0] if bodies else entry.get("summary"),
                "author": entry.get("author"),
                "url": entry.get("link"),
                "published_at": _entry_date(feed, entry, "published") or _entry_date(feed, entry, "updated"),
                "updated_at": _entry_date(feed, entry, "updated"),
            },
            payload=_nameless(entry),
        )


def _nameless(item: Mapping[str, Any]) -> dict[str, Any]:
    """`item` without what names people, also in the source that it was taken over from."""
    kept = {key: value for key, value in item.items() if key not in RSS_NAMES}
    return {key: _nameless(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


def _entry_date(feed: Feed, entry: Mapping[str, Any], name: str) -> str | None:
    """The date as the source wrote it; in ISO where only feedparser understands it."""
    if name not in entry:  # feedparser gives `published` for a missing `updated`
        return None
    understood = entry.get(f"{name}_parsed")
    if understood and parse_date(entry[name], feed) is None:
        year, month, day, hour, minute, second = understood[:6]
        return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}+00:00"
    return str(entry[name])


def _json_feed(content: bytes, fetched: Fetched) -> Iterator[Record]:
    """JSON Feed 1.x (jsonfeed.org)."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise SourceError(f"{fetched.name}: neither XML nor JSON Feed: {fault}") from fault
    if not str(document.get("version", "")).startswith("https://jsonfeed.org/"):
        raise SourceError(f"{fetched.name}: JSON without a jsonfeed.org `version`; for JSON lines use reader jsonl")
    items = document.get("items") or []
    if not isinstance(items, list):
        raise SourceError(f"{fetched.name}: JSON Feed whose `items` is not a list")
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            yield Record(payload={"item": item}, error=f"item {number}: not a JSON object")
            continue
        author = _first_author(item)
        yield Record(
            fields={
                "post_id": item.get("id"),
                "title": item.get("title"),
                "text": item.get("content_html") or item.get("content_text") or item.get("summary"),
                "author": author.get("name") or author.get("url"),
                "url": item.get("url") or item.get("external_url"),
                "published_at": item.get("date_published") or item.get("date_modified"),
                "updated_at": item.get("date_modified"),
            },
            payload={key: value for key, value in item.items() if key not in ("author", "authors")},
        )


def _first_author(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first author that is an object: one of `authors` (JSON Feed 1.1), else `author` (1.0); empty without any."""
    authors = item.get("authors")
    named = [*(authors if isinstance(authors, list) else []), item.get("author")]
    return next((author for author in named if isinstance(author, dict)), {})


READERS: dict[str, Callable[[Feed, Fetched], Iterator[Record]]] = {
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
    "rss": _read_rss,
}


def _mapped(item: Mapping[str, Any], columns: Columns) -> Record:
    """The record of `item` by the feed's `columns`; what names the author is left out of the payload."""
    paths = columns.model_dump(exclude_none=True)
    root = columns.author.split(".", 1)[0] if columns.author and columns.author not in item else columns.author
    return Record(
        fields={name: _at(item, path) for name, path in paths.items()},
        payload={key: value for key, value in item.items() if key != root},
    )


def _at(item: Any, path: str) -> Any:
    """The value at `path`: a key of `item`, else dotted keys into nested objects; None where there is none."""
    if path in item:
        return item[path]
    for key in path.split("."):
        item = item.get(key) if isinstance(item, Mapping) else None
    return item


def _require(feed: Feed, fetched: Fetched, header: list[str]) -> None:
    missing = sorted(_wanted(feed) - set(header))
    if missing:
        raise SourceError(
            f"{fetched.name}: no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, header))}. "
            f"Mend `columns` of feed {feed.name!r} (or its delimiter and encoding)"
        )


def _wanted(feed: Feed) -> set[str]:
    """The columns of the source that the feed's settings name."""
    return set(feed.columns.model_dump(exclude_none=True).values())
