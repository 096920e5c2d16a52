"""A sample: texts drawn at random from the scored posts of a feed and period, with the odds that each was drawn at.

What is drawn from is each different text once a day, as figures count it: copies of a text are one piece of evidence.
One of its posts stands for it. The draw is a matter of the seed and of the posts' identities alone, so it can be made
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import pyarrow as pa

from jobs.coverage import unlooked
from jobs.lake.query import FOLDED, Query, View, sql_text
from jobs.lake.table import File, Lake, fingerprint
from jobs.settings import Settings, Window

LABELS, SCORED = "labels", "scored_posts"
CANNOT_SAY = "cannot_say"
Strata = Literal["label", "month"]

CONTENT = "left(sha256(text), 16)"
"""SQL: what tells a text that was edited since. Not the item's own hash, which holds the author's pseudonym, too."""

_STRATA = {None: "''", "label": "arg_min(label, post_id)", "month": "strftime(published_date, '%Y-%m')"}


class LabelsError(ValueError):
    """A sample cannot be drawn, or a sheet not be read; the message names the file, the sheet and the row."""


@dataclass(frozen=True)
class Drawn:
    """A post that was drawn. `number` is its place in the first sheet and `second` that in the other, both from 1.

    `content` is the hash of its text, `weight` 1 / the probability that it was drawn.
    """

    number: int
    second: int
    post_id: str
    day: date
    text: str
    url: str | None
    content: str
    weight: float


@dataclass(frozen=True)
class Sample:
    """What was asked for and what came out: `posts` of `population` different texts that could have been drawn."""

    feed: str
    window: Window
    by: Strata | None
    seed: int
    population: int
    posts: tuple[Drawn, ...]

    @cached_property
    def id(self) -> str:
        """The same for the same posts drawn for the same question."""
        drawn = (f"{post.post_id} {post.content} {post.weight!r}" for post in self.posts)
        return fingerprint(self.feed, self.window.start, self.window.end, self.by, self.seed, self.population, *drawn)


def draw(settings: Settings, feed: str, window: Window, count: int, seed: int = 0, by: Strata | None = None) -> Sample:
    """Draw `count` texts of `feed`, published in `window`, or all where there are fewer.

    Every text has the same odds, or, `by` what the model calls it or by month, each of these groups gives as many texts
    as the others as far as it has them. Texts that have a label already are not drawn again, nor are those that the
    model did not score.

    Raises SettingsError for an unknown feed, and LabelsError for a period with a day that the feed was never looked at
    for or with nothing to draw.
    """
    settings.feed(feed)
    view = View(Lake(settings.lake))
    if unseen := unlooked(view, feed, window.start, window.end):
        raise LabelsError(
            f"feed {feed!r} was never looked at for {_spans(unseen)}; fetch it with `sentinela run --from {unseen[0]} "
            f"--to {unseen[-1]}` or ask for other days"
        )
    with view.query() as query:
        sizes = _find_texts(query, feed, window, by)
        if not sizes:
            raise LabelsError(
                f"feed {feed!r} has no text between {window.start} and {window.end} that is scored and has no label; "
                "see `sentinela status` and `sentinela labels list`"
            )
        if count < len(sizes):
            raise LabelsError(f"{count} texts cannot come from {len(sizes)} groups; ask for more with -n")
        return Sample(feed, window, by, seed, sum(sizes.values()), _drawn(query, sizes, allocate(sizes, count), seed))


def allocate(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of `count` each group of `sizes` gives: the same from each, as far as it has so many."""
    quotas: dict[str, int] = {}
    left = min(count, sum(sizes.values()))
    smallest_first = sorted(sizes, key=lambda group: (sizes[group], group))
    for place, group in enumerate(smallest_first):
        quotas[group] = min(sizes[group], left // (len(smallest_first) - place))
        left -= quotas[group]
    return quotas


def scored_files(view: View, feed: str, window: Window | None = None) -> list[File]:
    """The files of the scored posts of `feed`, of the days of `window` where it is given."""
    days = window.days if window else view.days(SCORED)
    return [file for file in view.files(SCORED, days) if file.feed == feed]


def _find_texts(query: Query, feed: str, window: Window, by: Strata | None) -> dict[str, int]:
    """Make the table `different` of the texts that can be drawn; returns how many there are in each group."""
    query.view("post", SCORED, scored_files(query.at, feed, window))
    query.read(LABELS)
    query.connection.execute(f"""
        CREATE TEMP TABLE different AS
        SELECT published_date, min(post_id) AS post_id, arg_min(text, post_id) AS text,
            arg_min(url, post_id) AS url, {_STRATA[by]} AS stratum
        FROM post WHERE polarity IS NOT NULL
        GROUP BY published_date, language, {FOLDED}
        HAVING NOT bool_or(post_id IN (SELECT post_id FROM {LABELS} WHERE feed = {sql_text(feed)}))
    """)
    found = query.rows("SELECT stratum, count(*) AS texts FROM different GROUP BY stratum")
    return {row["stratum"]: row["texts"] for row in found}


def _drawn(query: Query, sizes: Mapping[str, int], quotas: Mapping[str, int], seed: int) -> tuple[Drawn, ...]:
    odds = [{"stratum": group, "quota": quotas[group], "size": size} for group, size in sizes.items()]
    query.connection.register("odds", pa.Table.from_pylist(odds))
    rows = query.rows(f"""
        WITH chosen AS (
            SELECT different.*, size / quota AS weight FROM different JOIN odds USING (stratum)
            QUALIFY row_number() OVER (PARTITION BY stratum ORDER BY {_chance(seed, "draw")}) <= quota
        )
        SELECT post_id, published_date AS day, text, url, weight, {CONTENT} AS content,
            row_number() OVER (ORDER BY {_chance(seed, "first sheet")}) AS number,
            row_number() OVER (ORDER BY {_chance(seed, "second sheet")}) AS second
        FROM chosen ORDER BY number
    """)
    return tuple(Drawn(**row) for row in rows)


def _chance(seed: int, purpose: str) -> str:
    """SQL: a number for each text that is as good as drawn at random, the same on every machine."""
    return f"sha256(concat_ws(chr(31), '{seed}', '{purpose}', published_date, post_id)), post_id"


def _spans(days: list[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days between {days[0]} and {days[-1]}"
