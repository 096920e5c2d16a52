"""The index of item versions: derived from raw_posts alone, so that it can be lost, and small whatever the history."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import schema
from jobs import versions
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.lake.writer import write
from jobs.versions import FAN_IN, INDEX, RAW, catch_up, view_newest
from tests import stored

POLLS = 50
FIRST = datetime(2026, 6, 1, 8, tzinfo=UTC)
DAYS = ["2026-05-01", "2026-05-02", "2026-05-03"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def version(name: str, day: str | None = DAYS[0], poll: int = 0, **said: Any) -> dict[str, Any]:
    """One version of an item, as the fetch number `poll` saw it."""
    fetched = FIRST + timedelta(hours=poll)
    blank = {f.name: None if f.nullable else "x" for f in schema(RAW)}
    return blank | {
        "feed": "posts", "post_id": name, "batch_id": f"{poll:03}", "position": 0, "fetched_at": fetched,
        "fetched_date": fetched.date(), "published_date": date.fromisoformat(day) if day else None,
        "content": f"{name} of {poll}", "source": "1.jsonl", "payload": "{}", **said,
    }  # fmt: skip


def fetch(lake: Lake, *rows: dict[str, Any]) -> None:
    """Commit `rows` of one feed to raw_posts as one file, and nothing to the index."""
    place = {"fetched_date": rows[0]["fetched_date"].isoformat(), "feed": rows[0]["feed"]}
    files = write(lake, RAW, place, "fetch", [pa.RecordBatch.from_pylist(list(rows), schema=schema(RAW))])
    lake.commit(lake.table(RAW), files, [], step="ingest", days=[], cause="ingest")


def indexed(lake: Lake) -> list[tuple[str, str, str]]:
    """Feed, item and batch of every row of the index."""
    return sorted((row["feed"], row["post_id"], row["batch_id"]) for row in stored.rows(lake, INDEX))


def in_raw(lake: Lake) -> list[tuple[str, str, str]]:
    return sorted((row["feed"], row["post_id"], row["batch_id"]) for row in stored.rows(lake, RAW))


def newest(lake: Lake, *days: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The winners by item, and the days that are touched."""
    view = View(lake)
    with view.query() as query:
        touched = view_newest(query, view, days)
        return {row["post_id"]: row for row in query.rows("FROM newest")}, touched


# Catching up


def test_the_index_has_every_row_of_raw_posts_without_its_words(lake: Lake) -> None:
    fetch(lake, version("a"), version("b", None, position=1))
    fetch(lake, version("a", DAYS[1], 1), version("c", DAYS[2], 1))
    fetch(lake, version("a", DAYS[1], 1, feed="shop"))
    catch_up(lake)
    assert indexed(lake) == in_raw(lake)
    assert len(indexed(lake)) == 5
    assert not {"title", "body", "payload", "author", "url"} & set(schema(INDEX).names)


def test_catching_up_again_commits_nothing(lake: Lake) -> None:
    catch_up(lake)
    assert stored.versions(lake)[INDEX] is None
    fetch(lake, version("a"))
    catch_up(lake)
    before = stored.versions(lake)
    catch_up(lake)
    assert stored.versions(lake) == before


def test_whoever_died_between_raw_posts_and_the_index_is_caught_up_with(lake: Lake) -> None:
    fetch(lake, version("a"))
    catch_up(lake)
    fetch(lake, version("b", poll=1))
    fetch(lake, version("c", poll=2))
    assert len(indexed(lake)) == 1
    catch_up(lake)
    assert indexed(lake) == in_raw(lake)


def test_a_lost_index_is_made_again(lake: Lake) -> None:
    for poll in range(3):
        fetch(lake, version("a", poll=poll), version(f"b{poll}", poll=poll, position=1))
        catch_up(lake)
    before = stored.tables(lake, INDEX)
    shutil.rmtree(Path(lake.base, INDEX))
    catch_up(lake)
    assert stored.tables(lake, INDEX) == before


def test_files_that_were_put_together_are_not_indexed_twice(lake: Lake) -> None:
    """Tidying merges raw files; their rows are in the index already, those of a fetch beside them are not."""
    fetch(lake, version("a"))
    fetch(lake, version("b", poll=1))
    catch_up(lake)
    fetch(lake, version("c", poll=2))
    rows, table = stored.rows(lake, RAW), lake.table(RAW)
    place = {"fetched_date": FIRST.date().isoformat(), "feed": "posts"}
    files = write(lake, RAW, place, "compact", [pa.RecordBatch.from_pylist(rows, schema=schema(RAW))])
    lake.commit(table, files, table.files, step="tidy", days=[], cause="tidy")
    catch_up(lake)
    assert indexed(lake) == in_raw(lake)


def test_after_many_polls_a_lookup_opens_few_files(lake: Lake) -> None:
    for poll in range(POLLS):
        fetch(lake, version(f"p{poll}", poll=poll))
        catch_up(lake)
    view = View(lake)
    assert len(view.files(RAW)) == POLLS
    assert view.rows(INDEX) == POLLS
    assert len(view.files(INDEX)) < 3 * FAN_IN
    assert indexed(lake) == in_raw(lake)


# The newest version


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        ({"poll": 3}, {"updated_at": FIRST, "poll": 0}),
        ({"updated_at": FIRST, "poll": 3}, {"updated_at": FIRST + timedelta(hours=1), "poll": 0}),
        ({"poll": 0}, {"poll": 3}),
        ({"source": "1.jsonl", "position": 5}, {"source": "2.jsonl", "position": 0}),
        ({"batch_id": "1", "position": 5}, {"batch_id": "2", "position": 0}),
        ({"position": 0}, {"position": 1}),
    ],
    ids=["edited", "edited later", "fetched later", "later file", "later batch", "later line"],
)
@pytest.mark.parametrize("swapped", [False, True], ids=["loser first", "winner first"])
def test_the_newest_version_wins(lake: Lake, loser: dict[str, Any], winner: dict[str, Any], swapped: bool) -> None:
    rows = [version("a", content="loser", **loser), version("a", content="winner", **winner)]
    for row in reversed(rows) if swapped else rows:
        fetch(lake, row)
    catch_up(lake)
    found, _ = newest(lake, DAYS[0])
    assert found["a"]["content"] == "winner"
    assert found["a"]["first_seen_at"] == min(row["fetched_at"] for row in rows)


def test_a_day_is_told_of_the_winners_that_left_it_and_of_their_other_days(lake: Lake) -> None:
    fetch(lake, version("stays"), version("moves", position=1), version("elsewhere", DAYS[2], position=2))
    fetch(lake, version("moves", DAYS[1], 1), version("undated", None, 1, position=1))
    catch_up(lake)
    found, touched = newest(lake, DAYS[0])
    assert {name: row["published_date"] for name, row in found.items()} == {
        "stays": date.fromisoformat(DAYS[0]), "moves": date.fromisoformat(DAYS[1]),
    }  # fmt: skip
    assert touched == DAYS[:2]
    assert list(newest(lake, "undated")[0]) == ["undated"]
    assert versions.days(View(lake)) == [*DAYS, "undated"]


def test_items_of_two_feeds_are_two_items(lake: Lake) -> None:
    fetch(lake, version("a"))
    fetch(lake, version("a", DAYS[1], 1, feed="shop"))
    catch_up(lake)
    _, touched = newest(lake, DAYS[0])
    assert touched == [DAYS[0]]
