"""Paging: one class for each way in which servers lead from a page to the next. What a page holds is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin

from requests.utils import parse_header_links

from jobs import declaration
from jobs.expressions import found, holds


@dataclass(frozen=True)
class Call:
    """What to ask a server for: an address as it is, else what {page} stands for in the request's templates.

    `had` are the items of the pages before, where they are counted.
    """

    page: str | None = None
    url: str | None = None
    had: int = 0


@dataclass(frozen=True)
class Page:
    """What a server answered: its address, headers (names in any case), the document, the items in it.

    `sha256` is that of its bytes, in hexadecimal.
    """

    url: str
    headers: Mapping[str, str]
    document: Any
    items: Sequence[Any]
    sha256: str


class Pager(Protocol):
    """Leads through the pages of one query."""

    def first(self) -> Call:
        """How the first page is asked for."""

    def next(self, call: Call, page: Page, /) -> Call | None:
        """How the page after `page`, which answered `call`, is asked for; None when it was the last."""


@dataclass(frozen=True)
class LinkHeader:
    """Follows the header `Link` until a page is empty or has none."""

    declared: declaration.LinkHeader

    def first(self) -> Call:
        """No page is named."""
        return Call()

    def next(self, _: Call, page: Page) -> Call | None:
        """The address in the header."""
        links = parse_header_links(page.headers.get("Link", ""))
        named = [link["url"] for link in links if link.get("rel") == self.declared.rel]
        return Call(url=urljoin(page.url, named[0])) if named and page.items else None


@dataclass(frozen=True)
class NextUrl:
    """Follows the address in the answer until there is none."""

    declared: declaration.NextUrl

    def first(self) -> Call:
        """No page is named."""
        return Call()

    def next(self, _: Call, page: Page) -> Call | None:
        """The address in the answer."""
        url = found(self.declared.at, page.document)
        return Call(url=urljoin(page.url, str(url))) if url else None


@dataclass(frozen=True)
class BodyCursor:
    """Hands back what the answer says until it says nothing."""

    declared: declaration.BodyCursor

    def first(self) -> Call:
        """No page is named."""
        return Call()

    def next(self, _: Call, page: Page) -> Call | None:
        """The cursor in the answer."""
        cursor = found(self.declared.at, page.document)
        return Call(str(cursor)) if cursor not in (None, "", False) else None


@dataclass(frozen=True)
class PageNumber:
    """Counts pages and items, until the server says that there are no more, else until a page is empty."""

    declared: declaration.PageNumber

    def first(self) -> Call:
        """The first number."""
        return Call(str(self.declared.first))

    def next(self, call: Call, page: Page) -> Call | None:
        """The next number."""
        number, had = int(call.page or self.declared.first) + 1, call.had + len(page.items)
        return Call(str(number), had=had) if self._is_one(number, had, page) else None

    def _is_one(self, number: int, had: int, page: Page) -> bool:
        declared = self.declared
        if declared.more:
            return holds(declared.more, page.document)
        total = found(declared.total, page.document) if declared.total else None
        if total is not None:
            return bool(page.items) and had < int(total)
        pages = found(declared.pages, page.document) if declared.pages else None
        if declared.pages_header:
            pages = page.headers.get(declared.pages_header)
        return bool(page.items) if pages is None else number < declared.first + int(pages)


@dataclass(frozen=True)
class Offset:
    """Counts the items that were had, until a page is empty or all of them were."""

    declared: declaration.Offset

    def first(self) -> Call:
        """Nothing is left out."""
        return Call("0")

    def next(self, call: Call, page: Page) -> Call | None:
        """As many as were had are left out."""
        had = int(call.page or 0) + len(page.items)
        total = found(self.declared.total, page.document) if self.declared.total else None
        return Call(str(had)) if page.items and (total is None or had < int(total)) else None


@dataclass(frozen=True)
class IdWindow:
    """Goes on from the last item's id until a page is empty, or ends with the id that it was asked from."""

    declared: declaration.IdWindow

    def first(self) -> Call:
        """No id is named."""
        return Call()

    def next(self, call: Call, page: Page) -> Call | None:
        """The id of the last item."""
        last = found(self.declared.id, page.items[-1]) if page.items else None
        return Call(str(last)) if last is not None and str(last) != call.page else None


@dataclass(frozen=True)
class OnePage:
    """There is no other page."""

    declared: declaration.OnePage

    def first(self) -> Call:
        """No page is named."""
        return Call()

    def next(self, _: Call, __: Page) -> Call | None:
        """None, ever."""
        return None


PAGERS: Mapping[type, Any] = {
    declaration.LinkHeader: LinkHeader,
    declaration.NextUrl: NextUrl,
    declaration.BodyCursor: BodyCursor,
    declaration.PageNumber: PageNumber,
    declaration.Offset: Offset,
    declaration.IdWindow: IdWindow,
    declaration.OnePage: OnePage,
}


def pager(declared: declaration.Paging) -> Pager:
    """The one for what a service declares."""
    made: Pager = PAGERS[type(declared)](declared)
    return made
