"""Every body of a folder, such as the tests in feedparser's source archive, through the feed reader as ingest uses it.

    python tests/benchmarks/feedparser_corpus.py feedparser-6.0.14/tests
    python tests/benchmarks/feedparser_corpus.py rss_de_valor_xml --repeat 5

It says how many bodies ended in anything but rows or a fault of their source, how many items feedparser found that did
not become rows, how many texts hold markup that a browser would act on, and how long reading all bodies took beside
feedparser alone, in CPU time of this process. It fails when there is one of these, or when it took over twice as long.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import feedparser

from jobs.connect.connector import SourceError
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.settings import Feed

MOST_TIMES = 2.0
ACTIVE = re.compile(r"<[a-zA-Z/!?][^<>]*>|<(?:script|iframe|object|embed|svg|img|style)\b", re.IGNORECASE)
SAID = ("title", "summary", "content", "link", "id", "enclosures", "links")
"""What makes an entry an item: something that a person wrote, or where it leads."""
FIRST = (
    "<rss><channel><item><title>cafÃ© &lt;b&gt;a&lt;/b&gt;</title><link>https://n.example</link></item></channel></rss>"
)
READING = Reading(
    Feed.model_validate({"name": "corpus", "kind": "news", "reader": "rss", "path": "*"}),
    ZoneInfo("UTC"), "batch", "body", datetime.now(UTC), b"key",
)  # fmt: skip


def ours(body: Path) -> tuple[list[Mapping[str, Any]], str | None]:
    """The rows that ingest would store of `body`, and the fault of its source."""
    rows: list[Mapping[str, Any]] = []
    try:
        for batch in row_batches(READING, body):
            rows += batch.to_pylist()
    except SourceError as fault:
        return rows, str(fault)
    return rows, None


def theirs(content: bytes) -> list[Any]:
    """The entries that feedparser alone finds, none where it breaks."""
    try:
        return list(feedparser.parse(content).entries)
    except Exception:
        return []


def is_item(entry: Mapping[str, Any]) -> bool:
    """Whether `entry` holds anything that a person wrote, or a link."""
    return any(entry.get(name) for name in SAID)


def active(row: Mapping[str, Any]) -> bool:
    """Whether a text of `row` holds markup, also once a reader has resolved its references."""
    texts = [str(row[name] or "") for name in ("title", "body", "url", "post_id")]
    return any(ACTIVE.search(text) or ACTIVE.search(html.unescape(text)) for text in texts)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` gives, and the seconds of CPU that it took."""
    began = time.process_time()
    return work(), time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=1, help="read everything so often, for time that can be told")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    crashes, lost, markup, entries, rows_in_all = [], [], [], 0, 0
    seconds = [0.0, 0.0]
    bodies = sorted(path for path in given.folder.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_text(FIRST, encoding="utf-8")
        ours(body), theirs(FIRST.encode())  # what is imported at the first body is no time of reading
        for path in bodies:
            content = path.read_bytes()
            body.write_bytes(content)
            for _ in range(given.repeat):
                found, alone = timed(lambda content=content: theirs(content))
                try:
                    (rows, fault), with_us = timed(lambda: ours(body))
                except Exception as crash:
                    crashes.append(f"{path}: {type(crash).__name__}: {crash}")
                    break
                seconds = [seconds[0] + alone, seconds[1] + with_us]
            else:
                items = sum(map(is_item, found))
                entries, rows_in_all = entries + items, rows_in_all + len(rows)
                if len(rows) < items:
                    lost.append(f"{path}: {len(rows)} of {items}: {fault}")
                markup += [f"{path}: {row['title']!r} {row['body']!r}" for row in rows if active(row)]
    ratio = seconds[1] / seconds[0] if seconds[0] else 0.0
    for what, found in (("crash", crashes), ("lost", lost), ("markup", markup)):
        print("\n".join(f"{what}: {line}" for line in found) or f"{what}: none")
    print(
        f"{len(bodies)} bodies: {len(crashes)} crashes, {len(lost)} with lost items, {rows_in_all} rows of {entries} "
        f"items, {len(markup)} with markup; {seconds[1]:.1f} s, feedparser alone {seconds[0]:.1f} s: {ratio:.2f} times"
    )
    return int(bool(crashes or lost or markup) or ratio > MOST_TIMES)


if __name__ == "__main__":
    sys.exit(main())
