"""What is wrong by what the lake holds, and the command with which to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from data_contracts import contract
from jobs.coverage import SEEN, UNSEEN
from jobs.settings import Settings
from jobs.status import FeedStatus, status

FEW, STALE, GAP, HELD, BACKLOG = "few", "stale", "gap", "held", "backlog"
STANDING = (*UNSEEN, FEW, STALE, GAP, HELD, BACKLOG)
"""The kinds of causes that the lake shows."""


@dataclass(frozen=True)
class Cause:
    """Something that a person should see to: its kind, what it is about, a sentence, and how to look at it.

    It is the same cause for as long as kind and subject are the same, whatever the sentence says.
    """

    kind: str
    subject: str
    what: str
    look: str

    @property
    def key(self) -> str:
        """What no other cause is called; fit for the name of a file."""
        return f"{self.kind}.{self.subject}"


def standing(settings: Settings) -> list[Cause]:
    """Every cause that the lake shows now, feed by feed, then held days and the quarantine.

    A feed's newest fetch counts, and its newest published day; the quarantine is that of the last
    `alerts.quarantine_days` days.
    """
    known = {feed.name for feed in settings.feeds}
    feeds = [feed for feed in status(settings) if feed.feed in known]
    today = settings.today()
    causes = [cause for feed in feeds for cause in (*_of_fetch(feed), *_of_freshness(feed, today), *_of_gaps(feed))]
    held = sorted({day for feed in feeds for day in feed.held})
    return [*causes, *map(_of_held_day, held), *_of_quarantine(settings, feeds)]


def _of_fetch(feed: FeedStatus) -> Iterator[Cause]:
    if feed.last_fetch is None:
        return
    _, how, message = feed.last_fetch
    if how in UNSEEN:
        yield Cause(how, feed.feed, f"feed {feed.feed} is {how}: {message}", "sentinela status")
    elif how in SEEN and message:
        yield Cause(FEW, feed.feed, f"feed {feed.feed}: {message}", "sentinela status")


def _of_freshness(feed: FeedStatus, today: date) -> Iterator[Cause]:
    (allowed,) = (rule.kwargs["max_value"] for rule in contract("feed_freshness").rules if rule.column == "days_behind")
    newest = date.fromisoformat(max(feed.days)) if feed.days else None
    if (since := newest or feed.first_fetch) and (behind := (today - since).days) > allowed:
        had = "has had nothing new" if newest else "has given nothing that has a day"
        what = f"feed {feed.feed} {had} since {since}, for {behind} days"
        yield Cause(STALE, feed.feed, what, f"sentinela connect try {feed.feed}")


def _of_gaps(feed: FeedStatus) -> Iterator[Cause]:
    """Days that were never looked at; one that was and has nothing is a quiet day."""
    if days := feed.unlooked:
        what = f"feed {feed.feed} was never asked for {len(days)} days between {days[0]} and {days[-1]}"
        yield Cause(GAP, feed.feed, what, f"sentinela ingest --feed {feed.feed} --from {days[0]} --to {days[-1]}")


def _of_held_day(day: str) -> Cause:
    return Cause(HELD, day, f"{day} is held back", f"sentinela quarantine list --held --date {day}")


def _of_quarantine(settings: Settings, feeds: list[FeedStatus]) -> Iterator[Cause]:
    since = (settings.today() - timedelta(days=settings.alerts.quarantine_days)).isoformat()
    waiting = sum(broken for feed in feeds for day, (_, broken) in feed.days.items() if day > since)
    if waiting > settings.alerts.quarantined:
        what = f"{waiting} items of the last {settings.alerts.quarantine_days} days are in quarantine"
        yield Cause(BACKLOG, "quarantine", what, f"sentinela quarantine list --from {since} --to {settings.today()}")
