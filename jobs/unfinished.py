"""Unfinished work: days that are in raw_posts and perhaps not yet in daily_polarity, by the mark that says so.

The pipeline and the DAGs take them over from runs that died. How marks are kept is the state's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobs import versions
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings

EVERYTHING = "everything"
"""The mark of a lake without state."""


def unfinished(settings: Settings) -> dict[str, list[str]]:
    """Days by their mark; all days of the lake when its state is new or was lost."""
    lake = Lake(settings.lake)
    state = State(lake)
    return state.pending() | ({} if state.begun else {EVERYTHING: versions.days(View(lake))})


def finish(settings: Settings, marks: Mapping[str, Collection[str]], validated: Collection[str]) -> None:
    """Take away the `marks`, as `unfinished` gave them, of days that were `validated`: carried through or held back."""
    state = State(Lake(settings.lake))
    state.finish(marks, validated)
    if EVERYTHING in marks and set(validated).issuperset(marks[EVERYTHING]):
        state.begin()
