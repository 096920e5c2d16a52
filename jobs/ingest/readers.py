"""One reader a wire format: a file of bytes -> a stream of records. Dates, text and identity are left as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jobs.delimited import LONGEST_FIELD, detect_delimiter, detect_encoding
from jobs.ingest.items import Record
from jobs.ingest.sources import Fetched, SourceError
from jobs.settings import Columns, Feed

PARQUET_ROWS = 4_096
RSS_PAYLOAD_DROPS = ("author", "author_detail", "authors", "publisher", "publisher_detail", "contributors")


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
        lines = csv.reader(source, delimiter=delimiter)
        header = next(lines, [])
        _require(feed, fetched, header)
        try:
            for values in lines:
                if not values:
                    continue
                if len(values) != len(header):
                    error = f"line {lines.line_num}: {len(values)} fields where the header has {len(header)}"
                    yield Record(payload={"fields": values}, error=error)
                    continue
                yield _mapped(dict(zip(header, values, strict=True)), feed.columns)
        except csv.Error as fault:
            yield Record(payload={"line": lines.line_num}, error=f"from line {lines.line_num} on: {fault}")


def _read_jsonl(feed: Feed, fetched: Fetched) -> Iterator[Record]:
    """One JSON object a line, UTF-8."""
    with fetched.path.open("rb") as source:
        for number, line in enumerate(source, start=1):
            text = line.decode("utf-8-sig", "replace").strip()
            if not text:
                continue
            try:
                item = json.loads(text)
            except ValueError as fault:
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
    except pa.ArrowInvalid as fault:
        raise SourceError(f"{fetched.name}: not a readable Parquet file: {fault}") from fault


def _read_rss(_: Feed, fetched: Fetched) -> Iterator[Record]:
    """RSS 0.9x to 2.0, RDF and Atom through feedparser; JSON Feed by its own keys. Held in memory whole."""
    content = fetched.path.read_bytes()
    if content.lstrip()[:1] == b"{":
        yield from _json_feed(content, fetched)
        return
    import feedparser

    parsed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    if not parsed.version and not parsed.entries:
        reason = parsed.get("bozo_exception") or "no RSS, RDF or Atom in it"
        raise SourceError(f"{fetched.name}: not a feed: {reason}")
    for entry in parsed.entries:
        bodies = [part.value for part in entry.get("content", []) if part.get("value")]
        payload = {key: value for key, value in entry.items() if key not in RSS_PAYLOAD_DROPS}
        yield Record(
            fields={
                "post_id": entry.get("id"),
                "title": entry.get("title"),
                "text": bodies[0] if bodies else entry.get("summary"),
                "author": entry.get("author"),
                "url": entry.get("link"),
                "published_at": _entry_date(entry, "published") or _entry_date(entry, "updated"),
                "updated_at": _entry_date(entry, "updated"),
            },
            payload=payload,
        )


def _entry_date(entry: Mapping[str, Any], name: str) -> str | None:
    """The date as feedparser understood it, in ISO; as the source wrote it when it did not."""
    understood = entry.get(f"{name}_parsed")
    if understood:
        year, month, day, hour, minute, second = understood[:6]
        return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}+00:00"
    return entry.get(name)


def _json_feed(content: bytes, fetched: Fetched) -> Iterator[Record]:
    """JSON Feed 1.x (jsonfeed.org)."""
    try:
        document = json.loads(content)
    except ValueError as fault:
        raise SourceError(f"{fetched.name}: neither XML nor JSON Feed: {fault}") from fault
    if not str(document.get("version", "")).startswith("https://jsonfeed.org/"):
        raise SourceError(f"{fetched.name}: JSON without a jsonfeed.org `version`; for JSON lines use reader jsonl")
    for item in document.get("items", []):
        authors = item.get("authors") or [item.get("author") or {}]
        yield Record(
            fields={
                "post_id": item.get("id"),
                "title": item.get("title"),
                "text": item.get("content_html") or item.get("content_text") or item.get("summary"),
                "author": authors[0].get("name") or authors[0].get("url"),
                "url": item.get("url") or item.get("external_url"),
                "published_at": item.get("date_published") or item.get("date_modified"),
                "updated_at": item.get("date_modified"),
            },
            payload={key: value for key, value in item.items() if key not in ("author", "authors")},
        )


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
