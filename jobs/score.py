"""Score: posts -> scored_posts. The packaged model reads the texts; what it needs to know is inside it.

Posts in a language that the model does not read are kept and counted, with null probabilities. Each partition is
scored by itself: the last digits of a probability depend on the texts it is computed beside, a cascade's budget is
that of one partition, and a partition must not depend on which others are scored in the same call.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from jobs.progress import track
from jobs.settings import Scoring, Settings
from jobs.storage import Lake, Partition, fingerprint
from models.sentiment import LABELS
from models.sentiment.cascade import scorer
from models.sentiment.contract import Scorer, Scores, Texts
from models.sentiment.loading import lineage, open_model

log = logging.getLogger(__name__)

SCORED_LANGUAGES = ("pt", "en", "es")


@dataclass(frozen=True)
class Scored:
    """What one scoring did: the days that are scored now, and the rows it wrote."""

    days: list[str]
    posts: int
    unscored: int


def score(settings: Settings, days: Sequence[str]) -> Scored:
    """Score the posts of `days` (YYYY-MM-DD or `undated`) in one pass; partitions that are up to date are left alone.

    Raises models.sentiment.ArtifactError when the packaged model is missing or was changed.
    """
    lake, scoring = Lake(settings.lake), settings.scoring
    stale = _stale(lake, days, scoring)
    log.info("score: %d partitions to make with %s", len(stale), scoring.model)
    posts, unscored = 0, 0
    if stale:
        model = open_model(scoring.model, scoring.budget_minutes)
        with lake.staging() as stage:
            for partition, made_from in track(stale.items(), "score", len(stale), "partitions"):
                with stage.writer("scored_posts", lake.path("scored_posts", partition), made_from) as writer:
                    source = lake.path("posts", partition)
                    judged = scorer(model, map(_texts, lake.batches(source)), scoring.unsure_below)
                    for batch in lake.batches(source):
                        scored = with_scores(batch, judged, model.version)
                        posts += writer.write(scored)
                        unscored += scored.column("polarity").null_count
            stage.publish()
    return Scored(sorted(set(days)), posts, unscored)


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


def _stale(lake: Lake, days: Sequence[str], scoring: Scoring) -> dict[Partition, str]:
    """Snapshots to be of the partitions whose scores were not made from these posts in this way."""
    shared = (lineage(scoring.model, scoring.budget_minutes), scoring.unsure_below, contract("scored_posts").digest)
    wanted = {
        partition: fingerprint(lake.snapshot(path), *shared)
        for partition, (path,) in lake.partitions("posts", days).items()
    }
    return {p: made_from for p, made_from in wanted.items() if lake.snapshot(lake.path("scored_posts", p)) != made_from}
