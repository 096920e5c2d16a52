from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.lake.faults import LakeError
from jobs.lake.state import State
from jobs.lake.table import UNDATED, Lake
from tests.lake.posts import below
from tests.lake.raw import fetched


@pytest.fixture
def state(lake: Lake) -> State:
    return State(lake)


def test_a_cursor_is_what_was_kept_last(lake: Lake, state: State) -> None:
    assert state.cursor("olist") == {}
    state.keep_cursor("olist", {"etag": "one", "a long name": "x" * 100})
    state.keep_cursor("olist", {"etag": "two"})
    state.keep_cursor("b2w", {"etag": "other"})
    assert state.cursor("olist") == {"etag": "two"}
    assert below(lake.base) == {"_state/cursors/olist.json", "_state/cursors/b2w.json"}


def test_a_cursor_that_did_not_move_is_not_written_again(lake: Lake, state: State) -> None:
    state.keep_cursor("olist", {"etag": "one"})
    path = Path(lake.base, "_state/cursors/olist.json")
    before = path.stat()
    state.keep_cursor("olist", {"etag": "one"})
    assert path.stat().st_ino == before.st_ino


def test_who_reads_a_cursor_that_is_being_replaced_has_one_or_the_other(state: State) -> None:
    state.keep_cursor("olist", {"generation": 0, "filler": "x" * 10_000})
    with ThreadPoolExecutor(1) as pool:
        keep = pool.submit(
            lambda: [state.keep_cursor("olist", {"generation": n, "filler": "x" * 10_000}) for n in range(1, 100)]
        )
        seen = []
        while not keep.done():
            seen.append(state.cursor("olist")["generation"])
        keep.result()
    assert seen == sorted(seen)


def test_a_mark_counts_once_its_batch_is_committed(lake: Lake, state: State) -> None:
    (file,) = fetched(lake, "olist")
    state.mark(file.name, ["2026-09-04", UNDATED, "2026-09-03"])
    assert state.pending() == {}
    lake.commit(lake.table("raw_posts"), [file], [], step="test", days=[], cause="test")
    assert state.pending() == {file.name: ["2026-09-03", "2026-09-04", UNDATED]}


def test_a_mark_stays_until_all_of_its_days_are_done(lake: Lake, state: State) -> None:
    files = [*fetched(lake, "olist"), *fetched(lake, "b2w")]
    lake.commit(lake.table("raw_posts"), files, [], step="test", days=[], cause="test")
    for file in files:
        state.mark(file.name, ["2026-09-03", "2026-09-04"])
    marks = state.pending()
    state.finish(marks, ["2026-09-03"])
    assert state.pending() == marks
    state.finish({files[0].name: marks[files[0].name]}, ["2026-09-03", "2026-09-04", "2026-09-05"])
    assert list(state.pending()) == [files[1].name]
    state.finish(marks, ["2026-09-03", "2026-09-04"])
    assert state.pending() == {}


def test_a_lake_has_not_begun_before_it_is_said(lake: Lake, state: State) -> None:
    assert not state.begun
    state.begin()
    assert State(Lake(lake.root)).begun


def test_of_two_keys_the_first_stays_and_only_its_owner_reads_it(lake: Lake, state: State) -> None:
    assert state.author_key() is None
    state.keep_author_key(b"one")
    state.keep_author_key(b"two")
    assert state.author_key() == b"one"
    assert below(lake.base) == {"_state/author.key"}
    assert Path(lake.base, "_state/author.key").stat().st_mode & 0o077 == 0


def test_an_alert_is_claimed_by_one_of_many_and_by_nobody_while_it_stands(lake: Lake, state: State) -> None:
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda n: state.claim_alert("late.dag", {"by": n}), range(8)))
    assert claimed.count(True) == 1
    assert state.alerts() == {"late.dag": {"by": claimed.index(True)}}
    assert below(lake.base) == {"_state/alerts/late.dag.json"}
    state.drop_alert("late.dag")
    assert state.claim_alert("late.dag", {"by": 9})


def test_a_state_that_cannot_be_written_is_named(lake: Lake, state: State) -> None:
    Path(lake.base).mkdir()
    Path(lake.base, "_state").write_text("in the way")
    with pytest.raises(LakeError, match=r"_state/cursors/olist.json: cannot be written"):
        state.keep_cursor("olist", {"etag": "one"})
