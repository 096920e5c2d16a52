"""The loop of the steps: what is stale is made and committed; what others changed meanwhile is made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import contract
from jobs import step as loop
from jobs.lake import table
from jobs.lake.query import View, batches
from jobs.lake.table import File, Lake, LakeError, Partition, Table
from jobs.lake.writer import write
from jobs.step import Change, Order, Plan, bring_up_to_date, replaced
from tests import stored
from tests.place import Place

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03"]
PARTS = [Partition(day, "posts") for day in DAYS]


@dataclass
class Copy:
    """posts -> scored_posts, without scores; `meanwhile` happens once after each making, in order."""

    lake: Lake
    whole: bool = False
    apart: bool = False
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    made: list[list[str]] = field(default_factory=list)
    name: str = "copy"
    output: str = "scored_posts"

    def plan(self, view: View) -> Plan:
        wanted = {file.partition: file.made_from for file in view.files("posts")}
        gone = self.lake.table(self.output).partitions.keys() - wanted.keys()
        return {**wanted, **dict.fromkeys(gone)}

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        self.made.append(sorted(partition.day for partition in stale))
        changes = {partition: replaced(target, partition, ()) for partition in stale}
        for file in view.files("posts"):
            if file.partition in stale:
                files = write(self.lake, self.output, dict(file.values), file.made_from, self._rows(file))
                changes[file.partition] = replaced(target, file.partition, files)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return changes

    def _rows(self, file: File) -> Iterator[pa.RecordBatch]:
        for batch in batches(self.lake, file):
            rows = [{**row, "model_version": "x"} for row in batch.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=contract(self.output).stored_schema)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A lake with a post on each of the first two days."""
    place = Place(tmp_path)
    posts(place, DAYS[0], "a")
    posts(place, DAYS[1], "b")
    return place


def posts(place: Place, day: str, *names: str) -> None:
    """The posts of `day` are those with these names."""
    rows = [{"post_id": name, "feed": "posts", "published_date": date.fromisoformat(day)} for name in names]
    place.put("posts", rows, made_from="from_" + "".join(names))


def others(place: Place, day: str, *names: str) -> None:
    """Another writer puts these posts into the output."""
    rows = [{"post_id": name, "feed": "posts", "published_date": date.fromisoformat(day)} for name in names]
    place.put("scored_posts", rows, made_from="from_" + "".join(names))


def copied(place: Place) -> dict[str, list[str]]:
    """Names of the posts in the output by day; every file that lies there was committed at some time."""
    base, newest = Path(place.lake.base), place.lake.table("scored_posts").version or 0
    found = {str(path.relative_to(base)) for path in (base / "scored_posts").rglob("*.parquet")}
    assert found == {file.path for n in range(newest + 1) for file in place.lake.table("scored_posts", n).files}
    rows = place.rows("scored_posts")
    return {day: [row["post_id"] for row in rows if str(row["published_date"]) == day] for day in DAYS}


def test_what_is_stale_is_made_and_what_is_made_is_left_alone(place: Place) -> None:
    step = Copy(place.lake)
    made = bring_up_to_date(place.lake, step)
    assert made.keys() == {PARTS[0], PARTS[1]}
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b"], DAYS[2]: []}

    before = stored.versions(place.lake)
    assert bring_up_to_date(place.lake, step) == {}
    assert stored.versions(place.lake) == before

    posts(place, DAYS[1], "b", "c")
    assert bring_up_to_date(place.lake, step).keys() == {PARTS[1]}
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b", "c"], DAYS[2]: []}
    assert step.made == [DAYS[:2], [DAYS[1]]]


def test_all_changes_are_one_commit_that_says_what_it_was_made_from(place: Place) -> None:
    bring_up_to_date(place.lake, Copy(place.lake), Order("model"))
    table = place.lake.table("scored_posts")
    assert table.handle is not None
    said, *_ = table.handle.history(1)
    assert (said["step"], said["cause"], said["days"]) == ("copy", "model", DAYS[:2])
    assert said["made_from"] == {"judged_posts": place.lake.table("judged_posts").version}


