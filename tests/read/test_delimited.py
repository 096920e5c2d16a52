from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.read.record import ReadError, Record

Records = Callable[..., list[Record]]
TEXT = {"columns": {"post_id": "id", "text": "text"}}
TOO_LONG = "more than 10 MB in one line or field, or more than 100000 lines in one row"
DIALECTS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def texts(found: list[Record]) -> list[tuple[Any, Any]]:
    return [(record.fields["post_id"], record.fields["text"]) for record in found]


def csv_text(rows: list[tuple[str, ...]], delimiter: str = ",", header: tuple[str, ...] = ("id", "text")) -> str:
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=delimiter).writerows([header, *rows])
    return sink.getvalue()


@pytest.mark.parametrize("delimiter", DIALECTS.values(), ids=list(DIALECTS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_a_csv_is_read_in_its_dialect_and_encoding(records: Records, delimiter: str, encoding: str) -> None:
    rows = [
        ("1", "Não gostei, o café veio frio; péssimo"),
        ("2", 'disse "olá"\te saiu | à noite'),
        ("3", "ótimo\nlugar"),
    ]
    content = csv_text(rows, delimiter).encode(encoding)
    assert texts(records("csv", content, **TEXT)) == rows


def test_what_the_settings_say_of_a_csv_is_not_guessed(records: Records) -> None:
    content = "id:text\n1:ção, a; b\n".encode("cp850")
    assert texts(records("csv", content, **TEXT, delimiter=":", encoding="cp850")) == [("1", "ção, a; b")]


def test_line_ends_of_every_system_are_read(records: Records) -> None:
    for end in ("\n", "\r\n", "\r"):
        content = end.join(["id,text", "1,a", "", "2,b"])
        assert texts(records("csv", content.encode(), **TEXT)) == [("1", "a"), ("2", "b")]


def test_a_row_of_another_length_is_reported_and_its_fields_kept(records: Records) -> None:
    sound, long, short, last = records("csv", "id,text\n1,a\n2,b,c\n3\n4,d\n", **TEXT)
    assert texts([sound, last]) == [("1", "a"), ("4", "d")]
    assert (long.error, long.payload) == ("line 3: 3 fields where the header has 2", {"fields": ["2", "b", "c"]})
    assert (short.error, short.payload) == ("line 4: 1 fields where the header has 2", {"fields": ["3"]})


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it(records: Records) -> None:
    first, broken, second, third = records("csv", 'id,text\n1,a\n2,"aberto\n3,c\n4,d\n', **TEXT)
    assert texts([first, second, third]) == [("1", "a"), ("3", "c"), ("4", "d")]
    assert broken.error == "line 3: a quote is opened and never closed"
    assert broken.payload == {"fields": ['2,"aberto']}


def test_a_field_beyond_all_measure_does_not_lose_the_rows_after_it(records: Records) -> None:
    broken, sound = records("csv", "id,text\n1," + "x" * 10_000_001 + "\n2,b\n", **TEXT)
    assert broken.error is not None
    assert broken.error == f"line 2: {TOO_LONG}"
    assert len(str(broken.payload)) < 1_100
    assert texts([sound]) == [("2", "b")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "mac"])
def test_a_line_without_end_costs_no_more_than_its_start(
    records: Records, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("jobs.read.delimited.LONGEST_LINE", 1_000)
    lines = ["id,text", "1,a", "2," + "ab," * 5_000, '3,"um', "y" * 5_000, '4,dois"', "5,b"]
    found = records("csv", end.join([*lines, ""]), **TEXT)
    told = TOO_LONG.replace("10 MB", "0.001 MB")
    assert [record.error for record in found] == [
        None, f"line 3: {told}", f"line 4: {told}", f"line 5: {told}", None, None,
    ]  # fmt: skip
    assert texts([found[0], found[4], found[5]]) == [("1", "a"), ("4", 'dois"'), ("5", "b")]


def test_a_line_of_fifty_megabytes_costs_no_more_memory_than_one_that_is_read(records: Records) -> None:
    content = "id,text\n1,a\n2," + "ab," * 17_000_000 + "\n3,b\n"
    tracemalloc.start()
    first, broken, last = records("csv", content, **TEXT)
    peak = tracemalloc.get_traced_memory()[1] - 2 * len(content)
    tracemalloc.stop()
    assert (texts([first, last]), broken.error) == ([("1", "a"), ("3", "b")], f"line 3: {TOO_LONG}")
    assert peak < 60e6


def test_a_header_that_is_too_long_is_told_with_its_line(records: Records) -> None:
    with pytest.raises(ReadError, match=r"^line 1, where the names of its columns should stand: more than 10 MB"):
        records("csv", "a" * 10_000_001 + "\n1,a\n", **TEXT)


def test_a_quote_over_too_many_lines_is_one_that_is_not_closed(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.read.delimited.MOST_LINES", 100)
    *_, last = found = records("csv", 'id,text\n1,"a\n' + "2,b\n" * 150, **TEXT)
    assert (len(found), found[0].error) == (151, f"line 2: {TOO_LONG.replace('100000', '100')}")
    assert texts([last]) == [("2", "b")]


def test_of_a_row_with_too_many_fields_only_the_first_are_kept(records: Records) -> None:
    (broken,) = records("csv", "id,text\n" + "a," * 5_000 + "\n", **TEXT)
    assert broken.error == "line 2: 5001 fields where the header has 2"
    assert len(broken.payload["fields"]) == 1_000


def test_line_numbers_are_those_of_an_editor(records: Records) -> None:
    *_, last = records("csv", 'id,text\n1,"três\nlinhas\naqui"\n\n2\n', **TEXT)
    assert last.error == "line 6: 1 fields where the header has 2"


def test_a_missing_column_is_told_with_those_there_are(records: Records) -> None:
    with pytest.raises(ReadError) as caught:
        records("csv", "id;body\n1;a\n", **TEXT)
    message = str(caught.value)
    for part in ("no column 'text'", "it has 'id', 'body'", "`columns` of feed 'olist'"):
        assert part in message


def test_a_csv_of_a_header_alone_has_no_records(records: Records) -> None:
    assert records("csv", "id,text\n", **TEXT) == []


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(st.text("abc123", min_size=1), cells), max_size=8), st.sampled_from(list(DIALECTS.values())))
def test_any_csv_comes_back_as_it_was_written(records: Records, rows: list[tuple[str, str]], delimiter: str) -> None:
    assert texts(records("csv", csv_text(rows, delimiter).encode(), **TEXT)) == rows


@given(st.lists(st.lists(st.text("ab;'é ", min_size=1, max_size=6), min_size=1, max_size=4), max_size=10))
def test_every_row_of_a_dirty_csv_is_a_record(records: Records, rows: list[list[str]]) -> None:
    content = "id,text\n" + "".join(",".join(row) + "\n" for row in rows)
    found = records("csv", content.encode(), **TEXT, delimiter=",", encoding="utf-8")
    assert len(found) == len(rows)
    assert [r.error is None for r in found] == [len(row) == 2 for row in rows]


@given(st.lists(st.sampled_from(['"', ",", "\n", "a", "é", "\r\n", '""', "b,c\n"]), max_size=30))
def test_nothing_of_a_csv_with_stray_quotes_is_lost(records: Records, pieces: list[str]) -> None:
    content = "".join(pieces)
    found = records("csv", ("id,text\n" + content).encode(), **TEXT, delimiter=",", encoding="utf-8")
    kept = "".join(json.dumps(record.payload, ensure_ascii=False) for record in found)
    assert kept.count("é") == content.count("é")
