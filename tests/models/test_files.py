"""A file or folder appears whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from models.files import whole, write_whole


@pytest.mark.parametrize("content", [b"\x00\xff", "já\n", ""])
def test_what_is_written_is_there_and_nothing_else(tmp_path: Path, content: str | bytes) -> None:
    write_whole(tmp_path / "a.txt", content)
    assert (tmp_path / "a.txt").read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "old")
    with (tmp_path / "a.txt").open() as source:
        write_whole(tmp_path / "a.txt", "new")
        assert source.read() == "old"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_until_the_block_ends_the_old_file_stays_and_no_search_by_ending_finds_the_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write_whole(path, b"old")
    with whole(path) as aside, aside.open("wb") as sink:
        np.save(sink, np.arange(3))
        assert path.read_bytes() == b"old"
        assert list(tmp_path.glob("*.npy")) == [path]
    assert np.load(path).tolist() == [0, 1, 2]


def test_a_fault_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError), whole(path) as aside:
        aside.write_text("half \ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_appears_with_everything_in_it(tmp_path: Path) -> None:
    with whole(tmp_path / "edition") as aside:
        (aside / "deep").mkdir(parents=True)
        (aside / "deep" / "a.txt").write_text("a")
        assert not (tmp_path / "edition").exists()
    assert (tmp_path / "edition" / "deep" / "a.txt").read_text() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["edition"]


def test_a_folder_that_is_there_already_is_kept(tmp_path: Path) -> None:
    (tmp_path / "edition").mkdir()
    (tmp_path / "edition" / "a.txt").write_text("first")
    with pytest.raises(OSError, match="edition"), whole(tmp_path / "edition") as aside:
        shutil.copytree(tmp_path / "edition", aside)
    assert (tmp_path / "edition" / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["edition"]


def test_who_may_read_the_draft_may_read_the_file(tmp_path: Path) -> None:
    with whole(tmp_path / "secret") as aside:
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_whole(tmp_path / "nowhere" / "a.txt", "a")
