"""What was labelled: one line a sample, with who labelled it, how far they agree and how often the model is right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from jobs.labels.read import feeds, labelled
from jobs.labels.sample import CANNOT_SAY, LABELS
from jobs.labels.store import agreement
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import Settings, Window


@dataclass(frozen=True)
class Labelling:
    """What was labelled of one sample.

    `labels` counts by labeller, cannot_say among them; `agreement` is Krippendorff's alpha or None. Of the `used`
    posts, whose labels figures can use, the model says of `right` what people said.
    """

    sample: str
    feed: str
    period: Window
    posts: int
    labels: dict[str, int]
    cannot_say: int
    agreement: float | None
    used: int
    right: int


def overview(settings: Settings) -> list[Labelling]:
    """Every sample that has labels, by feed and period. Raises LakeError."""
    view = View(Lake(settings.lake))
    with view.query() as query:
        query.read(LABELS)
        rows = query.rows(f"FROM {LABELS} ORDER BY feed, sample_start, sample_end, sample, labelled_at, post_id")
    usable = {feed: labelled(view, feed) for feed in feeds(view)}
    samples: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        samples.setdefault(row["sample"], []).append(row)
    found = []
    for sample, own in samples.items():
        feed = own[0]["feed"]
        used = usable[feed].drawn_by(sample)
        found.append(
            Labelling(
                sample=sample,
                feed=feed,
                period=Window(start=own[0]["sample_start"], end=own[0]["sample_end"]),
                posts=len({row["post_id"] for row in own}),
                labels=dict(Counter(row["labeller"] for row in own)),
                cannot_say=sum(row["label"] == CANNOT_SAY for row in own),
                agreement=agreement(own),
                used=len(used),
                right=used.right,
            )
        )
    return found
