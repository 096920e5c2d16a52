"""Look at what broke the contract, and give it another chance once its cause is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.lake.query import View, sql_text
from jobs.lake.table import Lake
from jobs.pipeline import carry
from jobs.settings import Settings
from jobs.step import Order


@dataclass(frozen=True)
class Replayed:
    """Quarantined items of the replayed days before and after, and the days that are held back still."""

    days: list[str]
    before: int
    after: int
    held: dict[str, list[str]]


def list_items(
    settings: Settings, days: Sequence[str] | None, feed: str | None, rule: str | None, held: bool, limit: int
) -> list[dict[str, Any]]:
    """Quarantined items, newest day first: published_date, feed, post_id, rules, text (at most `limit` of them).

    With `held` those of days that are held back, which are not in the published quarantine.
    """
    where = ["true"]
    if feed:
        where.append(f"feed = {sql_text(feed)}")
    if rule:
        where.append(f"list_contains(rules, {sql_text(rule)})")
    with View(Lake(settings.lake)).query() as query:
        query.read("quarantine", days, held)
        return query.rows(f"""
            SELECT published_date, feed, post_id, rules, text FROM quarantine WHERE {" AND ".join(where)}
            ORDER BY published_date DESC NULLS LAST, feed, post_id LIMIT {int(limit)}
        """)


def show_item(settings: Settings, post_id: str) -> list[dict[str, Any]]:
    """Everything known of the quarantined items with this id, payload included; held ones too."""
    view = View(Lake(settings.lake))
    with view.query() as query:
        query.view("items", "quarantine", view.files("quarantine") + view.files("quarantine", held=True))
        return query.rows(f"FROM items WHERE post_id = {sql_text(post_id)}")


def replay(settings: Settings, days: Sequence[str] | None) -> Replayed:
    """Judge the quarantined and held items of `days` (default: all) again, and carry what passes through to the end."""
    view = View(Lake(settings.lake))
    before = {*(file.day for file in view.files("quarantine", days)), *view.held()}
    chosen = sorted(day for day in before if days is None or day in days)
    count = view.rows("quarantine", chosen)
    carried = carry(settings, chosen, chosen, order=Order(cause="replay"))
    return Replayed(chosen, count, View(Lake(settings.lake)).rows("quarantine", chosen), carried.held.failing)
