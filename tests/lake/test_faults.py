"""What is wrong with the place or the tables of a lake is one sentence that names it and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema, write_deltalake

from data_contracts import contract
from jobs.lake.faults import LakeError, sentence
from jobs.lake.query import View
from jobs.lake.table import Lake
from tests.lake.posts import DAY, below, posts, publish, written
from tests.place import FETCHED, Place, item


def refuses(lake: Lake, pattern: str) -> None:
    """Readers and writers of judged_posts both get a sentence that matches."""
    for use in (lambda: View(lake).files("posts"), lambda: publish(lake, DAY, ["bom"])):
        with pytest.raises(LakeError, match=pattern) as fault:
            use()
        assert "\n" not in str(fault.value)


def created(lake: Lake, **configuration: str) -> None:
    schema = Schema.from_arrow(contract("judged_posts").schema)
    DeltaTable.create(
        lake.uri("judged_posts"), schema=schema, configuration=configuration, raise_if_key_not_exists=False
    )


def test_a_layout_of_another_version_is_refused(lake: Lake) -> None:
    created(lake, **{"sentinela.layout": "5"})
    refuses(lake, r"judged_posts: a table of layout 5, which this version .* did not write; name another folder")


def test_a_delta_table_of_somebody_else_is_refused(lake: Lake) -> None:
    created(lake)
    refuses(lake, r"judged_posts: a table of layout unknown, .*; name another folder")


def test_the_former_layout_is_refused(lake: Lake) -> None:
    folder = Path(lake.base, "judged_posts/published_date=2026-09-03/feed=olist")
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"text": ["bom"]}), folder / "data.parquet")
    refuses(lake, r"judged_posts: Parquet files without a Delta log, .*; name another folder .* and ingest anew")


def test_a_table_that_somebody_else_committed_to_is_refused_until_that_is_taken_back(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    sound = lake.table("judged_posts")
    table = pa.Table.from_batches([posts(DAY, ["de fora"])])
    table = table.append_column("verdict", pa.array(["passed"]))
    write_deltalake(lake.uri("judged_posts"), table, mode="append", schema_mode="merge")
    refuses(lake, r"judged_posts.*: Sentinela did not write judged_posts/.*part-00000.*parquet; .*DeltaTable\.restore")
    DeltaTable(lake.uri("judged_posts")).restore(sound.version)
    assert lake.table("judged_posts").files == sound.files
    publish(lake, DAY, ["novo"])
    assert View(lake).rows("posts") == 1


def test_files_that_nobody_committed_are_nobodys_business(lake: Lake) -> None:
    publish(lake, DAY, ["bom"])
    (unfinished,) = written(lake, DAY, ["nunca"])
    pq.write_table(pa.table({"text": ["de fora"]}), Path(lake.base, unfinished.path).with_name("data.parquet"))
    assert View(lake).rows("posts") == 1
    publish(lake, DAY, ["novo"])
    assert View(lake).rows("posts") == 1


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device", "make room there"),
        ("Generic LocalFileSystem error: Unable to copy data to file: File too large (os error 27)", "make room there"),
        ("[Errno 30] Read-only file system", "let this user write there"),
        ("Generic error: Permission denied (os error 13)", "let this user write there"),
        ("AWS Error NO_SUCH_BUCKET during PutObject operation: The specified bucket does not exist", "make the bucket"),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", "mend the keys of the store"),
        ("AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 7", "see that the store runs"),
        ("something new", "mend that and run again"),
    ],
)
def test_each_fault_comes_with_what_to_do(told: str, advice: str) -> None:
    assert sentence("s3://bucket/lake", "written", OSError(f"{told}\n  in a \x1b[31msecond\x1b[0m line")) == (
        f"s3://bucket/lake: cannot be written: {told} in a second line; " + sentence("", "", told).rpartition("; ")[2]
    )
    assert f"; {advice}" in sentence("s3://bucket/lake", "written", told)


@pytest.fixture
def mounted() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call `sentinela` in a mount namespace of its own, after the shell command `mount`."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")

    def call(mount: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        script = f'folder=$1; shift; {mount}; code=0; "$@" || code=$?; find "$folder" -type f; exit $code'
        entry = [sys.executable, "-c", "from jobs.cli import main; main()", *arguments]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-ec", script, "sh", str(folder), *entry],
            capture_output=True, text=True, check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(int(FETCHED.timestamp()))},
        )  # fmt: skip

    return call


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_visible(
    tmp_path: Path, mounted: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    place = Place(tmp_path)
    place.write([item(f"{n}", "2026-06-29", os.urandom(600).hex()) for n in range(200)])
    lake = Path(place.lake.base)
    lake.mkdir()
    done = mounted('mount -t tmpfs -o size=64k none "$folder"', lake, "ingest", "--config", str(place.config))
    assert done.returncode == 1
    assert f"{lake}/raw_posts" in done.stderr
    assert "cannot be written" in done.stderr
    assert done.stderr.rstrip().endswith("; make room there and run again")
    assert "Traceback" not in done.stderr
    assert not [line for line in done.stdout.splitlines() if "raw_posts" in line or "cursors" in line]


def test_a_folder_that_may_only_be_read_can_be_read_and_says_so_to_writers(
    tmp_path: Path, mounted: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    place = Place(tmp_path)
    place.add([item("a", "2026-06-29")])
    place.write([item("b", "2026-06-29")], file="2")
    lake, files = Path(place.lake.base), below(place.lake.base)
    read_only = 'mount --bind "$folder" "$folder"; mount -o remount,bind,ro "$folder"'
    done = mounted(read_only, lake, "run", "--config", str(place.config))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "; let this user write there, or name another place under `lake`" in done.stderr
    assert "Traceback" not in done.stderr
    assert below(place.lake.base) == files
    assert mounted(read_only, lake, "status", "--config", str(place.config)).returncode == 0
