"""What became otherwise of days that were made on a side lake: verdicts on items, labels, figures of a day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from jobs.lake.query import View
from jobs.report.pooled import STORED
from jobs.report.restated import SMALLEST
from jobs.revisions import TABLE, view_newest_revision

NONE, UNSCORED = "none", "unscored"
PLACES = ("posts", "quarantine", "deletions")


@dataclass(frozen=True)
class Move:
    """So many items were `before` and are `after`: a dataset or none, or a label or unscored."""

    before: str
    after: str
    items: int


@dataclass(frozen=True)
class DayMove:
    """The mean polarity of a day and brand before and after, over `texts` different texts."""

    day: date
    brand: str
    before: float
    after: float
    texts: int

    @property
    def change(self) -> float:
        """How far it would move."""
        return self.after - self.before


def item_moves(before: View, after: View, days: Collection[str]) -> tuple[Move, ...]:
    """How many items of `days` lie where, before and after, those that stay included; most first."""
    return _moves(before, after, days, {name: f"'{name}'" for name in PLACES}, NONE)


def label_moves(before: View, after: View, days: Collection[str]) -> tuple[Move, ...]:
    """How many posts of `days`, scored before and after, have which label, those that keep theirs included."""
    found = _moves(before, after, days, {"scored_posts": f"coalesce(label, '{UNSCORED}')"}, NONE)
    return tuple(move for move in found if NONE not in (move.before, move.after))


def day_moves(before: pd.DataFrame, after: pd.DataFrame, days: Collection[str]) -> tuple[DayMove, ...]:
    """The brands' means of `days` that moved by SMALLEST or more, the furthest first, by `points`."""
    own = {date.fromisoformat(day) for day in days}
    columns = ["distinct_texts", "distinct_polarity_sum"]
    then, now = (rows[rows["day"].isin(own)].groupby(["day", "brand"])[columns].sum() for rows in (before, after))
    both = then.join(now, rsuffix="_after", how="inner")
    both = both[(both["distinct_texts"] > 0) & (both["distinct_texts_after"] > 0)]
    found = [
        DayMove(day, brand, total / texts, total_after / texts_after, int(texts_after))
        for (day, brand), texts, total, texts_after, total_after in zip(
            both.index, *(both[name] for name in both.columns), strict=True
        )
    ]
    return tuple(sorted((m for m in found if abs(m.change) >= SMALLEST), key=lambda m: (-abs(m.change), m.day)))


def points(view: View, days: Collection[str] | None = None) -> pd.DataFrame:
    """The newest revision of every point of `days`: its day and key, kind, counted, and what reports add up."""
    columns = ", ".join(("brand", "feed", "kind", "language", "counted", *STORED))
    with view.query() as query:
        query.view("revision", TABLE, view.files(TABLE, days))
        view_newest_revision(query, "revision", "point")
        frame: pd.DataFrame = query.table(
            f"SELECT published_date AS day, {columns} FROM point ORDER BY day, brand, feed, language"
        ).to_pandas(date_as_object=True)
    return frame.astype(dict.fromkeys(STORED, "float64"))


def _moves(before: View, after: View, days: Collection[str], datasets: dict[str, str], absent: str) -> tuple[Move, ...]:
    """Items of `datasets` by what the SQL beside each name tells of them, `absent` where they are not there."""
    with after.query() as query:
        for side, view in (("before", before), ("after", after)):
            parts: Sequence[str] = []
            for name, what in datasets.items():
                query.view(f"{name}_{side}", name, view.files(name, days))
                parts = [*parts, f"SELECT feed, post_id, {what} AS place FROM {name}_{side}"]
            query.connection.execute(f"CREATE OR REPLACE TEMP VIEW item_{side} AS {' UNION ALL '.join(parts)}")
        rows = query.rows(f"""
            SELECT coalesce(b.place, '{absent}') AS before, coalesce(a.place, '{absent}') AS after, count(*) AS items
            FROM item_before b FULL JOIN item_after a USING (feed, post_id)
            GROUP BY ALL ORDER BY items DESC, before, after
        """)
    return tuple(Move(**row) for row in rows)
