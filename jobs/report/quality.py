"""What the figures rest on: how many items came in, what was kept out and why, and which models read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from data_contracts import contract
from jobs.enrich.reading import within
from jobs.lake.query import Query
from jobs.lake.table import UNDATED
from jobs.settings import Settings, Window

COUNTS = ("items", "posts", "quarantined", "deleted", "unscored", "unsure", "undated")


@dataclass(frozen=True)
class BrokenRule:
    """A rule of the contracts, what it says, and how many items broke it."""

    name: str
    description: str
    items: int


@dataclass(frozen=True)
class Quality:
    """Counts of the window. `feeds` has the columns feed and, all int64, COUNTS; `models` scored its posts.

    `items` are the different items that were fetched, `deleted` those that are gone at their source, `undated` those of
    any time that carry no date and so belong to no period; `rules` counts an item once for each rule that it broke,
    undated items included.
    """

    feeds: pd.DataFrame
    rules: tuple[BrokenRule, ...]
    models: tuple[str, ...]

    @property
    def totals(self) -> dict[str, int]:
        """The counts of all feeds together."""
        return {name: int(self.feeds[name].sum()) for name in COUNTS}


def quality_of(query: Query, settings: Settings, window: Window) -> Quality:
    """The quality figures of `window`, after `read_posts`."""
    feeds = pd.DataFrame({"feed": _feeds(query, settings, window)})
    kept = {
        "posts": ("posts", window.days),
        "quarantined": ("quarantine", window.days),
        "deleted": ("deletions", window.days),
        "undated": ("posts", [UNDATED]),
    }
    found = {"items": _items(query, window), **_read_by_feed(query, window)}
    found |= {name: _rows(query, dataset, days) for name, (dataset, days) in kept.items()}
    for name in COUNTS:
        feeds[name] = feeds["feed"].map(found[name]).fillna(0).astype("int64")
    return Quality(feeds, _rules(query, window), _models(query, window))


def _feeds(query: Query, settings: Settings, window: Window) -> list[str]:
    known = [feed.name for feed in settings.feeds]
    stored = {file.feed for name in ("posts", "quarantine", "deletions") for file in query.at.files(name, window.days)}
    return known + sorted(str(feed) for feed in stored - set(known))


def _items(query: Query, window: Window) -> dict[str, int]:
    query.read("item_versions")
    rows = query.rows(
        "SELECT feed, count(*) AS n "
        f"FROM (SELECT DISTINCT feed, post_id FROM item_versions WHERE {within(window)}) GROUP BY feed"
    )
    return {row["feed"]: row["n"] for row in rows}


def _rows(query: Query, dataset: str, days: list[str]) -> Counter[str]:
    """How many rows `dataset` has of each feed, by the log."""
    counted: Counter[str] = Counter()
    for file in query.at.files(dataset, days):
        counted[str(file.feed)] += file.rows
    return counted


def _read_by_feed(query: Query, window: Window) -> dict[str, dict[str, int]]:
    rows = query.rows(f"""
        SELECT feed, count(*) FILTER (polarity IS NULL) AS unscored, count(*) FILTER (unsure) AS unsure
        FROM post WHERE {within(window)} GROUP BY feed
    """)
    return {name: {row["feed"]: row[name] for row in rows} for name in ("unscored", "unsure")}


def _rules(query: Query, window: Window) -> tuple[BrokenRule, ...]:
    query.read("quarantine", [*window.days, UNDATED], name="quarantine_any")
    rows = query.table(
        "SELECT rule, count(*) AS n FROM (SELECT unnest(rules) AS rule FROM quarantine_any) "
        "GROUP BY rule ORDER BY n DESC, rule"
    ).to_pylist()
    meaning = {rule.name: rule.description for name in ("posts", "raw_posts") for rule in contract(name).rules}
    return tuple(BrokenRule(row["rule"], meaning.get(row["rule"], ""), row["n"]) for row in rows)


def _models(query: Query, window: Window) -> tuple[str, ...]:
    rows = query.rows(f"SELECT DISTINCT model_version AS model FROM post WHERE {within(window)} ORDER BY model")
    return tuple(row["model"] for row in rows)
