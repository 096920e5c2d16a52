from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.connector import Body, SourceError
from jobs.connect.fetch import fetch
from jobs.settings import Window

DAY = Window.model_validate({"start": "2026-09-30", "end": "2026-09-30"})
Fetched = Callable[..., tuple[list[Body], Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that match the pattern of the feed."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    for name in ("b.csv", "a.csv"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files can be relied on as soon as they are written."""
    monkeypatch.setattr("jobs.connect.files.SETTLED_NANOSECONDS", 0)


def through_json(cursor: Any) -> Any:
    return json.loads(json.dumps(cursor))


def test_every_file_of_a_pattern_is_a_body(fetched: Fetched, folder: Path) -> None:
    bodies, _ = fetched(path=f"{folder}/*.csv")
    assert [(body.name, body.unchanged) for body in bodies] == [
        (str(folder / name), False) for name in ("a.csv", "b.csv")
    ]
    assert [body.sha256 for body in bodies] == [hashlib.sha256(name).hexdigest() for name in (b"a.csv", b"b.csv")]


@pytest.mark.usefixtures("settled")
def test_an_untouched_file_is_not_read_again(fetched: Fetched, folder: Path) -> None:
    """What the cursor says of its bytes is taken, even where it is not so."""
    _, cursor = fetched(path=f"{folder}/*.csv")
    cursor = through_json(cursor)
    cursor["files"][str(folder / "a.csv")][-1] = "as remembered"
    bodies, after = fetched(cursor, path=f"{folder}/*.csv")
    assert [body.unchanged for body in bodies] == [True, True]
    assert bodies[0].sha256 == "as remembered"
    assert bodies[0].path == folder / "a.csv"
    assert after == cursor


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("way", ["longer", "same size", "same size and time", "replaced"])
def test_a_file_that_was_written_is_read_again(fetched: Fetched, folder: Path, way: str) -> None:
    path = folder / "a.csv"
    _, cursor = fetched(path=str(path))
    before = path.stat()
    if way == "replaced":
        (folder / "new").write_text("A.csv")
        os.utime(folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (folder / "new").rename(path)
    else:
        path.write_text("longer than before" if way == "longer" else "A.csv")
    if way == "same size and time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (body,), _ = fetched(through_json(cursor), path=str(path))
    assert not body.unchanged
    assert body.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_written_just_now_is_not_relied_on(fetched: Fetched, folder: Path) -> None:
    """A second write within one tick of the file system's clock would leave no trace."""
    (folder / "a.csv").touch()
    _, cursor = fetched(path=str(folder / "a.csv"))
    assert [entry[:4] for entry in cursor["files"].values()] == [[None] * 4]


@pytest.mark.usefixtures("settled")
def test_a_file_that_is_gone_leaves_the_cursor(fetched: Fetched, folder: Path) -> None:
    _, cursor = fetched(path=f"{folder}/*.csv")
    (folder / "a.csv").unlink()
    _, after = fetched(through_json(cursor), path=f"{folder}/*.csv")
    assert list(after["files"]) == [str(folder / "b.csv")]


def test_the_cursor_of_another_connector_is_no_cursor(fetched: Fetched, folder: Path) -> None:
    bodies, _ = fetched({"address": "x", "etag": "v1", "sha256": "0"}, path=f"{folder}/*.csv")
    assert len(bodies) == 2


def test_no_file_is_an_error_that_names_the_pattern(fetched: Fetched, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"/\*\.xml: no such file; mend `path`"):
        fetched(path=f"{tmp_path}/*.xml")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read, even by root")
def test_a_file_that_cannot_be_read_is_told_after_the_others(feed: Callable[..., Any], folder: Path) -> None:
    (folder / "0.csv").symlink_to("/proc/self/mem")
    bodies = fetch(feed(path=f"{folder}/*.csv"), DAY, {}, folder)
    had = iter(bodies)
    assert [next(had).name, next(had).name] == [str(folder / "a.csv"), str(folder / "b.csv")]
    with pytest.raises(SourceError, match=r"0\.csv: cannot be read"):
        next(had)
    assert bodies.cursor is None


def test_what_is_read_is_what_was_hashed_though_the_file_is_written_meanwhile(
    feed: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    bodies = fetch(feed(path=str(folder / "a.csv")), DAY, {}, tmp_path)
    for body in bodies:
        (folder / "a.csv").write_text("a")
        assert body.path is not None
        assert hashlib.sha256(body.path.read_bytes()).hexdigest() == body.sha256
    (again,) = fetch(feed(path=str(folder / "a.csv")), DAY, through_json(bodies.cursor), tmp_path)
    assert not again.unchanged


def test_stars_follow_no_links_in_circles_and_find_no_hidden_files(fetched: Fetched, folder: Path) -> None:
    for name in ("x", "y"):
        (folder / name).mkdir()
        for other in ("x", "y"):
            (folder / name / f"to_{other}").symlink_to(folder / other)
    (folder / "x" / "c.csv").write_text("c")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "d.csv").write_text("d")
    bodies, _ = fetched(path=f"{folder}/**/*.csv")
    assert [Path(body.name).name for body in bodies] == ["a.csv", "b.csv", "c.csv"]
    assert len(fetched(path=f"{folder}/**")[0]) == 3


def test_a_folder_that_cannot_take_the_copy_is_no_fault_of_the_source(fetched: Fetched, folder: Path) -> None:
    (folder.parent / "downloads" / "copy").mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory"):
        fetched(path=f"{folder}/*.csv")
