"""Days whose figures moved after they were first recorded: by how much, why, and what each part of it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from jobs.lake.query import FOLDED, Query, View
from jobs.lake.table import as_day
from jobs.revisions import newest_changes
from jobs.settings import Window
from jobs.statistics.bridge import Items
from jobs.statistics.bridge import restated as parts_of

SMALLEST = 0.005
"""A mean that moved by less is shown as the same."""
EXPLAINED = 5
"""The parts of so many days are told, the newest restated ones."""
ROUNDING = 1e-6
"""Parts that miss the change by more are of other rows than the revisions were made from, and are not told."""


@dataclass(frozen=True)
class Restated:
    """A day of all posts whose newest revision moved its mean polarity, and by how many `posts`.

    `parts` says what was done to the mean by what was done to its posts, in the pipeline's order (`bridge.PARTS`); it
    is empty where that is not known, and `is_lost` where the lake no longer keeps the posts of the revision before.
    """

    day: date
    recorded_at: datetime
    before: float
    mean: float
    posts: int
    causes: tuple[str, ...]
    parts: Mapping[str, float]
    is_lost: bool

    @property
    def change(self) -> float:
        """How far the mean moved."""
        return self.mean - self.before


def restated(query: Query, window: Window, brand: str, as_of: datetime | None) -> Sequence[Restated]:
    """The days of `window` that moved since their former revision, by the rows of `brand`; the newest moved first.

    It asks what `read_revisions` made. Posts are those of now, so no parts are told of a former moment.
    """
    found: list[Restated] = []
    for row in newest_changes(query, window.days, brand):
        if not (row["distinct_texts"] and row["distinct_texts_before"]):
            continue
        before = row["distinct_polarity_sum_before"] / row["distinct_texts_before"]
        mean = row["distinct_polarity_sum"] / row["distinct_texts"]
        if abs(mean - before) < SMALLEST:
            continue
        told = as_of is None and len(found) < EXPLAINED
        parts = _parts(query, row["published_date"], row["moment_before"], mean - before) if told else {}
        found.append(
            Restated(
                day=row["published_date"],
                recorded_at=row["moment"],
                before=before,
                mean=mean,
                posts=int(row["posts"] - row["posts_before"]),
                causes=tuple(row["causes"]),
                parts=parts or {},
                is_lost=parts is None,
            )
        )
    return found


def _parts(query: Query, day: date, moment: datetime, change: float) -> Mapping[str, float] | None:
    """What moved the mean of `day` since `moment`; nothing where its posts do not explain it, None where those of then
    are gone. Raises LakeError for a fault of the store."""
    items = _items(query, as_day(day), moment)
    if items is None:
        return None
    if not items.present_before.any() or not items.present_after.any():
        return {}
    parts = {name: float(value) for name, value in parts_of(items).items()}
    return parts if abs(sum(parts.values()) - change) < ROUNDING else {}


def _items(query: Query, day: str, moment: datetime) -> Items | None:
    view = query.at
    version = view.lake.version_at("scored_posts", moment)
    if version is None:
        return None
    former = View(view.lake, {"scored_posts": version})
    if not all(view.lake.has(file.path) for file in former.files("scored_posts", [day])):
        return None
    with former.query() as apart:
        for name, at in (("post_then", former), ("post_now", view)):
            apart.view(name, "scored_posts", at.files("scored_posts", [day]))
        rows = apart.table(_JOINED)
    columns = {name: rows.column(name).to_numpy(zero_copy_only=False) for name in rows.column_names}
    return Items(
        present_before=columns["present_then"].astype(bool),
        text_before=columns["text_then"].astype(np.int64),
        content_before=columns["content_then"].astype(np.int64),
        value_before=columns["value_then"].astype(np.float64),
        present_after=columns["present_now"].astype(bool),
        text_after=columns["text_now"].astype(np.int64),
        content_after=columns["content_now"].astype(np.int64),
        value_after=columns["value_now"].astype(np.float64),
    )


def _scored(name: str) -> str:
    """SQL of the scored posts of a view with the text that each is counted as, and the value that this has."""
    return f"""
        SELECT feed, post_id, text_key, (hash(text) // 2)::BIGINT AS content,
            first_value(polarity) OVER (PARTITION BY text_key ORDER BY post_id) AS value
        FROM (
            SELECT feed, post_id, text, polarity::DOUBLE AS polarity,
                hash(feed, language, {FOLDED}) // 2 AS text_key
            FROM {name} WHERE polarity IS NOT NULL
        )
    """


_SIDES = ", ".join(
    f"{side}.text_key IS NOT NULL AS present_{when}, coalesce({side}.text_key, 0)::BIGINT AS text_{when}, "
    f"coalesce({side}.content, 0)::BIGINT AS content_{when}, {side}.value AS value_{when}"
    for side, when in (("before_it", "then"), ("after_it", "now"))
)

_JOINED = f"""
WITH before_it AS ({_scored("post_then")}), after_it AS ({_scored("post_now")})
SELECT {_SIDES}
FROM before_it FULL JOIN after_it USING (feed, post_id)
ORDER BY coalesce(before_it.feed, after_it.feed), coalesce(before_it.post_id, after_it.post_id)
"""
