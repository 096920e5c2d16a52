from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import contract, schema
from jobs.lake.faults import LakeError
from jobs.lake.query import View, open_query, sql_days, sql_text
from jobs.lake.table import TABLES, UNDATED, Lake, Partition, as_day
from jobs.lake.writer import write
from tests.cluster import needs_java, session
from tests.lake.posts import DAY, commit, posts, publish, written

UNDATED_DAY, NEXT = Partition(UNDATED, "b2w"), Partition("2026-09-04", "b2w")

QUARANTINED = {"rules": ["text_length"], "position": 0, "source": "file", "payload": "{}"}


def of_verdict(lake: Lake, partition: Partition, verdict: str, texts: list[str]) -> None:
    """Commit a file of judged posts with `verdict`."""
    values = {"published_date": partition.day, "feed": partition.feed, "verdict": verdict}
    dataset = "posts" if verdict.endswith("passed") else "quarantine"
    rows = posts(partition, texts).to_pylist()
    batch = pyarrow.RecordBatch.from_pylist([{**row, **QUARANTINED} for row in rows], schema(dataset))
    commit(lake, write(lake, dataset, values, "made", [batch]))


def texts(lake: Lake, view: View, dataset: str = "posts", held: bool = False) -> list[str]:
    with view.query() as query:
        query.read(dataset, held=held)
        return [row["text"] for row in query.rows(f"SELECT text FROM {dataset} ORDER BY text")]


def test_a_view_reads_the_versions_that_it_saw_first(lake: Lake) -> None:
    publish(lake, DAY, ["velho"])
    view, unused = View(lake), View(lake)
    assert texts(lake, view) == ["velho"]
    publish(lake, DAY, ["novo"])
    publish(lake, NEXT, ["mais"])
    assert texts(lake, view) == ["velho"]
    assert texts(lake, unused) == ["mais", "novo"]
    assert view.days("posts") == ["2026-09-03"]


def test_a_view_pins_a_table_that_was_not_there_as_empty(lake: Lake) -> None:
    view = View(lake)
    assert view.versions() == dict.fromkeys(TABLES)
    publish(lake, DAY, ["novo"])
    assert texts(lake, view) == []
    assert view.rows("posts") == 0


def test_a_view_can_be_had_again_by_its_versions(lake: Lake) -> None:
    before = View(lake).versions()
    publish(lake, DAY, ["velho"])
    pins = View(lake).versions()
    publish(lake, DAY, ["novo"])
    assert texts(lake, View(lake, pins)) == ["velho"]
    assert texts(lake, View(lake, before)) == []
    assert View(lake, pins).versions() == pins
    with pytest.raises(LakeError, match=r"version 9 of .*judged_posts: cannot be read"):
        View(lake, {"judged_posts": 9}).files("posts")


def test_a_view_while_others_commit_never_sees_a_mixture(lake: Lake) -> None:
    """Every generation has its own number in every row of two partitions, and its own number of rows."""

    def republish(generation: int) -> None:
        table = lake.table("judged_posts")
        add = [file for p in (DAY, NEXT) for file in written(lake, p, [str(generation)] * (100 + generation % 7))]
        commit(lake, add, [*table.of(DAY), *table.of(NEXT)])

    def look() -> int:
        seen = texts(lake, View(lake))
        (generation,) = {int(text) for text in seen}
        assert len(seen) == 2 * (100 + generation % 7)
        return generation

    republish(0)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [republish(n) for n in range(1, 15)])
        seen = []
        while not writing.done():
            seen.append(look())
        writing.result()
    assert seen == sorted(seen), "an older generation came back"
    assert look() == 14


