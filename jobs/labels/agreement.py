"""How far people agree about the same posts, beyond what chance would give: Krippendorff's alpha.

1 is full agreement, 0 what people who guess would reach. Labels are names, so any two different ones are equally far
apart (alpha for nominal data: Krippendorff, Content Analysis, 2004, chapter 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff's customary limits: rely on data from the first on, draw tentative conclusions from the second on."""


class Said(NamedTuple):
    """What one person says about one post."""

    labeller: str
    post_id: str
    label: str


def alpha(said: Iterable[Said]) -> float | None:
    """Krippendorff's alpha of the posts that several people labelled; None where it has no value.

    That is so when no post has two labels, and when all of them are the same: who never differs may not have looked.
    """
    answers = list(said)
    by_post: dict[str, list[str]] = {}
    for answer in answers:
        by_post.setdefault(answer.post_id, []).append(answer.label)
    if len({label for labels in by_post.values() if len(labels) > 1 for label in labels}) < 2:
        return None
    from nltk.metrics.agreement import AnnotationTask

    return float(AnnotationTask(answers).alpha())


def reading(value: float | None) -> str:
    """How to read an alpha, in a few words."""
    if value is None:
        return "nothing to compare: no post has labels of two people, or they all are the same"
    if value >= RELIABLE:
        return "people agree well; rely on the labels"
    if value >= TENTATIVE:
        return "people agree tolerably; take figures as tentative"
    return "people disagree too often; talk the differing posts over and agree on what counts as what"
