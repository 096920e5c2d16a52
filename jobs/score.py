"""Score: posts -> scored_posts. The packaged model reads the texts; what it needs to know is inside it.

Posts in a language that the model does not read are kept and counted, with null probabilities. Each partition is
scored by itself: the last digits of a probability depend on the texts it is computed beside, a cascade's budget is
that of one partition, and a partition must not depend on which others are scored in the same call.

When the model changes, the newest day's run reads the days just before it anew, too. Their figures are then recorded by
both models, so a report can tell the step that the model made from what people said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from jobs.engine import Engine, open_engine
from jobs.lake.query import View, batches
from jobs.lake.table import File, Lake, Partition, Table, fingerprint
from jobs.lake.writer import writing
from jobs.progress import track
from jobs.settings import Scoring, Settings
from jobs.step import Change, Order, Plan, bring_up_to_date, replaced
from models.sentiment import LABELS
from models.sentiment.cascade import scorer
from models.sentiment.contract import Scorer, Scores, Texts
from models.sentiment.loading import lineage, open_model

SCORED_LANGUAGES = ("pt", "en", "es")
OVERLAP_DAYS = 7
"""So many days before the newest are read by a new model, too."""


@dataclass(frozen=True)
class Scored:
    """What one scoring did: the days that are scored now, those of an overlap among them, and the rows it wrote."""

    days: list[str]
    posts: int
    unscored: int


def score(settings: Settings, days: Sequence[str], order: Order | None = None) -> Scored:
    """Score the posts of `days` (YYYY-MM-DD or `undated`) in one pass.

    Partitions that are up to date are left alone, unless `order` tells otherwise.
    Raises models.sentiment.ArtifactError when the packaged model is missing or was changed, and EngineError.
    """
    lake, order = Lake(settings.lake), order or Order()
    model = lineage(settings.scoring.model, settings.scoring.budget_minutes)
    with open_engine(settings.engine) as engine:
        step = Score(lake, settings.scoring, tuple(days), engine)
        made = bring_up_to_date(lake, step, replace(order, said={**order.said, "model": model}))
    posts = sum(file.rows for change in made.values() for file in change.add)
    return Scored(sorted(set(step.days)), posts, sum(step.unscored.get(partition, 0) for partition in made))


@dataclass(frozen=True)
class Task:
    """The posts of one partition, and what their scores are made from."""

    partition: Partition
    posts: File
    made_from: str


@dataclass
class Score:
    """posts -> scored_posts of `days`. `unscored` counts the posts without a polarity of each partition it made."""

    lake: Lake
    scoring: Scoring
    days: tuple[str, ...]
    engine: Engine
    name: str = "score"
    output: str = "scored_posts"
    whole: bool = True
    apart: bool = True
    unscored: dict[Partition, int] = field(default_factory=dict)

    def plan(self, view: View) -> Plan:
        """What the posts were made from, and the model with its settings."""
        way = fingerprint(
            lineage(self.scoring.model, self.scoring.budget_minutes),
            self.scoring.unsure_below,
            contract("scored_posts").digest,
        )[:8]
        self.days = (*self.days, *self._overlap(view, way))
        posts = {partition: file.made_from for partition, (file,) in view.partitions("posts", self.days).items()}
        gone = {file.partition for file in self.lake.table(self.output).files if file.day in self.days} - posts.keys()
        return {p: f"{made_from}.{way}" for p, made_from in posts.items()} | dict.fromkeys(gone)

    def _overlap(self, view: View, way: str) -> list[str]:
        """The days just before the newest one that were read another way, where the newest is asked for."""
        days = view.days("posts")
        if not days or days[-1] not in self.days:
            return []
        first = (date.fromisoformat(days[-1]) - timedelta(days=OVERLAP_DAYS)).isoformat()
        stored = self.lake.table(self.output).files
        other = {file.day for file in stored if first <= file.day < days[-1] and not file.made_from.endswith(f".{way}")}
        return sorted(other - set(self.days))

    def make(self, view: View, target: Table, stale: Plan) -> Mapping[Partition, Change]:
        """Score the posts of the stale partitions."""
        changes = {partition: replaced(target, partition, ()) for partition in stale}
        posts = view.partitions("posts", self.days)
        work = [Task(p, posts[p][0], wanted) for p, wanted in stale.items() if wanted]
        done = self.engine.map(ScoreTexts(self.lake, self.scoring), work) if work else iter(())
        for partition, files, unscored in track(done, "score", len(work), "partitions"):
            changes[partition] = replaced(target, partition, files)
            self.unscored[partition] = unscored
        return changes


@dataclass(frozen=True)
class ScoreTexts:
    """The kernel: the posts of a partition -> a file of scored posts. Both readings of the posts are of one file."""

    lake: Lake
    scoring: Scoring

    def __call__(self, task: Task) -> tuple[Partition, tuple[File, ...], int]:
        """The partition, the file written for it, and how many of its posts have no polarity."""
        model = open_model(self.scoring.model, self.scoring.budget_minutes)
        judged = scorer(model, map(_texts, batches(self.lake, task.posts)), self.scoring.unsure_below)
        written: list[File] = []
        unscored = 0
        place = self.lake.new_file("scored_posts", dict(task.posts.values), task.made_from)
        with writing(self.lake, "scored_posts", place, written) as writer:
            for batch in batches(self.lake, task.posts):
                scored = with_scores(batch, judged, model.version)
                writer.write(scored)
                unscored += scored.column("polarity").null_count
        return task.partition, tuple(written), unscored


def with_scores(batch: pa.RecordBatch, judged: Scorer, version: str) -> pa.RecordBatch:
    """`batch` of posts with probabilities, polarity, label, unsure and model version; nulls where not scored.

    A row that is not scored names the `version` that would have read it.
    """
    scores, read = judged(_texts(batch)), _is_read(batch)
    for name, values in score_columns(scores).items():
        batch = batch.append_column(name, _spread(values, read))
    sources = _spread(pa.array(scores.sources, pa.string()), read)
    return batch.append_column("model_version", pc.fill_null(sources, version))


def score_columns(scores: Scores) -> dict[str, pa.Array]:
    """Columns that follow from `scores`: each probability, polarity in [-1, 1], the label and whether it is unsure."""
    probabilities = scores.probabilities
    columns = {label: probabilities[:, place] for place, label in enumerate(LABELS)}
    return {
        **{label: pa.array(values, pa.float32()) for label, values in columns.items()},
        "polarity": pa.array(columns["positive"] - columns["negative"], pa.float32()),
        "label": pa.array(np.asarray(LABELS)[probabilities.argmax(axis=1)], pa.string()),
        "unsure": pa.array(scores.unsure, pa.bool_()),
    }


def _texts(batch: pa.RecordBatch) -> Texts:
    """What the model is given of `batch`: the posts in its languages."""
    read = _is_read(batch)
    return Texts(*(batch.column(name).filter(read).to_pylist() for name in ("text", "language", "kind")))


def _is_read(batch: pa.RecordBatch) -> pa.Array:
    return pc.is_in(batch.column("language"), value_set=pa.array(SCORED_LANGUAGES))


def _spread(values: pa.Array, present: pa.Array) -> pa.Array:
    """`values` at the places where `present` is true, null elsewhere."""
    places = np.cumsum(present.to_numpy(zero_copy_only=False)) - 1
    return values.take(pa.array(places, pa.int64(), mask=~present.to_numpy(zero_copy_only=False)))
