"""Days whose figures moved after they were first recorded: by how much, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from jobs.lake.query import Query
from jobs.revisions import newest_changes
from jobs.settings import Window

SMALLEST = 0.005
"""A mean that moved by less is shown as the same."""


@dataclass(frozen=True)
class Restated:
    """A day of all posts whose newest revision moved its mean polarity, and by how many `posts`."""

    day: date
    recorded_at: datetime
    before: float
    mean: float
    posts: int
    causes: tuple[str, ...]

    @property
    def change(self) -> float:
        """How far the mean moved."""
        return self.mean - self.before


def restated(query: Query, window: Window, brand: str, as_of: datetime | None) -> Sequence[Restated]:
    """The days of `window` that moved since their former revision, by the rows of `brand`; the newest moved first."""
    found = [
        Restated(
            day=row["published_date"],
            recorded_at=row["moment"],
            before=row["polarity_sum_before"] / row["scored_before"],
            mean=row["polarity_sum"] / row["scored"],
            posts=int(row["posts"] - row["posts_before"]),
            causes=tuple(row["causes"]),
        )
        for row in newest_changes(query, query.at, window.days, brand, as_of)
        if row["scored"] and row["scored_before"]
    ]
    return [day for day in found if abs(day.change) >= SMALLEST]
