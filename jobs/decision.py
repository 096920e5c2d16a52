"""What a person decides on days that validation holds back: they are released as they are, or given up.

Who decided and why is said in the commit to judged_posts. How a day comes to be held back is validate's business, and
judging it again, once its cause was mended, quarantine's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from jobs.lake.query import View
from jobs.lake.table import GIVEN_UP, HELD, RELEASED, Amendment, File, Lake, Table
from jobs.pipeline import carry
from jobs.settings import Settings
from jobs.validate.moves import moves, tied


class DecisionError(ValueError):
    """There is nothing to decide for a day that was named."""


@dataclass(frozen=True)
class Decision:
    """Who decides, and why; both are kept."""

    who: str
    why: str


def release(settings: Settings, days: Collection[str], decision: Decision) -> list[str]:
    """Publish the held rows of `days` as they are, through to daily_polarity; the days, those tied to them included.

    A day that is given newer items later is judged again. The same release, said again, goes on where it was cut off.
    Raises DecisionError, changing nothing, for days that are not held back.
    """
    lake = Lake(settings.lake)
    released = _decided(lake, days, "release", decision) or _decide(lake, days, "release", decision, "")
    carry(settings, released, released)
    return released


def give_up(settings: Settings, days: Collection[str], decision: Decision) -> list[str]:
    """Let `days` be as they were published; what is held back of them is set aside until newer items come.

    Returns the days, those tied to them included. Raises DecisionError, changing nothing, for days that are not held
    back.
    """
    lake = Lake(settings.lake)
    return _decided(lake, days, "give up", decision) or _decide(lake, days, "give up", decision, GIVEN_UP)


def _decided(lake: Lake, days: Collection[str], step: str, decision: Decision) -> list[str]:
    """The days of this very `decision` where it was committed and holds; none otherwise."""
    if set(days) & set(View(lake).held()):
        return []
    wanted = (step, decision.who, decision.why)
    for commit in lake.history("judged_posts"):
        if (commit.step, commit.said.get("who"), commit.said.get("cause")) == wanted and set(days) <= set(commit.days):
            return commit.days
    return []


def _decide(lake: Lake, days: Collection[str], step: str, decision: Decision, prefix: str) -> list[str]:
    """Let the verdicts of what is held back of `days`, and of those tied to them, begin with `prefix`; the days."""
    decided: list[str] = []

    def amendment(table: Table) -> Amendment:
        view = View(lake)
        decided[:] = _together(view, days)
        chosen = [file for file in table.files if file.day in decided]
        waiting = [file for file in chosen if file.is_held]
        gone = waiting if prefix else [*waiting, *_published_beside(chosen, waiting)]
        add = [_copied(lake, file, prefix) for file in waiting]
        said = {"step": step, "days": decided, "cause": decision.why, "who": decision.who}
        return Amendment(add, gone, said)

    lake.amend("judged_posts", amendment)
    return decided


def _together(view: View, days: Collection[str]) -> list[str]:
    held = view.held()
    if missing := sorted(set(days) - set(held)):
        raise DecisionError(
            f"{', '.join(missing)}: not held back; "
            + (f"held back are {', '.join(held)}" if held else "no day of the lake is")
        )
    files = [file for file in view.table("judged_posts").files if file.day in held]
    published = [file for file in files if not (file.is_held or file.is_given_up)]
    with view.query() as query:
        pairs = moves(query, published, [file for file in files if file.is_held])
    return sorted({*days, *tied(pairs, days)})


def _published_beside(chosen: Sequence[File], waiting: Sequence[File]) -> list[File]:
    """Files of the partitions of `waiting` that their release replaces."""
    places = {file.partition for file in waiting}
    return [file for file in chosen if file.partition in places and file not in waiting]


def _copied(lake: Lake, file: File, prefix: str) -> File:
    values = {**dict(file.values), "verdict": str(file.verdict).replace(HELD, prefix, 1)}
    place = lake.new_file("judged_posts", values, file.made_from if prefix else f"{file.made_from}{RELEASED}")
    lake.copy(file, place)
    return replace(place, rows=file.rows, bytes=file.bytes)
