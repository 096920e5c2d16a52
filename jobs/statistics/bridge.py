"""Why a figure moved: exact decompositions, whose parts add up to the difference.

Two bridges: between two periods, into mix and within of every segment; and of a restated figure, into what was done to
its items. Neither knows about chance: whether a change may be chance is said by `changes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """A change of a mean, split over G segments: `mix.sum() + within.sum() == change` up to rounding.

    `mix` is what a segment did by growing or shrinking, `within` what it did by its own mean moving, float64 of shape
    (G,) in the unit of the figure. `weight` is the mean of its two shares, the factor of its own change.
    """

    change: float
    mix: Floats
    within: Floats
    weight: Floats


@dataclass(frozen=True)
class Moved:
    """A mean that moved: how many texts it was and is made of, and the sums of the figure over them."""

    texts_before: float
    total_before: float
    texts: float
    total: float

    @property
    def mean_before(self) -> float:
        """NaN without texts."""
        return self.total_before / self.texts_before if self.texts_before else math.nan

    @property
    def mean(self) -> float:
        """NaN without texts."""
        return self.total / self.texts if self.texts else math.nan

    @property
    def centre(self) -> float:
        """The mean of both means: a text better than it lifts the mean by coming and lowers it by going."""
        return (self.mean_before + self.mean) / 2

    def effect(self, texts_before: ArrayLike, total_before: ArrayLike, texts: ArrayLike, total: ArrayLike) -> Floats:
        """What some of the texts did to the change, float64 of the shape of the arguments, their counts and sums::

            (total - texts centre) / N1 - (total_before - texts_before centre) / N0

        It is additive: of sets that share no text and are all the texts together, the effects add up to the change,
        and that of a segment is its mix and within of `split`.
        """
        n0, s0, n1, s1 = (np.asarray(a, dtype=np.float64) for a in (texts_before, total_before, texts, total))
        return np.asarray((s1 - n1 * self.centre) / self.texts - (s0 - n0 * self.centre) / self.texts_before)


def split(texts_before: ArrayLike, total_before: ArrayLike, texts: ArrayLike, total: ArrayLike) -> Split:
    """The change from before to now over G segments that share no text: counts and sums of the figure, shape (G,).

    The two-factor Shapley split (Shorrocks 2013, "Decomposition procedures for distributional analysis: a unified
    framework based on the Shapley value", Journal of Economic Inequality 11; for two factors it is the symmetric
    split of Kitagawa 1955)::

        mix_g = (w1 - w0) ((m0 + m1) / 2 - M)    within_g = (m1 - m0) (w0 + w1) / 2

    with M the mean of both periods' means, so that a segment better than M lifts the figure by growing. A segment
    without texts in one period has no mean there, so all it did is mix.
    ValueError where a whole period has no text: it has no mean to come from or to go to.
    """
    n0, s0, n1, s1 = (np.asarray(a, dtype=np.float64) for a in (texts_before, total_before, texts, total))
    if not (n0.sum() > 0 and n1.sum() > 0):
        raise ValueError("a period without texts has no mean, so no bridge leads to it: compare periods that have some")
    w0, w1 = n0 / n0.sum(), n1 / n1.sum()
    m0, m1 = s0 / np.where(n0 > 0, n0, 1), s1 / np.where(n1 > 0, n1, 1)
    m0, m1 = np.where(n0 > 0, m0, m1), np.where(n1 > 0, m1, m0)
    mean_before, mean = s0.sum() / n0.sum(), s1.sum() / n1.sum()
    weight = (w0 + w1) / 2
    return Split(
        change=float(mean - mean_before),
        mix=(w1 - w0) * ((m0 + m1) / 2 - (mean_before + mean) / 2),
        within=(m1 - m0) * weight,
        weight=weight,
    )


def split_within(
    outer: Split, texts_before: ArrayLike, total_before: ArrayLike, texts: ArrayLike, total: ArrayLike
) -> tuple[Floats, Floats]:
    """`outer.within` split on by topic: mix and within, float64 of shape (G, T), whose rows add up to it.

    The arguments are counts and sums of shape (G, T), whose sums over T are what `outer` was made from: each text
    belongs to topics of its segment, "none" being one, in parts that add up to 1. Segments that are all mix get zeros.
    """
    tables = tuple(np.asarray(a, dtype=np.float64) for a in (texts_before, total_before, texts, total))
    mix, within = np.zeros_like(tables[0]), np.zeros_like(tables[0])
    for segment in np.flatnonzero((tables[0].sum(axis=1) > 0) & (tables[2].sum(axis=1) > 0)):
        inner = split(*(table[segment] for table in tables))
        mix[segment] = outer.weight[segment] * inner.mix
        within[segment] = outer.weight[segment] * inner.within
    return mix, within


@dataclass(frozen=True)
class Items:
    """The I items that a figure was or is made of, one row an item: arrays of shape (I,), the same order in all.

    `text` numbers texts, so that two items of one number are counted once; `value` is the figure of the item (shape
    (I,), or (I, F) for several figures), NaN where it was not scored; `content` numbers what the item said, so that an
    edited item is told from one that a model read anew. What stands in the arrays of `before` for items that were not
    `present` is not looked at; the same for `after`.
    """

    present_before: NDArray[np.bool_]
    text_before: NDArray[np.int64]
    content_before: NDArray[np.int64]
    value_before: Floats
    present_after: NDArray[np.bool_]
    text_after: NDArray[np.int64]
    content_after: NDArray[np.int64]
    value_after: Floats


PARTS = ("model", "edited", "removed", "late", "duplicates")
"""What can be done to the items of a figure, in the order of the pipeline."""


def restated(items: Items) -> dict[str, Floats]:
    """What each of `PARTS` did to the mean over each text once, float64 of shape () or (F,); they add up to the change.

    One after another, in the order of `PARTS`: items that say what they said take the value they have now (another
    model read them), edited ones take their new text and value, those gone are removed, those come since are added,
    and last the items whose text number alone changed are counted with the texts they are copies of. A late copy of a
    text that was there already moves nothing. Where nothing would be left after a part, it gets zero and the next
    one carries its effect. ValueError where nothing was counted before or is counted after.
    """
    kept = items.present_before & items.present_after
    edited = kept & (items.content_before != items.content_after)
    present, text, value = items.present_before.copy(), items.text_before.copy(), items.value_before.copy()
    stages = [(present.copy(), text.copy(), value.copy())]
    value[kept & ~edited] = items.value_after[kept & ~edited]
    stages.append((present.copy(), text.copy(), value.copy()))
    text[edited], value[edited] = items.text_after[edited], items.value_after[edited]
    stages.append((present.copy(), text.copy(), value.copy()))
    present &= items.present_after
    stages.append((present.copy(), text.copy(), value.copy()))
    late = items.present_after & ~items.present_before
    present, text[late], value[late] = items.present_after.copy(), items.text_after[late], items.value_after[late]
    stages.append((present, text.copy(), value.copy()))
    stages.append((items.present_after, items.text_after, items.value_after))
    means = [mean_of_texts(*stage) for stage in stages]
    if np.isnan(means[0]).any() or np.isnan(means[-1]).any():
        raise ValueError("nothing was scored before or after, so there is no difference to explain: leave this day out")
    for place in range(1, len(means)):
        means[place] = np.where(np.isnan(means[place]), means[place - 1], means[place])
    return dict(zip(PARTS, np.diff(means, axis=0), strict=True))


def mean_of_texts(present: NDArray[np.bool_], text: NDArray[np.int64], value: Floats) -> Floats:
    """The mean over each text once, shape () or (F,): copies of a text count as one, with the mean of their values."""
    counted = present & np.isfinite(value if value.ndim == 1 else value[:, 0])
    if not counted.any():
        return np.full(value.shape[1:], np.nan)
    _, places, copies = np.unique(text[counted], return_inverse=True, return_counts=True)
    weight = 1 / copies[places]
    return np.asarray(np.tensordot(weight, value[counted], axes=1) / len(copies))
