"""A preview: what reprocessing would touch, move and cost, tried on some days beside the lake, which stays as it is."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from jobs.engine import open_engine
from jobs.lake.query import View
from jobs.lake.side import beside
from jobs.lake.table import UNDATED, Lake, Partition
from jobs.reprocess.effect import DayMove, Move, day_moves, item_moves, label_moves, points
from jobs.reprocess.periods import Flip, flips, shifted
from jobs.reprocess.request import Request
from jobs.reprocess.trying import Bench, Trial, chosen
from jobs.settings import EngineChoice, Limits, Settings, Window
from jobs.versions import catch_up

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preview:
    """What a request would do. `days` would be made, of which `tried` were, beside the lake at `versions`.

    `partitions` counts what each step would make, `posts` the items of these days, `tried_posts` those of the days
    that were tried. `items`, `labels`, `moved` and `held` are of the tried days; `flips` and `minutes` are of all,
    drawn from them.
    """

    request: Request
    versions: Mapping[str, int | None]
    days: tuple[str, ...]
    partitions: Mapping[str, int]
    posts: int
    tried: tuple[str, ...]
    tried_posts: int
    items: tuple[Move, ...]
    labels: tuple[Move, ...]
    moved: tuple[DayMove, ...]
    held: Mapping[str, list[str]]
    flips: tuple[Flip, ...]
    minutes: float

    @property
    def is_sample(self) -> bool:
        """Whether days were left untried."""
        return len(self.tried) < len(self.days)

    @property
    def labels_moved(self) -> float:
        """The share of the posts whose label would be another one, in [0, 1]."""
        every = sum(move.items for move in self.labels)
        return sum(move.items for move in self.labels if move.before != move.after) / every if every else 0.0

    def came(self, before: str, after: str) -> int:
        """How many of the tried items would go from one dataset to another."""
        return sum(move.items for move in self.items if (move.before, move.after) == (before, after))

    def above(self, limits: Limits) -> list[str]:
        """A sentence for each of `limits` that the request goes beyond."""
        told = (
            ("days", len(self.days), limits.days, f"{len(self.days)} days would be made"),
            ("posts", self.posts, limits.posts, f"{self.posts:,} items would be read"),
            ("moved", self.labels_moved, limits.moved, f"{self.labels_moved:.1%} of the labels would move"),
            ("minutes", self.minutes, limits.minutes, f"it would take {self.minutes:.0f} minutes"),
        )
        return [f"{sentence}, above {name}: {limit:g}" for name, value, limit, sentence in told if value > limit]


def preview(settings: Settings, request: Request) -> Preview:
    """Try `request` beside the lake, on whole days of about `reprocess.sample_posts` items, and tell what it would do.

    Raises ReprocessError when the lake has none of the days, AuditError and EngineError as the steps do.
    """
    view = View(Lake(settings.lake))
    versions = view.versions()
    days = request.days(view)
    engine_here = EngineChoice(workers=settings.engine.workers)
    with beside(view) as side, open_engine(engine_here) as engine:
        catch_up(side)
        bench = Bench(side, settings, request, engine)
        stale = bench.stale(days)
        wanted = sorted({partition.day for made in stale.values() for partition in made} - {UNDATED})
        made = dict(stale)
        if "enrich" in made:
            made["enrich"] = made["enrich"] | bench.looking_back(stale)
        every = bench.items({partition.day for some in made.values() for partition in some})
        items = {partition: count for partition, count in every.items() if partition.day in wanted}
        tried = chosen(_by_day(items, wanted), settings.reprocess.sample_posts)
        log.info("reprocess: %d of %d days are tried beside the lake", len(tried), len(wanted))
        trials = [bench.try_out(some, stale) for some in (tried[:1], tried[1:]) if some]
        looked = sorted({day for trial in trials for day in trial.days})
        after = View(side)
        before_points, after_points = points(view), points(after)
        now = shifted(before_points, after_points, looked, wanted)
        return Preview(
            request=request,
            versions=versions,
            days=tuple(wanted),
            partitions={name: len(some) for name, some in made.items()},
            posts=sum(items.values()),
            tried=tuple(tried),
            tried_posts=_rows(items, items, tried),
            items=item_moves(view, after, looked),
            labels=label_moves(view, after, looked),
            moved=day_moves(before_points, after_points, looked),
            held={day: reasons for trial in trials for day, reasons in trial.held.items()},
            flips=flips(settings, _reach(wanted), before_points, now) if wanted and len(before_points) else (),
            minutes=sum(_seconds(name, some, every, tried, trials) for name, some in made.items()) / 60,
        )


def _by_day(items: Mapping[Partition, int], days: Collection[str]) -> Mapping[str, int]:
    found: Counter[str] = Counter(dict.fromkeys(days, 0))
    for partition, count in items.items():
        found[partition.day] += count
    return found


def _seconds(
    step: str, stale: Collection[Partition], items: Mapping[Partition, int], tried: list[str], trials: list[Trial]
) -> float:
    """How long `step` would take: the first day that was tried paid for the start, the others tell the pace."""
    if not trials:
        return 0.0
    first, rest = (_rows(items, stale, some) for some in (tried[:1], tried[1:]))
    every = _rows(items, stale, {partition.day for partition in stale})
    started = trials[0].seconds.get(step, 0.0)
    if len(trials) == 1 or not rest:
        return started * every / first if first else started
    return started + trials[1].seconds.get(step, 0.0) / rest * (every - first)


def _rows(items: Mapping[Partition, int], of: Collection[Partition], days: Collection[str]) -> int:
    """The items of those partitions `of` which lie on `days`; a day without a feed stands for all of its feeds."""
    wanted = set(days)
    whole = {partition.day for partition in of if partition.feed is None}
    named = set(of)
    return sum(
        count
        for partition, count in items.items()
        if partition.day in wanted and (partition in named or partition.day in whole)
    )


def _reach(days: list[str]) -> Window:
    """From the first of `days` to the last."""
    return Window(start=date.fromisoformat(days[0]), end=date.fromisoformat(days[-1]))