def test_a_partition_that_is_to_hold_nothing_is_emptied(place: Place) -> None:
    others(place, DAYS[2], "old")
    bring_up_to_date(place.lake, Copy(place.lake))
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b"], DAYS[2]: []}


def test_a_commit_to_another_partition_costs_no_second_making(place: Place) -> None:
    rows = [{"post_id": "other", "feed": "shop", "published_date": date.fromisoformat(DAYS[0])}]
    step = Copy(place.lake, meanwhile=[lambda: place.put("scored_posts", rows, made_from="other")])
    step.plan = lambda view: {  # type: ignore[method-assign]
        p: w for p, w in Copy(place.lake).plan(view).items() if p.feed == "posts"
    }
    made = bring_up_to_date(place.lake, step)
    assert made.keys() == {PARTS[0], PARTS[1]}
    assert step.made == [DAYS[:2]]
    assert copied(place)[DAYS[0]] == ["a", "other"]


def test_a_partition_that_another_replaced_is_made_anew_and_the_others_are_kept(place: Place) -> None:
    step = Copy(place.lake, meanwhile=[lambda: others(place, DAYS[0], "other")])
    made = bring_up_to_date(place.lake, step)
    assert step.made == [DAYS[:2], [DAYS[0]]]
    assert made.keys() == {PARTS[0], PARTS[1]}
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b"], DAYS[2]: []}


def test_a_partition_that_another_brought_up_to_date_is_not_made_again(place: Place) -> None:
    step = Copy(place.lake, meanwhile=[lambda: bring_up_to_date(place.lake, Copy(place.lake))])
    made = bring_up_to_date(place.lake, step)
    assert step.made == [DAYS[:2]]
    assert made == {}
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b"], DAYS[2]: []}


def test_a_partition_whose_inputs_changed_is_made_anew_and_the_others_are_kept(place: Place) -> None:
    step = Copy(place.lake, meanwhile=[lambda: posts(place, DAYS[1], "b", "late")])
    bring_up_to_date(place.lake, step)
    assert step.made == [DAYS[:2], [DAYS[1]]]
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["b", "late"], DAYS[2]: []}


def test_older_inputs_never_replace_what_was_made_from_newer_ones(place: Place) -> None:
    def newer() -> None:
        posts(place, DAYS[0], "a", "newer")
        bring_up_to_date(place.lake, Copy(place.lake))

    step = Copy(place.lake, meanwhile=[newer])
    assert bring_up_to_date(place.lake, step) == {}
    assert copied(place) == {DAYS[0]: ["a", "newer"], DAYS[1]: ["b"], DAYS[2]: []}


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("change", ["inputs", "output"])
def test_a_step_whose_partitions_belong_together_commits_all_or_none(place: Place, change: str, apart: bool) -> None:
    """Where each is made by itself, what nobody overtook is not made again."""
    seen: list[Any] = []
    events = {"inputs": lambda: posts(place, DAYS[1], "moved"), "output": lambda: others(place, DAYS[1], "other")}
    meanwhile = [events[change], lambda: seen.append(copied_names(place))]
    step = Copy(place.lake, whole=True, apart=apart, meanwhile=meanwhile)
    bring_up_to_date(place.lake, step)
    assert step.made == [DAYS[:2], [DAYS[1]] if apart else DAYS[:2]]
    assert seen == [[] if change == "inputs" else ["other"]]
    assert copied(place) == {DAYS[0]: ["a"], DAYS[1]: ["moved" if change == "inputs" else "b"], DAYS[2]: []}


def copied_names(place: Place) -> list[str]:
    return [row["post_id"] for row in place.rows("scored_posts")]


def test_whoever_is_overtaken_time_and_again_gives_up_and_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (loop, table):
        monkeypatch.setattr(module, "ATTEMPTS", 3)
    events = [lambda n=n: others(place, DAYS[0], f"other{n}") for n in range(9)]
    step = Copy(place.lake, meanwhile=events)
    with pytest.raises(LakeError, match=r"scored_posts: others committed first 3 times; run again"):
        bring_up_to_date(place.lake, step)
    assert len(step.made) == 3
    assert copied(place) == {DAYS[0]: ["other2"], DAYS[1]: ["b"], DAYS[2]: []}
