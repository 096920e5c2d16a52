"""Any service that a YAML file declares: slices of time, sequences of pages, and how far they reached.

How a page is asked for lies in server.py, how one leads to the next in paging.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jobs.connect.client import Client, address
from jobs.connect.connector import Body, Outcome, Reach, Request, SourceError
from jobs.connect.paging import Call, Page, pager
from jobs.connect.server import LimitedError, Server, TooMuchError
from jobs.connect.span import STEP, Progress, Time, asked, in_order
from jobs.declaration import Cap, Declaration, Endpoint, NewestFirst, Paging, Range, Span
from jobs.expressions import filled, found, holds
from jobs.settings import Feed, now
from jobs.values import parse_date

MOST_PAGES = 10_000
"""No sequence is this long; a server that pages in circles seems to be."""


@dataclass(frozen=True)
class Sequence:
    """One way of asking for one value: what has a cursor of its own."""

    service: Declaration
    endpoint: Endpoint
    name: str
    base: str
    values: Mapping[str, str]

    @property
    def key(self) -> str:
        """What the cursor knows it by; a hash, since what is asked for is nobody's business."""
        said = json.dumps([self.name, self.base, sorted(self.values.items())], ensure_ascii=False)
        return f"{self.name}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    @property
    def title(self) -> str:
        """How people know it."""
        return f"{self.name} {self.values[self.endpoint.each]!r}" if self.endpoint.each else self.name

    @property
    def place(self) -> str:
        """Its address without a query."""
        return address(self.address(Call("1"), {})[0])

    @property
    def window(self) -> Span:
        """How it is asked for days."""
        return self.endpoint.window or self.service.window

    @property
    def paging(self) -> Paging:
        """How its pages follow each other."""
        return self.endpoint.paging or self.service.paging

    @property
    def cap(self) -> Cap:
        """How much it gives at most."""
        return self.endpoint.cap or self.service.cap

    @property
    def is_ranged(self) -> bool:
        """Whether it can be asked for a time."""
        return isinstance(self.window, Range)

    def address(self, call: Call, bounds: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Address and query of a page; where `call` has an address it gets what that has lost of the query."""
        given = {**self.values, **bounds, **({} if call.page is None else {"page": call.page})}
        path = filled(self.endpoint.path, lambda name: quote(given[name], safe="@") if name in given else None)
        query = {name: filled(text, given.get) for name, text in self.endpoint.query.items()}
        there = {part.split("=")[0] for part in urlsplit(call.url).query.split("&")} if call.url else set()
        kept = {name: value for name, value in query.items() if value is not None and name not in there}
        return call.url or f"{self.base}{path or ''}", kept

    def dates(self, page: Page, feed: Feed) -> list[datetime]:
        """The dates of the items of `page`, by which they are sorted where they are; those that stand first are not."""
        window = self.window
        name, pinned = (window.by, window.pinned) if isinstance(window, NewestFirst) else ("published_at", None)
        items = [item for item in page.items if not self.service.is_skipped(item) and not holds(pinned, item)]
        dates = (parse_date(self.service.fields.of(item).get(name), feed) for item in items)
        return [date for date in dates if date]

    def is_beyond_cap(self, page: Page) -> bool:
        """Whether the service says on `page` that there is more than it gives."""
        total = found(self.cap.total, page.document) if self.cap.total else None
        return total is not None and self.cap.items is not None and int(total) > self.cap.items

    def is_cut_off(self, page: Page, items: int, pages: int, goes_on: bool) -> bool:
        """Whether the service has given all that it does of a query, after so many items and pages, and there is more.

        Where it tells no total, as many items as it gives at most are taken for a sign that there were more.
        """
        if self.cap.pages and pages >= self.cap.pages and goes_on:
            return True
        is_full = self.cap.items is not None and items >= self.cap.items
        return self.is_beyond_cap(page) and (is_full or not goes_on) if self.cap.total else is_full


def sequences(feed: Feed) -> Iterator[Sequence]:
    """Every way in which the feed asks its service, in the order in which that declares them."""
    service = _service(feed)
    first = {name: given[0] for name, given in feed.parameters.items()}
    for name, endpoint in service.requests.items():
        each = [{endpoint.each: value} for value in feed.parameters.get(endpoint.each, ())] if endpoint.each else [{}]
        for value in each:
            yield Sequence(service, endpoint, name, feed.base_url, {**first, **value})


def bodies(request: Request) -> Generator[Body, None, Outcome]:
    """The pages of every sequence of the feed; SourceError when not a single one could be had.

    The cursor is {"version", "read": {sequence: {"since", "until", "at"}}}: the time without a gap that was read of
    each, and when its end was, in ISO 8601. It moves with every step that was read to its end. Of a window elsewhere
    that was not read whole, "apart" is a time like that; "step_seconds" is there while a day is too much for a fetch.
    """
    service = _service(request.feed)
    former = request.cursor.get("read", {}) if request.cursor.get("version") == service.version else {}
    with Client(request.feed, heeds=False) as client:
        walk = _Walk(request, Server(request.feed, service, client, request.folder, request.requests), former)
        for sequence in sequences(request.feed):
            yield from walk.sequence(sequence)
    if walk.fault and not walk.pages:
        raise SourceError("; ".join(walk.missing), walk.fault.status)
    read = {key: progress.cursor for key, progress in walk.read.items() if progress.cursor}
    return Outcome({"version": service.version, "read": read}, walk.reach())


def _service(feed: Feed) -> Declaration:
    if feed.service is None:
        raise ValueError(f"feed {feed.name!r} has no service")
    return feed.service


@dataclass
class _Extent:
    """The earliest and the latest of some moments."""

    first: datetime | None = None
    last: datetime | None = None

    def add(self, moments: list[datetime]) -> None:
        """Count `moments` in."""
        if moments:
            self.first = min([*moments, self.first or moments[0]])
            self.last = max([*moments, self.last or moments[0]])


@dataclass
class _Walk:
    """A walk through all pages of a fetch, and what it saw."""

    request: Request
    server: Server
    former: Mapping[str, Any]
    read: dict[str, Progress] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=lambda: {"asked": []})
    fault: SourceError | None = None
    pages: int = 0
    items: int = 0
    seen: _Extent = field(default_factory=_Extent)

    def sequence(self, sequence: Sequence) -> Generator[Body, None, None]:
        """All pages of `sequence`; a fault of it does not keep the others from being read."""
        before = Progress.kept(self.former.get(sequence.key, {}))
        overlap = before.still_late(timedelta(minutes=sequence.service.overlap_minutes))
        time, left_out = asked(self.request, sequence.window, before.main, overlap, now())
        self.detail["asked"].append([sequence.name, time.start.isoformat(), time.end.isoformat()])
        self.missing += [f"{sequence.title}: {left_out}"] if left_out else []
        self.read[sequence.key], items = before, self.items
        try:
            if isinstance(sequence.window, Range):
                for part, backwards in in_order(time, before.main, overlap):
                    yield from self._steps(sequence, before.rest_of(part), backwards, sequence.window.unit)
                self.read[sequence.key] = replace(self.read[sequence.key], apart=None)
            else:
                yield from self._slice(sequence, time)
                self.read[sequence.key] = before.with_read(time, now())
            if self.items == items:
                self._doubt(sequence, before)
        except SourceError as fault:
            self.fault = self.fault or fault
            self.missing.append(f"{sequence.title}: {fault}")
            if isinstance(fault, LimitedError):
                self.detail["limited_until"] = fault.until.isoformat(timespec="seconds")

    def reach(self) -> Reach:
        """How far it came."""
        limits = {"limits": self.server.limits_seen} if self.server.limits_seen else {}
        detail = {**self.detail, **limits}
        return Reach(self.pages, self.seen.first, self.seen.last, tuple(self.missing), detail)

    def _steps(self, sequence: Sequence, time: Time, backwards: bool, unit: timedelta) -> Generator[Body, None, None]:
        """The pages of `time`, step by step, so that a fetch that ends too early need not begin again.

        Where it ends in its very first step, the steps of the next are shorter, but not than `unit`.
        """
        key, rest = sequence.key, time
        self.read[key] = replace(self.read[key], step=min(self.read[key].step, STEP))
        while rest.start < rest.end:
            former, pages = self.read[key], self.pages
            step, rest = rest.cut(former.step, backwards)
            try:
                yield from self._slice(sequence, step)
            except SourceError:
                if self.pages > pages and former == Progress.kept(self.former.get(key, {})):
                    self.read[key] = former.shortened(step, unit)
                raise
            self.read[key] = former.with_read(step, now()).paced(self.pages - pages)

    def _slice(self, sequence: Sequence, time: Time) -> Generator[Body, None, None]:
        """The pages of `time`, in halves where the service cuts them off; a gap is noted where it does so even then."""
        floor = sequence.cap.floor_minutes
        halves = time.halves(timedelta(minutes=floor)) if floor and sequence.is_ranged else None
        try:
            yield from self._pages(sequence, time, in_halves=halves is not None)
        except TooMuchError as much:
            for half in halves or ():
                yield from self._slice(sequence, half)
            if halves is None:
                end = much.oldest or time.end
                self.missing.append(
                    f"{sequence.title}: not all from {time.start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: the "
                    "service gives no more at once; ask for less at a time"
                )
                self.detail.setdefault("cut", []).append([sequence.name, time.start.isoformat(), end.isoformat()])

    def _pages(self, sequence: Sequence, time: Time, in_halves: bool) -> Generator[Body, None, None]:
        """The pages of `time` until there is none, or they are older; TooMuchError when the service cuts them off.

        Where it can be asked for `in_halves`, that is known from the first page on.
        """
        window, leader, seen = sequence.window, pager(sequence.paging), _Extent()
        bounds = window.bounds(time.start, time.end) if isinstance(window, Range) else {}
        calls: list[Call] = []
        call: Call | None = leader.first()
        items = 0
        while call:
            if call in calls or len(calls) == MOST_PAGES:
                raise SourceError(f"{sequence.place}: its pages lead in a circle")
            calls.append(call)
            target = self.request.folder / f"{self.pages}.json"
            page = self._ask(sequence, call, bounds, target)
            if page is None:
                return
            if in_halves and sequence.is_beyond_cap(page):
                raise TooMuchError
            limits = dict(self.server.limits_seen)
            yield Body(target, sequence.place, page.sha256, limits=limits, document=page.document)
            target.unlink(missing_ok=True)
            for item in page.items:
                yield from self._detail(sequence, time, item)
            dates = sequence.dates(page, self.request.feed)
            seen.add(dates)
            self.seen.add(dates)
            items += len(page.items)
            self.items += len(page.items)
            if isinstance(window, NewestFirst) and dates and max(dates) < time.start - window.slack:
                return
            call = leader.next(call, page)
            if sequence.is_cut_off(page, items, len(calls), call is not None):
                raise TooMuchError(seen.first)

    def _detail(self, sequence: Sequence, time: Time, item: Any) -> Generator[Body, None, None]:
        """All pages of what is asked besides for `item`, if anything."""
        detail = sequence.endpoint.detail
        if detail and holds(detail.when, item):
            told = {name: str(found(path, item)) for name, path in detail.values.items()}
            inner = replace(sequence, endpoint=detail.endpoint, values={**sequence.values, **told})
            yield from self._pages(inner, time, in_halves=False)

    def _doubt(self, sequence: Sequence, before: Progress) -> None:
        """Nothing was found: say so and move no cursor where the service does not even find what is there surely."""
        control = sequence.endpoint.control
        if control is None:
            return
        endpoint = sequence.endpoint.model_copy(update={"query": {**sequence.endpoint.query, **control.query}})
        page = self._ask(replace(sequence, endpoint=endpoint), Call(), {}, self.request.folder / "control.json")
        if page is None or not page.items:
            self.missing.append(f"{sequence.title}: {control.say}")
            self.read[sequence.key] = before

    def _ask(self, sequence: Sequence, call: Call, bounds: Mapping[str, str], target: Path) -> Page | None:
        url, query = sequence.address(call, bounds)
        page = self.server.ask(self.server.own(url, sequence.base), query, target)
        self.pages += 1
        return page
