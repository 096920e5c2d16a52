"""What is to be reprocessed: days, steps, feeds, and why. It knows the settings and the lake, and makes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Self

from jobs import versions
from jobs.lake.query import View
from jobs.lake.table import UNDATED
from jobs.settings import CHUNK_DAYS, STEPS, Settings, Window
from jobs.step import Order

CAUSE = "reprocess"


class ReprocessError(ValueError):
    """What was asked for cannot be reprocessed; the message says why, and what can be."""


@dataclass(frozen=True)
class Approval:
    """Who let it go on above the limits of the settings, and why."""

    by: str
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """Days from the first to the last of `window` are carried through `steps` again; no `feeds` are all feeds.

    What is made from the present inputs, rules and model is left alone, but where it was committed by `made_before`.
    """

    window: Window
    steps: tuple[str, ...] = STEPS
    feeds: tuple[str, ...] = ()
    reason: str = ""
    chunk_days: int = CHUNK_DAYS
    made_before: datetime | None = None
    approval: Approval | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        first: date,
        last: date,
        steps: Iterable[str] = (),
        feeds: Iterable[str] = (),
        reason: str = "",
        chunk_days: int = CHUNK_DAYS,
        made_before: datetime | None = None,
    ) -> Self:
        """The request, checked: ReprocessError or SettingsError names what is not there. No steps are all steps.

        A moment without a zone is taken as UTC.
        """
        asked = set(steps) or set(STEPS)
        if unknown := sorted(asked - set(STEPS)):
            raise ReprocessError(f"no step {', '.join(map(repr, unknown))}; there are: {', '.join(STEPS)}")
        if first > last:
            raise ReprocessError(f"the range begins on {first}, after its end {last}")
        if chunk_days < 1:
            raise ReprocessError(f"a chunk of {chunk_days} days; give 1 or more")
        moment = made_before and (made_before if made_before.tzinfo else made_before.replace(tzinfo=UTC))
        if moment and moment > datetime.now(UTC):
            raise ReprocessError(f"{moment.isoformat()} is yet to come: what is made until then would be made again")
        return cls(
            Window(start=first, end=last),
            tuple(step for step in STEPS if step in asked),
            tuple(settings.feed(name).name for name in feeds),
            reason,
            chunk_days,
            moment,
        )

    @property
    def order(self) -> Order:
        """What the steps are told."""
        said = {"reason": self.reason} if self.reason else {}
        if self.approval:
            said |= {"approved_by": self.approval.by, "approved_because": self.approval.reason}
        return Order(CAUSE, self.made_before, set(self.feeds) or None, said=said)

    def approved(self, by: str, reason: str = "") -> Self:
        """The same request, which a person let go on."""
        return replace(self, approval=Approval(by, reason))

    def days(self, view: View) -> list[str]:
        """The days of the window that the lake knows of, sorted. Raises ReprocessError when there are none."""
        known = sorted({*versions.days(view), *view.days("judged_posts"), *view.days("daily_polarity")} - {UNDATED})
        wanted = set(self.window.days)
        if found := [day for day in known if day in wanted]:
            return found
        reach = f"it reaches from {known[0]} to {known[-1]}" if known else "it holds no dated item yet"
        raise ReprocessError(
            f"{view.lake.root}: nothing is stored of the days {self.window.start} to {self.window.end}; {reach}"
        )

    def chunks(self, days: Sequence[str]) -> Iterator[Window]:
        """`days`, sorted, by so many at a time: the first and the last of each."""
        for place in range(0, len(days), self.chunk_days):
            chunk = days[place : place + self.chunk_days]
            yield Window(start=date.fromisoformat(chunk[0]), end=date.fromisoformat(chunk[-1]))
