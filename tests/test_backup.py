"""Backups and the lake's return from them, beside whoever writes, and after every way to lose something."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import backup as module
from jobs.backup import backup, backups, restore
from jobs.ingest.feed import author_key
from jobs.lake.faults import LakeError
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings
from jobs.unfinished import unfinished
from tests import stored
from tests.lake.object_store import BUCKET, KEYS, NotHereError, moto, seaweedfs
from tests.place import PT, Place, item

DAYS = ["2026-06-01", "2026-06-02"]
DATASETS = ("raw_posts", "item_versions", "coverage")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("made"))
    add(place, "first", DAYS)
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path, present: datetime) -> Place:
    """A lake with two days that were ingested."""
    return made.copy(tmp_path / "one")


def add(place: Place, name: str, days: list[str]) -> None:
    place.add([item(f"{name}-{day}", day, f"{PT} {name}") for day in days], file=name)


def later(monkeypatch: pytest.MonkeyPatch, present: datetime, **by: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int((present + timedelta(**by)).timestamp())))


def elsewhere(place: Place, root: Path | str) -> Settings:
    """The settings of `place` with another lake."""
    return place.settings.model_copy(update={"lake": str(root)})


def rows(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    return {name: stored.rows(Lake(settings.lake), name) for name in DATASETS}


def data_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "data").rglob("*") if path.is_file()}


def test_what_was_backed_up_comes_back_row_for_row(place: Place, tmp_path: Path) -> None:
    done = backup(place.settings, str(tmp_path / "backups"))
    there = elsewhere(place, tmp_path / "two" / "lake")
    assert restore(there, str(tmp_path / "backups")).files == done.files == done.copied
    assert rows(there) == rows(place.settings)
    assert [len(rows(there)[name]) for name in ("raw_posts", "item_versions")] == [2, 2]
    assert stored.versions(Lake(there.lake)) == stored.versions(place.lake)


def test_a_restored_lake_keeps_cursors_and_key_and_has_every_day_looked_at_once(place: Place, tmp_path: Path) -> None:
    backup(place.settings, str(tmp_path / "backups"))
    there = elsewhere(place, tmp_path / "two" / "lake")
    restore(there, str(tmp_path / "backups"))
    assert State(Lake(there.lake)).cursor("posts") == State(place.lake).cursor("posts") != {}
    assert author_key(Lake(there.lake)) == author_key(place.lake)
    assert Path(there.lake, "_state", "author.key").stat().st_mode & 0o777 == 0o600
    assert next(tmp_path.glob("backups/moments/*/author.key")).stat().st_mode & 0o777 == 0o600
    assert sorted(unfinished(there)["everything"]) == DAYS


def test_a_restored_lake_goes_on_as_if_nothing_had_been(place: Place, tmp_path: Path) -> None:
    backup(place.settings, str(tmp_path / "backups"))
    undisturbed = place.copy(tmp_path / "undisturbed")
    shutil.rmtree(place.settings.lake)
    restore(place.settings, str(tmp_path / "backups"))
    for one in (place, undisturbed):
        add(one, "second", DAYS)
    texts = [{(row["post_id"], row["body"]) for row in rows(one.settings)["raw_posts"]} for one in (place, undisturbed)]
    assert texts[0] == texts[1]
    assert len(rows(place.settings)["item_versions"]) == len(texts[0]) == 4


def test_the_next_backup_copies_what_is_new_alone_and_each_can_be_had(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: datetime
) -> None:
    first, before = backup(place.settings, str(tmp_path / "backups")), rows(place.settings)
    later(monkeypatch, present, days=1)
    assert backup(place.settings, str(tmp_path / "backups")).copied == 0
    add(place, "second", DAYS[:1])
    later(monkeypatch, present, days=2)
    third = backup(place.settings, str(tmp_path / "backups"))
    assert 0 < third.copied < third.files
    assert backups(Lake(str(tmp_path / "backups")))[::2] == [third.name, first.name]
    restore(elsewhere(place, tmp_path / "a"), str(tmp_path / "backups"), first.name)
    assert rows(elsewhere(place, tmp_path / "a")) == before
    restore(elsewhere(place, tmp_path / "b"), str(tmp_path / "backups"))
    assert rows(elsewhere(place, tmp_path / "b")) == rows(place.settings)


def test_a_table_is_read_from_its_last_checkpoint_on(place: Place, tmp_path: Path) -> None:
    handle = place.lake.table("raw_posts").handle
    assert handle is not None
    handle.create_checkpoint()
    name = backup(place.settings, str(tmp_path / "backups")).name
    log = sorted(path.name for path in (tmp_path / "backups/moments" / name / "raw_posts/_delta_log").iterdir())
    assert log == [f"{handle.version():020}.checkpoint.parquet", f"{handle.version():020}.json"]
    restore(elsewhere(place, tmp_path / "two"), str(tmp_path / "backups"))
    assert rows(elsewhere(place, tmp_path / "two")) == rows(place.settings)


def test_old_backups_go_with_the_files_that_only_they_have(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: datetime
) -> None:
    backup(place.settings, str(tmp_path / "backups"))
    first = data_in(tmp_path / "backups")
    unfinished = tmp_path / "backups/moments/2026-10-01T00-00-00Z/raw_posts"
    unfinished.mkdir(parents=True)
    add(place, "second", DAYS)
    later(monkeypatch, present, days=365)
    last = backup(place.settings, str(tmp_path / "backups"), keep=1)
    assert [path.name for path in (tmp_path / "backups/moments").iterdir()] == [last.name]
    assert len(data_in(tmp_path / "backups")) == last.files
    assert first - data_in(tmp_path / "backups")
    restore(elsewhere(place, tmp_path / "two"), str(tmp_path / "backups"))
    assert rows(elsewhere(place, tmp_path / "two")) == rows(place.settings)


def test_what_another_backup_may_be_copying_right_now_stays(place: Place, tmp_path: Path) -> None:
    backup(place.settings, str(tmp_path / "backups"), keep=1)
    fresh = tmp_path / "backups/data/raw_posts/being-copied.parquet.part"
    fresh.touch()
    backup(place.settings, str(tmp_path / "backups"), keep=1)
    assert fresh.exists()


def test_a_restore_that_was_cut_off_goes_on_where_it_was(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = backup(place.settings, str(tmp_path / "backups")).files
    copy, done = module._copy, 0

    def dies(*arguments: Any) -> None:
        nonlocal done
        if done == total + 2:
            raise KeyboardInterrupt
        done += 1
        copy(*arguments)

    there = elsewhere(place, tmp_path / "two")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_copy", dies)
        with pytest.raises(KeyboardInterrupt):
            restore(there, str(tmp_path / "backups"))
    restore(there, str(tmp_path / "backups"))
    assert rows(there) == rows(place.settings)


def test_a_lake_that_holds_something_else_is_left_alone(place: Place, tmp_path: Path) -> None:
    backup(place.settings, str(tmp_path / "backups"))
    add(place, "second", DAYS)
    before = rows(place.settings)
    with pytest.raises(LakeError, match="the lake is not empty, and a restore overwrites nothing; name another place"):
        restore(place.settings, str(tmp_path / "backups"))
    assert rows(place.settings) == before


def test_a_backup_that_lost_a_file_is_refused_before_anything_is_written(place: Place, tmp_path: Path) -> None:
    backup(place.settings, str(tmp_path / "backups"))
    lost = next(path for path in (tmp_path / "backups/data").rglob("*.parquet"))
    lost.write_bytes(b"")
    with pytest.raises(LakeError, match=rf"{lost.name}: of \d+ bytes backed up 0 is left; restore another backup"):
        restore(elsewhere(place, tmp_path / "two"), str(tmp_path / "backups"))
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("name", [None, "2020-01-01T00-00-00Z"])
def test_where_there_is_no_backup_the_message_says_so(place: Place, tmp_path: Path, name: str | None) -> None:
    with pytest.raises(LakeError, match=r"there is no backup.*; name one that `lake backup` made"):
        restore(elsewhere(place, tmp_path / "two"), str(tmp_path / "nothing"), name)


def test_an_empty_lake_has_a_backup_too(tmp_path: Path, present: datetime) -> None:
    place = Place(tmp_path / "one")
    assert backup(place.settings, str(tmp_path / "backups")).files == 0
    assert restore(elsewhere(place, tmp_path / "two"), str(tmp_path / "backups")).tables == 0


def test_a_lake_that_was_lost_is_not_backed_up_over_what_it_was(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: datetime
) -> None:
    kept = backup(place.settings, str(tmp_path / "backups")).name
    before = rows(place.settings)
    shutil.rmtree(place.settings.lake)
    later(monkeypatch, present, days=1)
    with pytest.raises(LakeError, match=f"the lake has no table, its newest backup {kept} in .* has; restore that"):
        backup(place.settings, str(tmp_path / "backups"), keep=1)
    restore(place.settings, str(tmp_path / "backups"))
    assert rows(place.settings) == before


def test_backups_do_not_lie_in_the_lake(place: Place) -> None:
    with pytest.raises(LakeError, match="backups in the lake itself would go with it"):
        backup(place.settings, f"{place.settings.lake}/backups")


@pytest.fixture(params=["moto", pytest.param("seaweedfs", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    servers: dict[str, AbstractContextManager[str]] = {"moto": moto(), "seaweedfs": seaweedfs(tmp_path)}
    try:
        with servers[request.param] as address:
            yield address
    except NotHereError as why:
        pytest.skip(str(why))


def test_a_lake_in_a_store_comes_back_there_with_keys_from_a_file(
    store: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(
        f"[default]\naws_access_key_id = {KEYS['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {KEYS['AWS_SECRET_ACCESS_KEY']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    backup(place.settings, str(tmp_path / "backups"))
    far = elsewhere(place, f"s3://{BUCKET}/lake")
    restore(far, str(tmp_path / "backups"))
    assert rows(far) == rows(place.settings)
    first = backup(far, f"s3://{BUCKET}/backups")
    assert backups(Lake(f"s3://{BUCKET}/backups")) == [first.name]
    assert first.files == first.copied > 0
