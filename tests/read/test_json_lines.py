from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.read.record import Record

Records = Callable[..., list[Record]]
TEXT = {"columns": {"post_id": "id", "text": "text"}}


def texts(found: list[Record]) -> list[tuple[Any, Any]]:
    return [(record.fields["post_id"], record.fields["text"]) for record in found]


def test_json_lines_are_read_by_their_columns(records: Records) -> None:
    item = {
        "id": 7,
        "text": "bom",
        "account": {"acct": "ana", "site": {"name": "m"}},
        "a.b": "flat",
        "a": {"b": "deep"},
    }
    columns = {"post_id": "id", "text": "text", "author": "account.acct", "title": "account.site.name", "url": "a.b"}
    (record,) = records("jsonl", json.dumps(item) + "\n", columns=columns)
    assert record.fields == {"post_id": 7, "text": "bom", "author": "ana", "title": "m", "url": "flat"}


@pytest.mark.parametrize(
    "item", [{}, {"account": None}, {"account": "ana"}, {"account": ["ana"]}, {"account": {"x": 1}}]
)
def test_a_path_that_leads_nowhere_gives_nothing(records: Records, item: dict[str, Any]) -> None:
    (record,) = records("jsonl", json.dumps(item), columns={"text": "text", "author": "account.acct"})
    assert record.fields == {"text": None, "author": None}
    assert record.error is None


@pytest.mark.parametrize(
    ("line", "told"),
    [('{"id": 1, "text": "corta', "line 2: not JSON"), ("[1, 2]", "line 2: not a JSON object"), ('"só"', "object"),
     ("null", "not a JSON object"), ("[" * 100_000, "line 2: not JSON"), ('{"n": 1' + "0" * 5000 + "}", "not JSON")],
    ids=["cut", "list", "string", "null", "deep", "huge"],
)  # fmt: skip
def test_a_broken_line_is_reported_and_kept(records: Records, line: str, told: str) -> None:
    before, broken, after = records("jsonl", f'{{"id": 1, "text": "a"}}\n{line}\n\n{{"id": 2, "text": "b"}}', **TEXT)
    assert texts([before, after]) == [(1, "a"), (2, "b")]
    assert broken.error is not None
    assert told in broken.error
    assert broken.payload == {"line": line}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(records: Records) -> None:
    content = b'\xef\xbb\xbf{"id": 1, "text": "caf\xc3\xa9"}\r\n{"id": 2, "text": "b"}\r\n'
    assert texts(records("jsonl", content, **TEXT)) == [(1, "café"), (2, "b")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
lines = st.one_of(
    json_values.map(json.dumps),
    st.dictionaries(st.sampled_from(["id", "text"]), json_values).map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\ufeff"), max_size=10),
)


@given(st.lists(lines, max_size=8))
def test_every_line_that_says_something_is_a_record(records: Records, written: list[str]) -> None:
    found = records("jsonl", "\n".join(written).encode(), **TEXT)
    said = [line.strip() for line in written if line.strip()]
    assert len(found) == len(said)
    for record, line in zip(found, said, strict=True):
        assert record.payload == {"line": line} if record.error else record.payload == json.loads(line)


def test_a_line_without_end_costs_no_more_than_its_start(records: Records) -> None:
    long = '{"text": "' + "a" * 12_000_000 + '"}'
    found = records("jsonl", f'{{"text": "b"}}\n{long}\n{{"text": "c"}}\n', columns={"text": "text"})
    assert [record.error for record in found] == [None, "line 2: more than 10 MB in one line", None]
    assert len(found[1].payload["line"]) == 1000
