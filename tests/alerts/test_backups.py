"""The daily jobs beside Airflow: told of by the marks that they keep, and over when they are done again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jobs.alerts.alerts import settle
from jobs.alerts.backups import BACKUPS, overdue
from jobs.settings import SettingsError
from tests.alerts.receivers import Webhook
from tests.place import Place


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a job keeps its marks."""
    monkeypatch.setenv(BACKUPS, str(tmp_path / "backups"))
    folder = tmp_path / "backups" / "upkeep"
    folder.mkdir(parents=True)
    return folder


def mark(file: Path, hours: float = 0) -> None:
    file.touch()
    os.utime(file, (moment := time.time() - hours * 3600, moment))


def told() -> list[tuple[str, str]]:
    return [(cause.key, cause.what) for cause in overdue()]


@pytest.mark.parametrize(("hours", "is_told"), [(25, False), (27, True)])
def test_a_job_that_is_not_done_within_a_day_is_told(folder: Path, hours: float, is_told: bool) -> None:
    mark(folder / "done", hours)
    assert ["is not done any more; it was last done on" in what for _, what in told()] == [True] * is_told


def test_a_job_that_fails_is_told_at_once(folder: Path) -> None:
    mark(folder / "failed")
    ((key, what),) = told()
    assert key == "backup.upkeep"
    assert what.endswith("it was never done")
    mark(folder / "done", 1)
    ((_, what),) = told()
    assert "fails since" in what
    assert "it was last done on" in what


def test_a_job_without_any_mark_is_somebody_elses(folder: Path) -> None:
    assert told() == []


def test_a_job_whose_marks_cannot_be_seen_is_told(folder: Path) -> None:
    (folder / "done").symlink_to("done")
    ((_, what),) = told()
    assert "cannot be looked at: OSError" in what


def test_where_the_marks_cannot_be_seen_it_is_not_over(
    folder: Path, hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Place(tmp_path / "place").settings
    mark(folder / "failed")
    assert [alert.cause.key for alert in settle(settings)] == ["backup.upkeep"]
    with monkeypatch.context() as elsewhere:
        elsewhere.delenv(BACKUPS)
        assert [alert.cause.key for alert in settle(settings)] == ["backup.upkeep"]
    (folder / "failed").unlink()
    assert settle(settings) == []
    assert ["over: " in text for text in hook.texts] == [False, True]


def test_a_place_that_is_not_there_is_refused(folder: Path) -> None:
    folder.rmdir()
    folder.parent.rmdir()
    with pytest.raises(SettingsError, match=BACKUPS):
        overdue()
