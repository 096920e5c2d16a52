"""Score: posts -> scored_posts. The packaged model reads the texts; what it needs to know is inside it.

Posts in a language that the model does not read are kept and counted, with null probabilities. Each partition is
scored by itself: the last digits of a probability depend on the texts it is computed beside, and a partition must not
depend on which others are scored in the same call.
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
from jobs.settings import Settings
from jobs.storage import Lake, Partition, fingerprint
from models import sentiment

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
    lake, version = Lake(settings.lake), sentiment.version(settings.scoring.model)
    stale = _stale(lake, days, version)
    log.info("score: %d partitions to make with %s", len(stale), version)
    posts, unscored = 0, 0
    if stale:
        model = sentiment.load(settings.scoring.model)
        with lake.staging() as stage:
            for partition, made_from in track(stale.items(), "score", len(stale), "partitions"):
                with stage.writer("scored_posts", lake.path("scored_posts", partition), made_from) as writer:
                    for batch in lake.batches(lake.path("posts", partition)):
                        scored = with_scores(batch, model)
                        posts += writer.write(scored)
                        unscored += scored.column("polarity").null_count
            stage.publish()
    return Scored(sorted(set(days)), posts, unscored)


def with_scores(batch: pa.RecordBatch, model: sentiment.SentimentModel) -> pa.RecordBatch:
    """`batch` of posts with probabilities, polarity, label and model version; nulls where not scored."""
    read = pc.is_in(batch.column("language"), value_set=pa.array(SCORED_LANGUAGES))
    probabilities = model.predict(batch.column("text").filter(read).to_pylist())
    for name, values in score_columns(probabilities, model).items():
        batch = batch.append_column(name, _spread(values, read))
    return batch.append_column("model_version", pa.array([model.version] * batch.num_rows, pa.string()))


def score_columns(probabilities: np.ndarray, model: sentiment.SentimentModel) -> dict[str, pa.Array]:
    """Columns that follow from float32 [n, 3] probabilities: each of them, polarity in [-1, 1] and the label."""
    columns = {label: probabilities[:, place] for place, label in enumerate(model.labels)}
    labels = np.asarray(model.labels)[probabilities.argmax(axis=1)] if len(probabilities) else []
    return {
        **{label: pa.array(values, pa.float32()) for label, values in columns.items()},
        "polarity": pa.array(columns["positive"] - columns["negative"], pa.float32()),
        "label": pa.array(labels, pa.string()),
    }


def _spread(values: pa.Array, present: pa.Array) -> pa.Array:
    """`values` at the places where `present` is true, null elsewhere."""
    places = np.cumsum(present.to_numpy(zero_copy_only=False)) - 1
    return values.take(pa.array(places, pa.int64(), mask=~present.to_numpy(zero_copy_only=False)))


def _stale(lake: Lake, days: Sequence[str], version: str) -> dict[Partition, str]:
    """Snapshots to be of the partitions whose scores were not made from these posts by this model."""
    digest = contract("scored_posts").digest
    wanted = {
        partition: fingerprint(lake.snapshot(path), version, digest)
        for partition, (path,) in lake.partitions("posts", days).items()
    }
    return {p: made_from for p, made_from in wanted.items() if lake.snapshot(lake.path("scored_posts", p)) != made_from}
