"""Which time a fetch asks a service for, in which order, from the window of the run and from what was read before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from jobs.connect.connector import Cursor, Request
from jobs.declaration import NoWindow, Range, Span

STEP, FEW_PAGES = timedelta(days=1), 4
"""A long time is read in steps, after each of which the cursor moves: a day, longer where those have few pages."""
SHORTER, SHORTEST = 24, timedelta(minutes=1)
"""Where a fetch ended before its first step did, the next one makes steps so many times shorter, not below a minute."""


@dataclass(frozen=True)
class Time:
    """The moments from `start` until before `end`, both in UTC."""

    start: datetime
    end: datetime

    def halves(self, floor: timedelta) -> tuple[Time, Time] | None:
        """The earlier and the later half, cut at whole floors; None when they would be shorter than `floor`."""
        steps = (self.end - self.start) // floor // 2
        middle = self.start + steps * floor
        return (Time(self.start, middle), Time(middle, self.end)) if steps else None

    def cut(self, length: timedelta, backwards: bool) -> tuple[Time, Time]:
        """The first step of about `length` and the rest of it; all of it when hardly more is left.

        Steps of days are cut at midnight, others at whole minutes. `backwards`, the first step is the latest.
        """
        if self.end - self.start <= 2 * length:
            return self, Time(self.end, self.end)
        wanted = self.end - length if backwards else self.start + length
        middle = datetime.combine(wanted.date(), time(), UTC) if length >= STEP else wanted.replace(second=0)
        earlier, later = Time(self.start, middle), Time(middle, self.end)
        return (later, earlier) if backwards else (earlier, later)


@dataclass(frozen=True)
class Progress:
    """How far earlier fetches read.

    `main` is the time without a gap from whose end the next goes on, and `at` when that end was read. `apart` is what
    was read, from its beginning, of a window that lies elsewhere and was not read whole. `step` is the length of steps,
    shorter than STEP where that was too much for a fetch.
    """

    main: Time | None = None
    apart: Time | None = None
    step: timedelta = STEP
    at: datetime | None = None

    @classmethod
    def kept(cls, cursor: Cursor) -> Progress:
        """What a cursor says; nothing was read where that is empty."""
        seconds = cursor.get("step_seconds", STEP.total_seconds())
        at = datetime.fromisoformat(cursor["at"]) if "at" in cursor else None
        return cls(_time(cursor), _time(cursor.get("apart", {})), timedelta(seconds=seconds), at)

    @property
    def cursor(self) -> Cursor:
        """What a cursor says of it, through JSON."""
        said: dict[str, Any] = _said(self.main) | ({"at": self.at.isoformat()} if self.at else {})
        if self.apart:
            said["apart"] = _said(self.apart)
        if self.step < STEP:
            said["step_seconds"] = int(self.step.total_seconds())
        return said

    def still_late(self, overlap: timedelta) -> timedelta:
        """How far before the end of `main` items may have come since, of those that come up to `overlap` late.

        None where that end was long over when it was read: else a backfill would read the same again and again.
        """
        if self.at is None or self.main is None:
            return overlap
        return max(overlap - (self.at - self.main.end), timedelta())

    def with_read(self, read: Time, present: datetime) -> Progress:
        """What is known once `read` was read at `present`, too."""
        main, apart = read_by_now(self.main, read), self.apart
        goes_on = apart is not None and apart.start <= read.start <= apart.end
        if main != self.main:
            at = self.at if self.main and self.main.end == main.end else present
            return replace(self, main=main, at=at, apart=None if goes_on else apart)
        return replace(self, apart=Time(apart.start, read.end) if apart and goes_on else read)

    def rest_of(self, time: Time) -> Time:
        """What is left of `time`, of which the beginning may have been read before."""
        begun = self.apart and self.apart.start == time.start and self.apart.end < time.end
        return Time(self.apart.end, time.end) if self.apart and begun else time

    def shortened(self, time: Time, unit: timedelta) -> Progress:
        """With shorter steps, since `time` was too much for one; not shorter than the `unit` that a service knows."""
        return replace(self, step=min(self.step, max((time.end - time.start) / SHORTER, unit, SHORTEST)))

    def paced(self, pages: int) -> Progress:
        """With steps as long as is good after one of so many `pages`."""
        if pages <= FEW_PAGES:
            return replace(self, step=2 * self.step)
        return replace(self, step=max(self.step / 2, STEP) if self.step > STEP else self.step)


def _time(said: Cursor) -> Time | None:
    if "since" not in said:
        return None
    return Time(datetime.fromisoformat(said["since"]), datetime.fromisoformat(said["until"]))


def _said(time: Time | None) -> dict[str, Any]:
    return {"since": time.start.isoformat(), "until": time.end.isoformat()} if time else {}


def asked(
    request: Request, window: Span, before: Time | None, overlap: timedelta, present: datetime
) -> tuple[Time, str | None]:
    """The time to ask for at `present`, and a sentence on what of the run's window that leaves out, if anything.

    A run that reaches beyond what was read `before` goes on from there, less the `overlap`, so that nothing between two
    runs is missed, but not further back than the feed's `back_days`.
    """
    start, end = _whole(request)
    newest, back = present.replace(microsecond=0), timedelta(days=request.feed.back_days)
    end = min(end, newest - timedelta(seconds=window.lag_seconds)) if isinstance(window, Range) else newest
    if before and end > before.end and before.start <= start:
        start = max(before.start, before.end - overlap, min(start, end) - back)
    earliest, why = newest - back, f"the feed is read back {request.feed.back_days} days (`back_days`)"
    if isinstance(window, Range):
        earliest = start
    if not isinstance(window, NoWindow) and (days := window.history_days):
        oldest = newest - timedelta(days=days)
        earliest, why = max((earliest, why), (oldest, f"the service goes back {days} days"))
    left_out = f"before {earliest:%Y-%m-%d %H:%M} UTC: {why}" if start < earliest else None
    return Time(min(max(start, earliest), end), end), left_out


def in_order(whole: Time, before: Time | None, overlap: timedelta) -> list[tuple[Time, bool]]:
    """The parts of `whole` in which to read it, and whether to go `backwards` in each.

    Wherever the reading ends, what was read makes one time without a gap with what was read `before`, and late items
    are not missed: it goes on from where that ends, less the `overlap`; then it goes back from where that begins. What
    lies in between is not read again.
    """
    if before is None or whole.start >= before.start or whole.end < before.start:
        return [(whole, False)]
    late = min(max(before.start, before.end - overlap), whole.end)
    return [(Time(late, whole.end), False), (Time(whole.start, before.start), True)]


def _whole(request: Request) -> tuple[datetime, datetime]:
    """Where the window of the run starts, and the moment after it, in UTC."""
    first, after = request.window.start, request.window.end + timedelta(days=1)
    start, end = (datetime.combine(day, time(), request.zone).astimezone(UTC) for day in (first, after))
    return start, end


def read_by_now(before: Time | None, read: Time) -> Time:
    """The time without a gap that was read, once `read` was."""
    if before is None or read.end < before.start or before.end < read.start:
        return read if before is None or read.end > before.end else before
    return Time(min(before.start, read.start), max(before.end, read.end))
