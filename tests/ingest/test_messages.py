"""What is told of bodies that cannot be read: kind, place and what to do, and nothing of what stands in them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.connect.connector import SourceError
from jobs.ingest.folder import FolderError, fetch_folder
from jobs.ingest.items import Reading
from jobs.ingest.rows import row_batches
from jobs.settings import Feed

Readings = Callable[..., Reading]


def parquet_with_a_name() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"Ana s3cret": ["a" * 5_000]}), sink, compression="none")
    return sink.getvalue().replace(b"a" * 5_000, b"\xff" * 5_000)


BROKEN: list[tuple[str, bytes, str]] = [
    ("rss", b"Ana s3cret wrote this", "mend the feed's `url` or `reader`"),
    ("rss", b"<rss><channel><item><gml:pos>Ana s3cret</gml:pos></item></channel></rss>", "KeyError"),
    ("rss", b'<?xml version="1.0"?><x>Ana &s3cret;<y></x>', "not a feed"),
    ("rss", b'{"version": "https://jsonfeed.org/version/1", "items": [{"Ana": s3cret}]}', "broken at character 65"),
    ("csv", b"1,Ana,adorei,s3cret\n2,Rui,bom,x\n", "4 fields in its first line"),
    ("parquet", b"PAR1 Ana s3cret PAR1", "not a readable Parquet file"),
    ("parquet", parquet_with_a_name()[:-9], "not a readable Parquet file"),
    ("declared", b'[{"acct": "Ana", "content": "s3cret"', "not JSON: broken at character 37"),
    ("declared", b'["Ana s3cret \xff"]', "byte 14 is not UTF-8"),
    ("declared", b"[" * 100_000 + b"Ana s3cret", "nested too deeply"),
]


@pytest.mark.parametrize(("reader", "content", "told"), BROKEN, ids=[f"{one[0]} {n}" for n, one in enumerate(BROKEN)])
def test_what_cannot_be_read_is_told_without_a_word_of_it(
    reading: Readings, tmp_path: Path, reader: str, content: bytes, told: str
) -> None:
    share = reading(reader=reader) if reader != "declared" else reading()
    if reader == "declared":
        feed = Feed.model_validate({"name": "f", "kind": "post", "service": "mastodon", "tags": ["a"]})
        share = Reading(**{**share.__dict__, "feed": feed})
    (tmp_path / "body").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        list(row_batches(share, tmp_path / "body"))
    fault: BaseException | None = caught.value
    assert told in str(fault)
    while fault:
        assert not [word for word in ("Ana", "s3cret", "adorei") if word in str(fault)]
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def test_a_fault_of_a_folder_is_told_by_its_kind() -> None:
    with pytest.raises(FolderError, match=r"cannot be put there: OSError; make room there"), fetch_folder():
        raise OSError("Ana s3cret")
    with pytest.raises(FolderError, match=r"No space left on device; make room there"), fetch_folder():
        raise OSError(28, "Ana s3cret")


def lines(reading: Readings, tmp_path: Path, reader: str, content: str) -> list[Any]:
    (tmp_path / "body").write_text(content)
    batches = row_batches(reading(reader=reader), tmp_path / "body")
    return [row["read_error"] for batch in batches for row in batch.to_pylist()]


def test_what_cannot_be_read_of_a_line_is_told_without_a_word_of_it(reading: Readings, tmp_path: Path) -> None:
    assert lines(reading, tmp_path, "jsonl", '{"Ana": s3cret}\n') == [
        "line 1: not JSON in UTF-8: broken at character 9"
    ]
