from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import progress
from jobs.progress import track

SCRIPT = "from jobs.progress import track; print(sum(track(range(5), 'ingest olist', total=5)))"


def batch(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(range(rows))})


def test_what_is_tracked_comes_through_unchanged_and_as_it_is_asked_for() -> None:
    given = iter(range(3))
    tracked = track(given, "score")
    assert next(tracked) == 0
    assert next(given) == 1
    assert list(tracked) == [2]


def test_where_there_is_no_terminal_a_line_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", -1)
    caplog.set_level(logging.INFO)
    assert list(track(["a", "b"], "ingest olist", total=2)) == ["a", "b"]
    assert caplog.messages == ["ingest olist: 1 of 2 items", "ingest olist: 2 of 2 items"]


def test_batches_count_as_their_rows(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", -1)
    caplog.set_level(logging.INFO)
    list(track([batch(3), batch(4)], "score", weight="posts"))
    assert caplog.messages == ["score: 3 posts", "score: 7 posts"]


def test_short_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    list(track(range(100), "score"))
    assert caplog.messages == []


def test_an_error_in_the_work_comes_through() -> None:
    def broken() -> object:
        yield 1
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(track(broken(), "score"))  # type: ignore[arg-type]


def test_a_terminal_shows_a_bar_and_keeps_standard_output_clean() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        cwd=Path(__file__).parents[1],
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.stdout is not None
        assert process.stdout.read() == b"10\n"
    assert process.returncode == 0
    assert "ingest olist" in shown.decode()
    assert "5/5" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so where the other end of a terminal is closed
        return b""
