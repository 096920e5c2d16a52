"""Which time a fetch asks a service for, in which order, from the window of the run and from what was read before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from jobs.connect.connector import Cursor, Request
from jobs.declaration import NoWindow, Range, Span


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
        """The first step of about `length` and the rest of it, cut at midnight; all of it when hardly more is left.

        `backwards`, the first step is the latest.
        """
        if self.end - self.start <= 2 * length:
            return self, Time(self.end, self.end)
        wanted = self.end - length if backwards else self.start + length
        middle = datetime.combine(wanted.date(), time(), UTC)
        earlier, later = Time(self.start, middle), Time(middle, self.end)
        return (later, earlier) if backwards else (earlier, later)


def read_before(cursor: Cursor) -> Time | None:
    """The time without a gap that earlier fetches read, as a cursor has it; None when there is none."""
    if "since" not in cursor:
        return None
    return Time(datetime.fromisoformat(cursor["since"]), datetime.fromisoformat(cursor["until"]))


def still_late(cursor: Cursor, overlap: timedelta) -> timedelta:
    """How far before the end of what a cursor says was read items may have come since, of those up to `overlap` late.

    None where that end was long over when it was read: else a backfill would read the same again and again.
    """
    if "at" not in cursor:
        return overlap
    over = datetime.fromisoformat(cursor["at"]) - datetime.fromisoformat(cursor["until"])
    return max(overlap - over, timedelta())


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
