from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.connect.connector import SourceError
from jobs.ingest.items import Reading, to_row
from jobs.ingest.rows import row_batches
from jobs.read.record import Record
from tests.feed_samples import ATOM, JSON_FEED, RDF, RSS_091, RSS_20

Records = Callable[..., list[Record]]


@pytest.mark.parametrize(
    ("content", "post_id", "published", "updated", "author"),
    [
        (RSS_091, "https://n.example/1", None, None, False),
        (RDF, "https://n.example/1", 3, 3, True),
        (RSS_20, "g-1", 3, None, True),
        (ATOM, "tag:n.example,2026:1", 3, 4, True),
        (JSON_FEED, "j-1", 3, 4, True),
    ],
    ids=["rss 0.91", "rdf", "rss 2.0", "atom", "json feed"],
)
def test_every_kind_of_feed_gives_the_same_item(
    records: Records,
    reading: Callable[..., Reading],
    content: str,
    post_id: str,
    published: int | None,
    updated: int | None,
    author: bool,
) -> None:
    (record,) = records("rss", content)
    row = to_row(reading(reader="rss"), 0, record)
    assert (row["title"], row["body"], row["url"]) == ("Café sobe", "O preço", "https://n.example/1")
    assert row["post_id"] == post_id
    assert row["published_at"] == (published and datetime(2026, 9, published, 12, tzinfo=UTC))
    assert row["updated_at"] == (updated and datetime(2026, 9, updated, 12, tzinfo=UTC))
    assert bool(row["author"]) == author
    assert "Café sobe" in row["payload"]
    assert "Ana" not in row["payload"]


def test_the_date_is_kept_as_the_source_wrote_it(records: Records, reading: Callable[..., Reading]) -> None:
    (record,) = records("rss", RSS_20)
    assert to_row(reading(reader="rss"), 0, record)["date_text"] == "Thu, 03 Sep 2026 09:00:00 -0300"


@hypothesis.settings(max_examples=120)
@given(st.sampled_from(["csv", "jsonl", "parquet", "rss"]), st.data())
def test_any_bytes_are_rows_or_a_source_error(
    tmp_path: Path, reading: Callable[..., Reading], reader: str, data: st.DataObject
) -> None:
    seeds = {"csv": b'id,text\n1,"a"\n', "jsonl": b'{"id":1,"text":"a"}\n', "rss": RSS_20.encode()}
    seed = data.draw(st.sampled_from([b"", seeds.get(reader, b"PAR1"), JSON_FEED.encode()]))
    place = data.draw(st.integers(0, len(seed)))
    content = seed[:place] + data.draw(st.binary(max_size=40)) + seed[data.draw(st.integers(place, len(seed))) :]
    (tmp_path / "feed").write_bytes(content)
    columns = {} if reader == "rss" else {"post_id": "id", "text": "text"}
    with suppress(SourceError):
        for batch in row_batches(reading(reader=reader, columns=columns), tmp_path / "feed"):
            batch.validate(full=True)


def test_long_items_come_in_smaller_batches(
    tmp_path: Path, reading: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.ingest.rows.BATCH_CHARACTERS", 1_000)
    lines = [json.dumps({"id": n, "text": "a" * 300}) for n in range(7)]
    (tmp_path / "body").write_text("\n".join(lines))
    batches = list(row_batches(reading(), tmp_path / "body"))
    assert [batch.num_rows for batch in batches] == [2, 2, 2, 1]
    assert [n for batch in batches for n in batch.column("post_id").to_pylist()] == [str(n) for n in range(7)]


def test_what_cannot_be_read_is_told_with_the_name_of_the_body(tmp_path: Path, reading: Callable[..., Reading]) -> None:
    (tmp_path / "body").write_text("hello")
    with pytest.raises(SourceError, match=r"^https://n\.example/feed: not a feed") as caught:
        list(row_batches(replace(reading(reader="rss"), source="https://n.example/feed"), tmp_path / "body"))
    assert caught.value.status == "failed"


def test_a_date_that_only_the_reader_understands_is_a_date(reading: Callable[..., Reading]) -> None:
    record = Record({"published_at": "2026-09"}, {}, dates={"published_at": "2026-09-01T00:00:00+00:00"})
    row = to_row(reading(), 0, record)
    assert (row["published_at"], row["date_source"]) == (datetime(2026, 9, 1, tzinfo=UTC), "feed")
    assert row["date_text"] == "2026-09"
