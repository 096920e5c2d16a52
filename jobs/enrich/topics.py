"""Topics: posts -> topics, by the rules of the settings, and the theme that a text is closest to.

A row stands for every post, its list of topics empty where no rule is kept. A topic says whole terms as a brand does,
inflection folded. Themes are found by `jobs.enrich.themes`; which of them are looked for on a day is an input like the
version of a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa

from data_contracts import contract
from jobs.engine import Engine, open_engine
from jobs.enrich.themes import Themes, fit_due, read_themes, themes_file
from jobs.lake.query import View, batches
from jobs.lake.table import File, Lake, Partition, Table, day_value, fingerprint
from jobs.lake.writer import writing
from jobs.progress import track
from jobs.settings import Settings, Topic
from jobs.step import Change, Order, Plan, bring_up_to_date, replaced
from jobs.terms import Matcher

READ = ("post_id", "text", "language")
READ_AT_ONCE = 4096
"""So many texts fit the caches of a processor with all that is made of them."""


@dataclass(frozen=True)
class Told:
    """What one run did: the days that are up to date now, the posts it read, and how many have a topic or theme."""

    days: list[str]
    posts: int
    told: int


def topics(settings: Settings, days: Sequence[str], order: Order | None = None) -> Told:
    """Find the topics of the posts of `days` (YYYY-MM-DD or `undated`), and of every stored day made by other rules.

    Where the settings ask for themes, those that are due are found first; where they ask for nothing, nothing is made
    of days that were never made. Days that are up to date are left
    alone, unless `order` tells otherwise. Raises EngineError.
    """
    lake = Lake(settings.lake)
    asked = tuple(days) if settings.topics or settings.themes else ()
    fit_due(settings, asked)
    with open_engine(settings.engine) as engine:
        step = Topics(lake, settings, asked, engine)
        made = bring_up_to_date(lake, step, order)
    posts = sum(file.rows for change in made.values() for file in change.add)
    return Told(sorted({*asked, *step.restated}), posts, sum(step.told.get(partition, 0) for partition in made))


@dataclass(frozen=True)
class Task:
    """The posts of one day by feed, the themes of the day, and what its topics are made from."""

    partition: Partition
    posts: tuple[File, ...]
    themes: File | None
    made_from: str


@dataclass
class Topics:
    """posts -> topics of `days`. `told` counts the posts with a topic or theme of each partition it made."""

    lake: Lake
    settings: Settings
    days: tuple[str, ...]
    engine: Engine
    name: str = "topics"
    output: str = "topics"
    whole: bool = True
    apart: bool = True
    restated: set[str] = field(default_factory=set)
    told: dict[Partition, int] = field(default_factory=dict)

    def plan(self, view: View) -> Plan:
        """What the posts were made from, and the rules with the themes of the day."""
        stored = self.lake.table(self.output).files
        ways = {file.day: self._way(view, file.day) for file in stored}
        self.restated = {file.day for file in stored if file.made_from.rsplit(".", 1)[-1] != ways[file.day]}
        wanted = {*self.days, *self.restated}
        plan: dict[Partition, str | None] = dict.fromkeys(file.partition for file in stored if file.day in wanted)
        for day, files in view.by_day("posts", wanted).items():
            read = fingerprint(*(f"{file.feed} {file.made_from}" for file in files))
            plan[Partition(day)] = f"{read}.{self._way(view, day)}"
        return plan

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Find the topics of the stale partitions."""
        changes = {partition: replaced(target, partition, ()) for partition in stale}
        posts = view.by_day("posts", {partition.day for partition in stale})
        work = [
            Task(partition, tuple(posts[partition.day]), self._themes(view, partition.day), wanted)
            for partition, wanted in stale.items()
            if wanted
        ]
        done = self.engine.map(FindTopics(self.lake, self.settings.topics), work) if work else iter(())
        for partition, files, told in track(done, "topics", len(work), "days"):
            changes[partition] = replaced(target, partition, files)
            self.told[partition] = told
        return changes

    def _way(self, view: View, day: str) -> str:
        themes = self._themes(view, day)
        return fingerprint(self._rules, themes.made_from if themes else None, contract(self.output).digest)[:8]

    @cached_property
    def _rules(self) -> str:
        return fingerprint(*((topic.name, *topic.said()) for topic in self.settings.topics))

    def _themes(self, view: View, day: str) -> File | None:
        return themes_file(view, day) if self.settings.themes else None


@dataclass(frozen=True)
class FindTopics:
    """The kernel: the posts of a day -> a file of topics."""

    lake: Lake
    topics: tuple[Topic, ...]

    def __call__(self, task: Task) -> tuple[Partition, tuple[File, ...], int]:
        """The partition, the file written for it, and how many of its posts have a topic or a theme."""
        matcher, names = _matcher(self.topics), [topic.name for topic in self.topics]
        themes = read_themes(self.lake, task.themes) if task.themes else None
        written: list[File] = []
        told = 0
        place = self.lake.new_file("topics", {"published_date": day_value(task.partition.day)}, task.made_from)
        with writing(self.lake, "topics", place, written) as writer:
            for file in task.posts:
                for batch in batches(self.lake, file, READ_AT_ONCE, READ):
                    found = with_topics(batch, matcher, names, themes)
                    writer.write(found.append_column("feed", pa.repeat(pa.scalar(file.feed, pa.string()), len(found))))
                    told += _told(found)
        return task.partition, tuple(written), told


def with_topics(batch: pa.RecordBatch, matcher: Matcher, names: Sequence[str], themes: Themes | None) -> pa.RecordBatch:
    """`batch` of posts with the columns topics and theme."""
    texts = batch.column("text")
    found = matcher(texts, batch.column("language"))
    bounds = pa.array(np.searchsorted(found.text, np.arange(len(texts) + 1)), pa.int32())
    told = pa.ListArray.from_arrays(bounds, pa.array(names, pa.string()).take(pa.array(found.rule)))
    theme = themes.closest(texts) if themes else pa.nulls(len(texts), pa.string())
    return batch.append_column("topics", told).append_column("theme", theme)


def _told(batch: pa.RecordBatch) -> int:
    lengths = batch.column("topics").value_lengths().to_numpy()
    return int(np.sum((lengths > 0) | batch.column("theme").is_valid().to_numpy(zero_copy_only=False)))


@lru_cache(maxsize=4)
def _matcher(topics: tuple[Topic, ...]) -> Matcher:
    return Matcher(topics, inflected=True)
