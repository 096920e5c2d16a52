"""Which time a fetch asks a service for, from the window of the run and from what was read before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from jobs.connect.connector import Cursor, Request
from jobs.declaration import Declaration, Range, Span


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


def read_before(cursor: Cursor) -> Time | None:
    """The time without a gap that earlier fetches read, as a cursor has it; None when there is none."""
    if "since" not in cursor:
        return None
    return Time(datetime.fromisoformat(cursor["since"]), datetime.fromisoformat(cursor["until"]))


def asked(
    request: Request, service: Declaration, window: Span, before: Time | None, present: datetime
) -> tuple[Time, str | None]:
    """The time to ask for at `present`, and a sentence on what of the run's window that leaves out, if anything.

    A run that reaches beyond what was read `before` goes on from there, less the service's overlap, so that nothing
    between two runs is missed, but not further back than the feed's `back_days`.
    """
    start, end = _whole(request)
    newest, back = present.replace(microsecond=0), timedelta(days=request.feed.back_days)
    end = min(end, newest - timedelta(seconds=window.lag_seconds)) if isinstance(window, Range) else newest
    if before and end > before.end and before.start <= start:
        start = max(before.end - timedelta(minutes=service.overlap_minutes), min(start, end) - back)
    earliest, why = newest - back, f"the feed is read back {request.feed.back_days} days (`back_days`)"
    if isinstance(window, Range):
        days = window.history_days
        earliest, why = newest - timedelta(days=days) if days else start, f"the service goes back {days} days"
    left_out = f"before {earliest:%Y-%m-%d %H:%M} UTC: {why}" if start < earliest else None
    return Time(min(max(start, earliest), end), end), left_out


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
