"""What the figures rest on: how many items came in, what was kept out and why, and from which data it was made."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data_contracts import contract
from jobs.settings import Settings, Window
from jobs.storage import UNDATED, Lake, Query, fingerprint

DATASETS = ("raw_posts", "posts", "quarantine", "scored_posts", "daily_polarity", "coverage")


@dataclass(frozen=True)
class BrokenRule:
    """A rule of the contracts, what it says, and how many items broke it."""

    name: str
    description: str
    items: int


@dataclass(frozen=True)
class Lineage:
    """What the report was made from."""

    snapshot: str
    models: tuple[str, ...]
    settings: str
    contracts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Quality:
    """Counts of the window. `feeds` has the columns feed and, all int64, items, posts, quarantined, unscored, unsure,
    undated.

    `items` are the different items that were fetched, `undated` those of any time that carry no date and so belong to
    no period; `rules` counts an item once for each rule that it broke, undated items included.
    """

    feeds: pd.DataFrame
    rules: tuple[BrokenRule, ...]
    lineage: Lineage

    @property
    def totals(self) -> dict[str, int]:
        """The counts of all feeds together."""
        return {name: int(self.feeds[name].sum()) for name in self.feeds.columns if name != "feed"}


def judge(lake: Lake, query: Query, settings: Settings, window: Window) -> Quality:
    """The quality figures of `window`."""
    feeds = pd.DataFrame({"feed": _feeds(lake, settings, window)})
    counts = {
        "items": ("raw_posts", "count(DISTINCT post_id)", window.days),
        "posts": ("posts", "count(*)", window.days),
        "quarantined": ("quarantine", "count(*)", window.days),
        "unscored": ("scored_posts", "count(*) FILTER (polarity IS NULL)", window.days),
        "unsure": ("scored_posts", "count(*) FILTER (unsure)", window.days),
        "undated": ("posts", "count(*)", [UNDATED]),
    }
    for name, (dataset, count, days) in counts.items():
        feeds[name] = feeds["feed"].map(_by_feed(lake, query, dataset, count, days)).fillna(0).astype("int64")
    return Quality(feeds, _rules(lake, query, window), _lineage(lake, query, settings, window))


def _feeds(lake: Lake, settings: Settings, window: Window) -> list[str]:
    known = [feed.name for feed in settings.feeds]
    stored = {p.feed for p in lake.partitions("raw_posts", window.days) if p.feed} - set(known)
    return known + sorted(stored)


def _by_feed(lake: Lake, query: Query, dataset: str, count: str, days: list[str]) -> dict[str, int]:
    view = f"{dataset}_undated" if days == [UNDATED] else f"{dataset}_dated"
    query.view(view, dataset, lake.files(dataset, days))
    rows = query.table(f"SELECT feed, {count} AS n FROM {view} GROUP BY feed").to_pylist()
    return {row["feed"]: row["n"] for row in rows}


def _rules(lake: Lake, query: Query, window: Window) -> tuple[BrokenRule, ...]:
    query.view("quarantine_any", "quarantine", lake.files("quarantine", [*window.days, UNDATED]))
    rows = query.table(
        "SELECT rule, count(*) AS n FROM (SELECT unnest(rules) AS rule FROM quarantine_any) "
        "GROUP BY rule ORDER BY n DESC, rule"
    ).to_pylist()
    meaning = {rule.name: rule.description for name in ("posts", "raw_posts") for rule in contract(name).rules}
    return tuple(BrokenRule(row["rule"], meaning.get(row["rule"], ""), row["n"]) for row in rows)


def _lineage(lake: Lake, query: Query, settings: Settings, window: Window) -> Lineage:
    query.view("judged", "scored_posts", lake.files("scored_posts", window.days))
    models = query.table("SELECT DISTINCT model_version AS m FROM judged ORDER BY m").column("m").to_pylist()
    files = lake.files("daily_polarity", window.days)
    return Lineage(
        snapshot=fingerprint(*(f"{path}@{lake.snapshot(path)}" for path in files)),
        models=tuple(models),
        settings=settings.digest(),
        contracts=tuple((name, contract(name).version) for name in DATASETS),
    )