def test_a_dataset_is_the_rows_of_its_verdict(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    of_verdict(lake, DAY, "broken", ["quebrado"])
    of_verdict(lake, NEXT, "held_passed", ["retido"])
    of_verdict(lake, NEXT, "held_broken", ["retido e quebrado"])
    view = View(lake)
    assert texts(lake, view, "posts") == ["bom"]
    assert texts(lake, view, "quarantine") == ["quebrado"]
    assert texts(lake, view, "posts", held=True) == ["retido"]
    assert texts(lake, view, "quarantine", held=True) == ["retido e quebrado"]
    assert view.held() == [NEXT.day]
    assert len(view.files("judged_posts")) == 4
    assert (view.rows("posts"), view.rows("quarantine"), view.rows("judged_posts")) == (1, 1, 4)


def test_files_partitions_and_days_are_found_by_day(lake: Lake) -> None:
    for partition in (UNDATED_DAY, NEXT, DAY):
        publish(lake, partition, ["bom"])
    view = View(lake)
    assert list(view.partitions("posts")) == sorted([DAY, NEXT, UNDATED_DAY])
    assert list(view.partitions("posts", [UNDATED, DAY.day])) == [DAY, UNDATED_DAY]
    assert [file.partition for file in view.files("posts", [NEXT.day])] == [NEXT]
    assert view.files("posts", ["2026-09-05"]) == []
    assert view.days("posts") == [DAY.day, NEXT.day]
    assert view.rows("posts", [UNDATED]) == 1


def test_reading_has_the_types_of_the_contract(lake: Lake) -> None:
    publish(lake, Partition("2026-09-03", "123"), ["bom"])
    publish(lake, Partition(UNDATED, "undated"), ["sem data"])
    with View(lake).query() as query:
        query.read("posts", name="item")
        query.read("quarantine", name="nothing")
        table = query.table("FROM item ORDER BY text")
        assert table.column_names == contract("posts").columns
        assert table.schema.types == contract("posts").schema.types
        assert table["feed"].to_pylist() == ["123", "undated"]
        assert table["published_date"].to_pylist() == [date(2026, 9, 3), None]
        assert query.rows("SELECT count(*) AS n FROM nothing") == [{"n": 0}]
        assert query.table("FROM nothing").column_names == contract("quarantine").columns


def test_a_name_read_again_has_the_rows_of_the_last_reading_and_none_where_there_are_none(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    with View(lake).query() as query:
        for days, rows in ((None, True), ([], False), (None, True), ([], False), ([], False)):
            query.read("posts", days)
            assert bool(query.rows("FROM posts")) == rows


def test_written_files_can_be_looked_at_before_they_are_committed(lake: Lake) -> None:
    files = [*written(lake, UNDATED_DAY, ["sem data"]), *written(lake, DAY, ["bom"])]
    with open_query(lake) as query:
        query.view("staged", "posts", files)
        assert query.rows("SELECT published_date, feed, text FROM staged ORDER BY feed") == [
            {"published_date": None, "feed": "b2w", "text": "sem data"},
            {"published_date": date(2026, 9, 3), "feed": "olist", "text": "bom"},
        ]
    assert View(lake).files("posts") == []


def test_a_query_without_a_view_says_so(lake: Lake) -> None:
    with open_query(lake) as query, pytest.raises(ValueError, match=r"use View\.query"):
        query.read("posts")


@pytest.mark.parametrize("name", ["com espaço", "it's", "a=b", "[brackets]", "star*"])
def test_a_lake_in_any_folder_can_be_read(tmp_path: Path, name: str) -> None:
    lake = Lake(str(tmp_path / name / "lake"))
    publish(lake, DAY, ["bom"])
    assert texts(lake, View(lake)) == ["bom"]


def test_partitions_can_be_joined_to(lake: Lake) -> None:
    with open_query(lake) as query:
        query.keys("chosen", [DAY, UNDATED_DAY])
        rows = query.rows("FROM chosen ORDER BY feed")
    assert rows == [{"published_date": None, "feed": "b2w"}, {"published_date": date(2026, 9, 3), "feed": "olist"}]


def test_a_stream_comes_in_batches(lake: Lake) -> None:
    with open_query(lake) as query:
        sizes = [batch.num_rows for batch in query.batches("FROM range(10_000)", rows=1_000)]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1_000


def test_what_one_query_was_told_another_does_not_know(lake: Lake) -> None:
    for _ in range(2):
        with open_query(lake) as query:
            query.keys("chosen", [DAY])
            query.teach("twice", lambda texts: pc.binary_join_element_wise(texts, texts, ""), ["VARCHAR"], "VARCHAR")
            assert query.rows("SELECT twice('a') AS said FROM chosen") == [{"said": "aa"}]
        with open_query(lake) as query:
            for sql in ("FROM chosen", "SELECT twice('a')"):
                with pytest.raises(duckdb.CatalogException):
                    query.rows(sql)


def test_queries_at_once_have_databases_of_their_own(lake: Lake) -> None:
    with open_query(lake) as one, open_query(lake) as other:
        one.teach("name", lambda texts: pa.array(["one"] * len(texts)), ["VARCHAR"], "VARCHAR")
        other.teach("name", lambda texts: pa.array(["other"] * len(texts)), ["VARCHAR"], "VARCHAR")
        assert [query.rows("SELECT name('') AS said")[0]["said"] for query in (one, other)] == ["one", "other"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_safe_as_a_sql_literal(text: str) -> None:
    assert duckdb.sql(f"SELECT {sql_text(text)}").fetchall() == [(text,)]


@given(st.sets(st.sampled_from(["2026-09-01", "2026-09-02", "2026-09-03", UNDATED])))
def test_a_condition_on_days_holds_for_them_alone(days: set[str]) -> None:
    rows: list[Any] = duckdb.sql(
        f"""SELECT published_date FROM (VALUES (DATE '2026-09-01'), ('2026-09-02'), ('2026-09-04'), (NULL))
            AS item(published_date) WHERE {sql_days(iter(days))}"""
    ).fetchall()
    assert {as_day(day) for (day,) in rows} == days & {"2026-09-01", "2026-09-02", UNDATED}


def test_a_day_that_is_no_date_does_not_reach_sql() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        sql_days(["2026-09-01') OR true --"])


@pytest.fixture
def public(lake: Lake) -> Lake:
    """A lake as other programs find it: removed files lie beside those that count, and stray ones too."""
    publish(lake, DAY, ["velho", "velho"])
    publish(lake, DAY, ["bom", "ruim"])
    publish(lake, UNDATED_DAY, ["sem data"])
    of_verdict(lake, DAY, "broken", ["quebrado"])
    folder = Path(lake.base, View(lake).files("posts")[0].path).parent
    (folder / "notes.txt").write_text("left by somebody")
    (folder / "stray.parquet").write_bytes(b"no Parquet")
    return lake


WANTED = [
    ("bom", "olist", "2026-09-03"),
    ("quebrado", "olist", "2026-09-03"),
    ("ruim", "olist", "2026-09-03"),
    ("sem data", "b2w", "None"),
]


def test_pandas_reads_a_table(public: Lake) -> None:
    frame = DeltaTable(public.uri("judged_posts")).to_pandas()
    assert set(frame["text"]) == {text for text, _, _ in WANTED}
    assert frame.loc[frame["text"] == "sem data", "published_date"].isna().all()
    dated = frame.loc[frame["published_date"].notna()].sort_values("text")
    assert list(zip(dated["text"], dated["feed"], dated["published_date"].astype(str), strict=True)) == WANTED[:3]
    assert pd.api.types.is_datetime64_any_dtype(frame["fetched_at"])


def test_duckdb_reads_a_table(public: Lake) -> None:
    table = duckdb.from_arrow(DeltaTable(public.uri("judged_posts")).to_pyarrow_dataset())
    found = table.project("text, feed, published_date::VARCHAR").order("text").fetchall()
    assert [(text, feed, str(day)) for text, feed, day in found] == WANTED


@needs_java
@pytest.mark.slow
def test_spark_reads_a_table_by_its_list_of_files(public: Lake) -> None:
    files = DeltaTable(public.uri("judged_posts")).file_uris()
    with session() as spark:
        frame = spark.read.option("basePath", public.uri("judged_posts")).parquet(*files)
        found = frame.select("text", "feed", "published_date").orderBy("text").collect()
    assert [(row.text, row.feed, str(row.published_date)) for row in found] == WANTED
