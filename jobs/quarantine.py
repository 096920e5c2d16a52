"""Look at what broke the contract, and give it another chance once its cause is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.aggregate import aggregate
from jobs.score import score
from jobs.settings import Settings
from jobs.storage import HELD, Lake, sql_text
from jobs.validate import validate


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
    lake = Lake(settings.lake)
    with lake.query() as query:
        query.view("items", "quarantine", _files(lake, days, held))
        return query.rows(f"""
            SELECT published_date, feed, post_id, rules, text FROM items WHERE {" AND ".join(where)}
            ORDER BY published_date DESC NULLS LAST, feed, post_id LIMIT {int(limit)}
        """)


def show_item(settings: Settings, post_id: str) -> list[dict[str, Any]]:
    """Everything known of the quarantined items with this id, payload included; held ones too."""
    lake = Lake(settings.lake)
    with lake.query() as query:
        query.view("items", "quarantine", _files(lake, None, held=False) + _files(lake, None, held=True))
        return query.rows(f"FROM items WHERE post_id = {sql_text(post_id)}")


def replay(settings: Settings, days: Sequence[str] | None) -> Replayed:
    """Judge the quarantined and held items of `days` (default: all) again, and carry what passes through to the end."""
    lake = Lake(settings.lake)
    before = {p.day: 0 for p in lake.partitions("quarantine", days)} | dict.fromkeys(lake.held(), 0)
    chosen = sorted(day for day in before if days is None or day in days)
    count = _count(lake, chosen)
    validated = validate(settings, chosen)
    score(settings, validated.days)
    aggregate(settings, validated.days)
    return Replayed(chosen, count, _count(lake, chosen), validated.held)


def _count(lake: Lake, days: Sequence[str]) -> int:
    return sum(lake.rows(path) for path in lake.files("quarantine", days))


def _files(lake: Lake, days: Sequence[str] | None, held: bool) -> list[str]:
    return lake.files("quarantine", days, below=HELD if held else "")
