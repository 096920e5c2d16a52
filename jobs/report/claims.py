"""What people would say of the groups of a report: its figures with the second width, and what that rests on.

A group is told part by part: days of a feed that people labelled posts of, its other days, and feeds that nobody
labelled. How a part is told is known to `jobs.statistics.people`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.brands import ALL
from jobs.enrich.reading import within
from jobs.labels.read import Labelled, feeds, labelled
from jobs.lake.query import Query
from jobs.report.pooled import MEASURES, SUMS
from jobs.settings import Settings, Window
from jobs.statistics import people
from jobs.statistics.people import Claim, Sums, TooFewLabelsError
from models.sentiment import artifact
from models.sentiment.spread import ALL as EVERYWHERE
from models.sentiment.spread import Spread

NO_BASIS = "none"
"""The basis of a group that nothing can be claimed of: nothing was scored, or the model does not say how it errs."""
CLAIMED = [f"{name}_people{end}" for name in MEASURES for end in ("", "_low", "_high")]

TEXTS = ["distinct_texts", *SUMS]
"""How many texts there are, and the sums of what the model says of them."""

Part = tuple[Claim | None, int]
"""What is claimed of some texts, and how many they are."""


@dataclass(frozen=True)
class Known:
    """What is known of the model's errors: how they spread over sources, and labels of people by feed."""

    spread: Spread | None = None
    labels: Mapping[str, Labelled] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """A feed with labels: of how many of its labelled `texts` the model says what people said, and, where the labels
    no longer fit its posts, how many of the present ones to label."""

    feed: str
    texts: int
    right: int
    more: int


def known_of(query: Query, settings: Settings, window: Window, as_of: datetime | None = None) -> Known:
    """What is known of the models that scored `window`, and the labels of all feeds as the query's view has them."""
    models = query.rows(f"""
        SELECT DISTINCT unnest(string_split(model_version, '+')) AS model FROM post
        WHERE polarity IS NOT NULL AND {within(window)} ORDER BY model
    """)
    found = {feed: labelled(query.at, feed, settings.brands, as_of) for feed in feeds(query.at)}
    return Known(
        spread=_widest([artifact.spread_of(row["model"], settings.scoring.model) for row in models]),
        labels={feed: labels for feed, labels in found.items() if len(labels)},
    )


def _widest(spreads: Sequence[Spread | None]) -> Spread | None:
    """Of several models' spreads the widest; None where one of them is not known."""
    known = [spread for spread in spreads if spread is not None]
    if not known or len(known) < len(spreads):
        return None
    return max(known, key=lambda spread: spread.new[EVERYWHERE].values[0])


def with_claims(groups: pd.DataFrame, rows: pd.DataFrame, keys: Sequence[str], window: Window, known: Known) -> None:
    """Add CLAIMED and `basis` to `groups`, which has a row for each value of `keys`, from the `rows` of `window`.

    NAME_people is the figure with what labels mended, and without any the model's own.
    """
    found = dict(iter(_by_part(rows, known).groupby(list(keys)))) if len(rows) else {}
    told: list[list[object]] = []
    for key in groups[list(keys)].itertuples(index=False, name=None):
        claim = claim_of(found[key], window, known) if key in found else None
        if claim:
            told.append([*np.stack([claim.value, claim.low, claim.high], axis=1).ravel(), claim.basis])
        else:
            told.append([*[np.nan] * len(CLAIMED), NO_BASIS])
    groups[[*CLAIMED, "basis"]] = pd.DataFrame(told, index=groups.index, columns=[*CLAIMED, "basis"])


def _by_part(rows: pd.DataFrame, known: Known) -> pd.DataFrame:
    """`rows`, those of feeds that nobody labelled added up over the days, of which each says the same of them."""
    labelled = rows["feed"].isin(known.labels)
    parts = ["brand", "feed", "language", "kind"]
    return pd.concat([rows[labelled], rows[~labelled].groupby(parts, as_index=False)[TEXTS].sum()])


