"""Labels as statistics take them: of each labelled text what people said, what the model says, and what it stands for.

One label a text: what most people said of it, and where as many said one thing as another, what was said first. Who
cannot say has said nothing. A label of a text that was edited since is left out, as is one of a text that is no longer
scored.

Several draws may cover the same days. What was labelled before is not drawn again, so a later draw is a picture of what
the former ones left, and together with them one of the whole (des Raj, 1956). On days that both cover the two pictures
are mixed by how much each knows: a mean with these weights is right whatever the draws were (Hartley, Multiple frame
surveys, 1962), and of simple draws of one period every text weighs the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.brands import teach_brands
from jobs.labels.sample import CANNOT_SAY, CONTENT, LABELS, SCORED, scored_files
from jobs.lake.query import FOLDED, Query, View, sql_text, sql_until
from jobs.settings import Brand, Window
from models.sentiment.contract import LABELS as CLASSES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """m labelled texts of a feed, by day and post; the classes 0 to 2 are those of models.sentiment.LABELS."""

    post_ids: tuple[str, ...]
    days: tuple[date, ...]
    languages: tuple[str, ...]
    samples: tuple[str, ...]
    """[m] the draw that each text came by."""

    probabilities: Floats
    """[m, 3] what the model says now."""

    labels: NDArray[np.int64]
    """[m] what people said, 0 to 2."""

    weights: Floats
    """[m] above 0: how many different texts of a day each stands for."""

    brands: Mapping[str, NDArray[np.bool_]]
    """[m] whether a text names a brand, by its name."""

    periods: tuple[Window, ...]
    """What was drawn from, of every draw that gave one of these."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def called(self) -> NDArray[np.int64]:
        """[m] what the model calls them, 0 to 2."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def right(self) -> int:
        """Of how many of them the model says what people said."""
        return int((self.called == self.labels).sum())

    def only(self, mask: NDArray[np.bool_]) -> Labelled:
        """Those where `mask` [m] is true; the periods stay what was drawn from."""
        return Labelled(
            post_ids=tuple(compress(self.post_ids, mask)),
            days=tuple(compress(self.days, mask)),
            languages=tuple(compress(self.languages, mask)),
            samples=tuple(compress(self.samples, mask)),
            probabilities=self.probabilities[mask],
            labels=self.labels[mask],
            weights=self.weights[mask],
            brands={name: named[mask] for name, named in self.brands.items()},
            periods=self.periods,
        )

    def of(self, brand: str) -> Labelled:
        """Those that name `brand`; KeyError for one that was not asked for when they were read."""
        return self.only(self.brands[brand])

    def drawn_by(self, sample: str) -> Labelled:
        """Those that came by the draw `sample`."""
        return self.only(np.array([one == sample for one in self.samples], bool))

    def within(self, window: Window) -> Labelled:
        """Those published in `window`."""
        return self.only(np.array([window.start <= day <= window.end for day in self.days], bool))


def labelled(view: View, feed: str, brands: Sequence[Brand] = (), as_of: datetime | None = None) -> Labelled:
    """All labelled texts of `feed` as `view` has them, imported until `as_of` where given; see Labelled.within.

    The weights are made from all of them, and hold for each part.
    """
    with view.query() as query:
        periods = find_labelled(query, feed, as_of)
        teach_brands(query, brands)
        rows = query.rows(
            "SELECT * EXCLUDE (text), brands_named(text) AS named FROM labelled ORDER BY published_date, post_id"
        )
        weights = _weights(rows, periods, _texts_a_day(query))
    used = {row["drawn_by"] for row in rows}
    return Labelled(
        post_ids=tuple(row["post_id"] for row in rows),
        days=tuple(row["published_date"] for row in rows),
        languages=tuple(row["language"] for row in rows),
        samples=tuple(row["drawn_by"] for row in rows),
        probabilities=np.array([[row[name] for name in CLASSES] for row in rows], np.float64).reshape(-1, len(CLASSES)),
        labels=np.array([CLASSES.index(row["told"]) for row in rows], np.int64),
        weights=weights,
        brands={brand.name: np.array([brand.name in row["named"] for row in rows], bool) for brand in brands},
        periods=tuple(period for sample, period in periods.items() if sample in used),
    )


def feeds(view: View) -> list[str]:
    """The feeds that have labels, sorted."""
    with view.query() as query:
        query.read(LABELS)
        return [row["feed"] for row in query.rows(f"SELECT DISTINCT feed FROM {LABELS} ORDER BY feed")]


def find_labelled(query: Query, feed: str, as_of: datetime | None = None) -> dict[str, Window]:
    """Make the tables `post`, of the scored posts of `feed` on every day that was drawn from, and `labelled`.

    The latter has the row of each post with a label that counts, and `told`, the label; `drawn_by`, the sample; and
    `odds`, the weight that it was drawn with. Returns the period of each sample with labels, the first labelled first.
    """
    query.read(LABELS, name="every_label")
    query.connection.execute(f"""
        CREATE TEMP TABLE said AS FROM every_label
        WHERE feed = {sql_text(feed)} AND label <> '{CANNOT_SAY}' AND {sql_until("labelled_at", as_of)}
    """)
    drawn = query.rows("""
        SELECT sample, sample_start, sample_end FROM said
        GROUP BY sample, sample_start, sample_end ORDER BY min(labelled_at), sample
    """)
    periods = {row["sample"]: Window(start=row["sample_start"], end=row["sample_end"]) for row in drawn}
    days = {day for period in periods.values() for day in period.days}
    query.view("post", SCORED, [file for file in scored_files(query.at, feed) if file.day in days])
    query.connection.execute(_LABELLED)
    return periods


def _texts_a_day(query: Query) -> dict[date, int]:
    """How many different texts of each day are scored."""
    rows = query.rows(f"""
        SELECT published_date, count(DISTINCT hash(language, {FOLDED})) AS texts FROM post
        WHERE polarity IS NOT NULL GROUP BY published_date
    """)
    return {row["published_date"]: row["texts"] for row in rows}


def _weights(rows: Sequence[Mapping[str, Any]], periods: Mapping[str, Window], texts: Mapping[date, int]) -> Floats:
    """[m]: how many texts each stands for, the draws of `periods` taken one after the other."""
    samples = np.array([row["drawn_by"] for row in rows])
    days = np.array([row["published_date"] for row in rows], "datetime64[D]")
    weights, known = np.zeros(len(rows)), np.zeros(len(rows), bool)
    labelled_share = dict.fromkeys(texts, 0.0)
    for sample in (sample for sample in periods if sample in samples):
        period, own = periods[sample], samples == sample
        inside = (days >= np.datetime64(period.start)) & (days <= np.datetime64(period.end))
        before = known & inside
        size = sum(count for day, count in texts.items() if period.start <= day <= period.end)
        odds = np.array([row["odds"] for row in rows])[own]
        left = max(size - int(before.sum()), len(odds))
        share = float(odds.sum() ** 2 / (odds**2).sum()) / left
        mixed = np.array([_mixed(labelled_share[row["published_date"]], share) for row in rows])
        weights[before] += mixed[before] * (1 - weights[before])
        weights[own] = mixed[own] * odds * left / odds.sum()
        known |= own
        for day in texts.keys() & {date.fromisoformat(day) for day in period.days}:
            labelled_share[day] = 1 - (1 - labelled_share[day]) * (1 - share)
    return weights


def _mixed(before: float, share: float) -> float:
    """How much the picture of a later draw counts on a day: it labelled `share` of what those `before` had left."""
    if not before or share >= 1:
        return 1.0
    gain = share / (1 - share)
    return gain / (before + gain)


_LABELLED = f"""
CREATE TEMP TABLE labelled AS
WITH own AS (
    SELECT *, {CONTENT} AS content FROM post SEMI JOIN said USING (post_id) WHERE polarity IS NOT NULL
), sound AS (
    FROM said SEMI JOIN own USING (post_id, content)
), vote AS (
    SELECT post_id, label, count(*) AS votes, min(labelled_at) AS first FROM sound GROUP BY post_id, label
), verdict AS (
    SELECT post_id, label AS told FROM vote
    QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY votes DESC, first, label) = 1
), origin AS (
    SELECT post_id, sample AS drawn_by, weight AS odds FROM sound
    QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY labelled_at, sample) = 1
)
SELECT own.*, told, drawn_by, odds FROM own JOIN verdict USING (post_id) JOIN origin USING (post_id)
"""
