"""Batches that are in raw_posts while their days may not be restated to the end yet.

Ingest writes a mark before a batch becomes visible, and the line takes it away when daily_polarity has its days or
they are held back, where new items or a replay bring them up again. A feed forgets old items, so the days of a run that
died cannot be had from the feed again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from jobs.settings import Settings
from jobs.storage import Lake

FOLDER = "unfinished"


def mark(lake: Lake, batch: str, days: Sequence[str]) -> None:
    """Say that `days` (YYYY-MM-DD or `undated`) are to be restated because of `batch`."""
    lake.write_state(f"{FOLDER}/{batch}.json", json.dumps(sorted(days)).encode())


def unfinished(settings: Settings) -> dict[str, list[str]]:
    """Days to be restated, by the batch that asks for it."""
    lake = Lake(settings.lake)
    names = lake.states(FOLDER)
    return {name: json.loads(lake.read_state(f"{FOLDER}/{name}.json") or b"[]") for name in names}


def finish(settings: Settings, marks: Mapping[str, Collection[str]], days: Collection[str]) -> None:
    """Take away those of `marks`, as `unfinished` gave them, whose days are all among `days`, published or held."""
    for batch, asked in marks.items():
        if set(asked) <= set(days):
            Lake(settings.lake).drop_state(f"{FOLDER}/{batch}.json")
