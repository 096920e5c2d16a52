"""The winning versions of each partition, hashed in bounded memory."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from jobs.lake.query import open_query
from jobs.lake.table import Lake
from jobs.validate import publish

DAYS = [str(date(2026, 1, 1) + timedelta(days=n)) for n in range(300)]
VERSIONS = """
CREATE TEMP TABLE newest AS
SELECT DATE '2026-01-01' + (i % 300)::INTEGER AS published_date, 'feed-' || i % 3 AS feed, 'a post by its number ' || i
    AS post_id, 'a batch' AS batch_id, i AS position, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS first_seen_at
FROM range({items}) one(i)
"""


def hashed(folder: Path, items: int, memory: str) -> dict[tuple[str, str], str]:
    with open_query(Lake(str(folder)), memory=memory) as query:
        query.connection.execute(VERSIONS.format(items=items))
        query.connection.execute("CREATE TEMP VIEW history AS FROM newest")
        found = publish.winners(query, DAYS)
    return {(str(row["published_date"]), row["feed"]): row["versions"] for row in found}


def test_of_how_many_at_a_time_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = hashed(tmp_path, 3000, "256MB")
    assert len(together) == 300
    monkeypatch.setattr(publish, "TOGETHER", 100)
    assert hashed(tmp_path, 3000, "256MB") == together


def test_a_million_versions_are_hashed_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(hashed(tmp_path, 1_000_000, "96MB")) == 300
    monkeypatch.setattr(publish, "TOGETHER", 10_000_000)
    with pytest.raises(duckdb.OutOfMemoryException):
        hashed(tmp_path, 1_000_000, "96MB")
