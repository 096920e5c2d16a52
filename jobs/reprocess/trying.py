"""The steps on a side lake: what of a range is stale, and some of its days really made, with the time that took."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from jobs.aggregate import Aggregate
from jobs.engine import Engine, LocalEngine
from jobs.enrich.topics import Topics
from jobs.enrich.twins import Twins
from jobs.lake.query import View
from jobs.lake.side import SideLake
from jobs.lake.table import Partition, as_day
from jobs.reprocess.request import Request
from jobs.score import Score
from jobs.settings import Settings
from jobs.step import Order, Step, bring_up_to_date, stale_of
from jobs.validate.publish import Validate
from jobs.versions import view_newest

FEWEST_DAYS = 3
READS = {"validate": (), "score": ("validate",), "enrich": ("validate",), "aggregate": ("validate", "score")}
"""The steps whose output each step reads."""


@dataclass
class Trial:
    """Days that were made on a side lake: all that were looked at, those held back and why, seconds by step."""

    days: list[str] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What a request is tried with: a side lake, the settings and an engine of this process."""

    side: SideLake
    settings: Settings
    request: Request
    engine: Engine

    def stale(self, days: Sequence[str]) -> dict[str, set[Partition]]:
        """What each step of the request would make, were it asked for `days`: what a former one makes, a later does.

        Days that only look back on those are not among them: `looking_back` tells them.
        """
        view, order = View(self.side), self.request.order
        found: dict[str, set[Partition]] = {}
        for name in self.request.steps:
            found[name] = {
                partition
                for step in self._steps(name, days)
                for partition in stale_of(self.side.table(step.output), step.plan(view), order)
            }
            for former in READS[name]:
                found[name] |= {_as_of(name, partition) for partition in found.get(former, ())}
        return found

    def looking_back(self, stale: Mapping[str, Collection[Partition]]) -> set[Partition]:
        """Where twins would be found anew because validation makes that day, or one before it, anew."""
        days = sorted({partition.day for partition in stale.get("validate", ())})
        if not days:
            return set()
        twins, _ = self._steps("enrich", days)
        return set(twins.plan(View(self.side)))

    def try_out(self, days: Sequence[str], stale: Mapping[str, Collection[Partition]]) -> Trial:
        """Make `days`, and those that validation judges with them, by the steps that have anything `stale` there."""
        trial = Trial(list(days))
        for name in self.request.steps:
            if not any(partition.day in trial.days for partition in stale[name]):
                continue
            started = time.monotonic()
            order = self.request.order if name == "validate" else self._only(trial.days)
            for step in self._steps(name, trial.days):
                bring_up_to_date(self.side, step, order)
                if isinstance(step, Validate):
                    trial.days, trial.held = sorted({*trial.days, *step.days}), step.held
            trial.seconds[name] = time.monotonic() - started
        return trial

    def items(self, days: Iterable[str]) -> dict[Partition, int]:
        """How many items, in their newest version, lie in each partition of `days`."""
        view, wanted = View(self.side), sorted(days)
        with view.query() as query:
            view_newest(query, view, wanted)
            rows = query.rows("SELECT published_date, feed, count(*) AS items FROM newest GROUP BY ALL")
        found = {Partition(as_day(row["published_date"]), row["feed"]): int(row["items"]) for row in rows}
        return {partition: items for partition, items in found.items() if partition.day in set(wanted)}

    def _only(self, days: Collection[str]) -> Order:
        return replace(self.request.order, days=set(days))

    def _steps(self, name: str, days: Sequence[str]) -> list[Step]:
        side, settings, asked = self.side, self.settings, tuple(days)
        if name == "validate":
            return [Validate(side, list(days), self.engine)]
        if name == "score":
            return [Score(side, settings.scoring, asked, self.engine)]
        if name == "enrich":
            told = asked if settings.topics or settings.themes else ()
            twins = Twins(side, settings.twins.days, asked, LocalEngine(settings.engine.workers))
            return [twins, Topics(side, settings, told, self.engine)]
        return [Aggregate(side, settings, asked, self.request.order.cause)]


def _as_of(step: str, partition: Partition) -> Partition:
    """The partition that `step` makes from `partition`: what is enriched and added up is not cut by feed."""
    return partition if step == "score" else Partition(partition.day)


def chosen(days: Mapping[str, int], posts: int) -> list[str]:
    """Of `days`, with how many items they have, as many as have some `posts`, spread over all of them by chance.

    The same days give the same choice. There are FEWEST_DAYS at least, where there are as many.
    """
    every = sorted(days)
    count = max(FEWEST_DAYS, int(len(every) * posts / max(sum(days.values()), 1)))
    if count >= len(every):
        return every
    chance = random.Random(0)
    edges = [len(every) * place // count for place in range(count + 1)]
    return [every[chance.randrange(low, high)] for low, high in pairwise(edges)]
