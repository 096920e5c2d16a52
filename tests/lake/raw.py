"""Files of raw posts, without a fetch."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from data_contracts import schema
from jobs.lake.table import File, Lake
from jobs.lake.writer import write
from tests.lake.posts import SEEN


def fetched(lake: Lake, feed: str, ids: Sequence[str] = ("one",), batch: str = "b") -> list[File]:
    """A file of raw posts of `feed`, one row an id, not committed."""
    rows = [
        {
            "feed": feed, "kind": "review", "post_id": post_id, "batch_id": batch, "position": n, "content": post_id,
            "published_date": SEEN.date(), "date_source": "feed", "fetched_date": SEEN.date(), "fetched_at": SEEN,
            "body": post_id, "source": "file", "payload": "{}",
        }
        for n, post_id in enumerate(ids)
    ]  # fmt: skip
    batch_of_rows = pa.RecordBatch.from_pylist(rows, schema=schema("raw_posts"))
    return write(lake, "raw_posts", {"fetched_date": SEEN.date().isoformat(), "feed": feed}, batch, [batch_of_rows])