def checked(rows: pd.DataFrame, known: Known) -> tuple[Checked, ...]:
    """The feeds with labels, which are held to those days in `rows` that none were drawn from."""
    found = []
    for feed, labels in sorted(known.labels.items()):
        own = rows[(rows["feed"] == feed) & (rows["brand"] == ALL)]
        _, others = _by_draw(own, labels)
        drift = _drift(_sums(others), labels)
        found.append(Checked(feed, len(labels), labels.right, drift.more if drift else 0))
    return tuple(found)


def claim_of(rows: pd.DataFrame, window: Window, known: Known) -> Claim | None:
    """What people would say of `rows` of one brand in `window`; None where that is unknown of any of them."""
    parts = [part for feed, own in rows.groupby("feed") for part in _parts(str(feed), own, window, known)]
    claims = [claim for claim, _ in parts if claim is not None]
    if not parts or len(claims) < len(parts):
        return None
    return people.pooled(claims, [texts for _, texts in parts])


def _parts(feed: str, rows: pd.DataFrame, window: Window, known: Known) -> Iterator[Part]:
    labels = _of_rows(known.labels.get(feed), rows)
    if labels is None:
        yield from _unlabelled(rows, known.spread)
        return
    drawn, others = _by_draw(rows, labels)
    if drawn["distinct_texts"].sum():
        yield from _drawn(drawn, labels, window, known.spread)
    if others["distinct_texts"].sum():
        yield from _carried(others, labels, known.spread)


def _of_rows(labels: Labelled | None, rows: pd.DataFrame) -> Labelled | None:
    """The labels of the brand and languages of `rows`, None without any."""
    if labels is None:
        return None
    brand, languages = rows["brand"].iloc[0], set(rows["language"])
    own = labels if brand == ALL else labels.of(brand)
    found = own.only(np.isin(own.languages, list(languages)))
    return found if len(found) else None


def _by_draw(rows: pd.DataFrame, labels: Labelled) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the days that were drawn from, and of the others."""
    drawn = rows["day"].map(lambda day: any(period.start <= day <= period.end for period in labels.periods))
    return rows[drawn.astype(bool)], rows[~drawn.astype(bool)]


def _drawn(rows: pd.DataFrame, labels: Labelled, window: Window, spread: Spread | None) -> Iterator[Part]:
    """Days of which a random sample was labelled; where few of their texts were, as days of which none were."""
    sums, present = _sums(rows), labels.within(window)
    try:
        yield people.labelled(sums, present.probabilities, present.labels, present.weights), sums.n
    except TooFewLabelsError:
        yield from _carried(rows, labels, spread)


def _carried(rows: pd.DataFrame, labels: Labelled, spread: Spread | None) -> Iterator[Part]:
    """Days of a feed whose labels are of other days, for as long as these fit."""
    sums = _sums(rows)
    drift = _drift(sums, labels)
    if spread is None or drift is None or drift.stale:
        yield from _unlabelled(rows, spread)
        return
    yield people.carried(sums, labels.probabilities, labels.labels, labels.weights, spread.answers), sums.n


def _unlabelled(rows: pd.DataFrame, spread: Spread | None) -> Iterator[Part]:
    """One part for each language, since models err more in some."""
    kinds, texts = [*zip(rows["language"], rows["kind"], strict=True)], rows[TEXTS].to_numpy(np.float64)
    for language, kind in sorted(set(kinds)):
        sums = _as_sums(texts[[one == (language, kind) for one in kinds]].sum(axis=0))
        if sums.n:
            yield people.unlabelled(sums, spread.tau(language, kind)) if spread else None, sums.n


def _drift(now: Sums, labels: Labelled) -> people.Drift | None:
    """Whether `labels` fit texts that none of them is of; None without any text."""
    if not now.n:
        return None
    return people.drift(labels.probabilities, labels.labels, labels.weights, now)


def _sums(rows: pd.DataFrame) -> Sums:
    return _as_sums(rows[TEXTS].to_numpy(np.float64).sum(axis=0))


def _as_sums(texts: NDArray[np.float64]) -> Sums:
    """`texts` has the columns TEXTS."""
    return Sums(int(texts[0]), texts[1::2], texts[2::2])
