"""The loop that every step shares: plan what is stale, make it, commit it; when others were faster, look again.

A step says what each partition of its output is to be made from (`plan`) and makes some of them (`make`). What is made
is committed only for the partitions whose inputs still are what they were planned from and whose output nobody has
replaced meanwhile; the others are planned and made anew. Of a step whose partitions belong together none is committed
then; where each is made by itself, what is still right waits for the others and is not made again. The output is opened
before the inputs, so what a commit replaces was never made from newer inputs than its own: no writer takes another's
rows away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from jobs.lake.query import View
from jobs.lake.table import ATTEMPTS, File, Lake, Partition, Refused, Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What is to become of one partition: the files that come, and those that go."""

    add: tuple[File, ...] = ()
    remove: tuple[File, ...] = ()


@dataclass(frozen=True)
class Order:
    """How a step is told to work, beside the days: why, and on what.

    `cause` is what commits say, and revisions where nothing else tells; `said` is what commits say beyond it. What is
    up to date is left alone but where it was committed by `made_before`, so that an order carried out in part can be
    given again. Partitions of other `feeds` or `days`, where these are given, are left as they are.
    """

    cause: str | None = None
    made_before: datetime | None = None
    feeds: Collection[str] | None = None
    days: Collection[str] | None = None
    said: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def anew(cls, cause: str | None = None) -> Self:
        """The order to make everything, whether it is up to date or not."""
        return cls(cause, datetime.now(UTC))

    def takes(self, partition: Partition) -> bool:
        """Whether `partition` is among what is to be made."""
        of_feeds = self.feeds is None or partition.feed is None or partition.feed in self.feeds
        return of_feeds and (self.days is None or partition.day in self.days)

    def is_old(self, files: Collection[File]) -> bool:
        """Whether any of `files`, those of one partition, was committed too long ago; no person decided on them."""
        if self.made_before is None or any(file.is_decided for file in files):
            return False
        latest = self.made_before.timestamp() * 1000
        return any(file.committed <= latest for file in files)


@dataclass(frozen=True)
class Waiting:
    """A change that was made and could not be committed: what it was made from, and what it was to replace."""

    made_from: str | None
    former: tuple[File, ...]
    change: Change

    def replaces(self, former: tuple[File, ...], wanted: str | None) -> bool:
        """Whether it is what is `wanted` in the place of `former`."""
        return (self.former, self.made_from) == (former, wanted)


Plan = Mapping[Partition, str | None]
"""What each partition is to be made from; None where it is to hold nothing."""


class Step(Protocol):
    """A dataset made from others, partition by partition."""

    @property
    def name(self) -> str:
        """What the step is called in logs and commits."""

    @property
    def output(self) -> str:
        """The table that it writes."""

    @property
    def whole(self) -> bool:
        """Whether all that is stale is committed together or not at all: an item may move from one day to another."""

    @property
    def apart(self) -> bool:
        """Whether each partition is made by itself, whichever others are made with it."""

    def plan(self, view: View) -> Plan:
        """What the output is to be made from, by the inputs in `view`."""

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Write the files of the `stale` partitions; `target` is the output that they replace."""


def bring_up_to_date(lake: Lake, step: Step, order: Order | None = None) -> dict[Partition, Change]:
    """Make and commit what is stale of the output of `step`, or as `order` tells.

    Returns the changes that were committed.

    Raises LakeError when others replace the same partitions time and again.
    """
    order = order or Order()
    made: dict[Partition, Change] = {}
    waiting: dict[Partition, Waiting] = {}
    began = time.monotonic()
    for _ in range(ATTEMPTS):
        target, view = lake.table(step.output), View(lake)
        plan = step.plan(view)
        stale = stale_of(target, plan, order, made)
        right = {p: one.change for p, one in waiting.items() if p in stale and one.replaces(target.of(p), stale[p])}
        _discard(lake, [one.change for p, one in waiting.items() if p not in right])
        left = {p: wanted for p, wanted in stale.items() if p not in right}
        log.info("%s: %d of %d partitions to make", step.name, len(left), len(plan))
        if not stale:
            return made
        changes = right | dict(step.make(view, target, left)) if left else right
        kept = _commit(lake, step, target, plan, view, changes, order, began)
        made |= kept
        if kept.keys() == stale.keys():
            return made
        waiting = {p: Waiting(plan[p], target.of(p), change) for p, change in changes.items() if p not in kept}
        if not step.apart:
            _discard(lake, [one.change for one in waiting.values()])
            waiting = {}
        log.info("%s: others changed some partitions meanwhile; looking again", step.name)
    _discard(lake, [one.change for one in waiting.values()])
    raise lake.overtaken(step.output)


def stale_of(target: Table, plan: Plan, order: Order, made: Collection[Partition] = ()) -> Plan:
    """Those partitions of `plan` that `order` lets be made of the output `target`; `made` are made anew no more."""
    return {
        partition: wanted
        for partition, wanted in plan.items()
        if order.takes(partition)
        and (not _is_made(target, partition, wanted) or (partition not in made and order.is_old(target.of(partition))))
    }


def _is_made(target: Table, partition: Partition, wanted: str | None) -> bool:
    files = target.of(partition)
    if any(file.is_held for file in files):
        return False
    given_up = {file.made_from for file in files if file.is_given_up}
    published = {file.made_from for file in files if not file.is_given_up}
    return wanted in given_up or published == ({wanted} if wanted else set())


def _commit(
    lake: Lake,
    step: Step,
    target: Table,
    plan: Plan,
    view: View,
    changes: Mapping[Partition, Change],
    order: Order,
    began: float,
) -> dict[Partition, Change]:
    """Commit those of `changes` that are still right, and return them."""
    kept = dict(changes)
    newest = target
    for _ in range(ATTEMPTS):
        if newest.version != target.version:
            kept = {p: change for p, change in kept.items() if newest.of(p) == target.of(p)}
        kept = _still_planned(step, plan, view, kept)
        if not kept or (step.whole and len(kept) < len(changes)):
            kept = {}
            break
        add = [file for change in kept.values() for file in change.add]
        remove = [file for change in kept.values() for file in change.remove]
        try:
            said: dict[str, Any] = {
                "days": _days(kept),
                "cause": order.cause or "inputs",
                "made_from": _read(view),
                "seconds": round(time.monotonic() - began, 3),
                **order.said,
            }
            lake.commit(newest, add, remove, step=step.name, **said)
            break
        except Refused:
            newest = lake.table(step.output)
    else:
        kept = {}
    return kept


def _discard(lake: Lake, changes: Iterable[Change]) -> None:
    lake.discard(file for change in changes for file in change.add)


def _still_planned(step: Step, plan: Plan, view: View, changes: Mapping[Partition, Change]) -> dict[Partition, Change]:
    """Those of `changes` whose inputs are still what they were made from."""
    now = View(view.lake)
    if all(now.table(name).version == version for name, version in _read(view).items()):
        return dict(changes)
    again = step.plan(now)
    return {p: change for p, change in changes.items() if p in again and again[p] == plan[p]}


def _read(view: View) -> dict[str, int | None]:
    """The versions of the tables that were read through `view`."""
    return {name: table.version for name, table in view.opened.items()}


def _days(partitions: Collection[Partition]) -> list[str]:
    return sorted({partition.day for partition in partitions})


def replaced(target: Table, partition: Partition, add: Iterable[File]) -> Change:
    """The change that puts `add` in the place of everything in `partition`."""
    return Change(tuple(add), target.of(partition))
