"""The server of a declared service, asked with manners: signed in, in its own time, and its answers taken as declared.

Which pages are asked for is not decided here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.connect.client import REFUSED, Answer, Client, address, without_parameter
from jobs.connect.connector import SourceError
from jobs.connect.guard import LONGEST_WAIT_SECONDS
from jobs.connect.paging import Page
from jobs.connect.sign_in import sign_in
from jobs.declaration import Declaration, Granting, KeyInQuery, Limits, Meaning, Verdict
from jobs.expressions import found, holds
from jobs.settings import Feed
from jobs.values import parse_json

NO_DOCUMENT = object()
"""In the place of the document of an answer that is none."""
FULL_PERCENT = 95
SHOWN_CHARACTERS = 200
ERROR = re.compile("error|fault", re.IGNORECASE)
ABOUT_ERROR = re.compile("message|detail|reason|code|description|status|type", re.IGNORECASE)


class TooMuchError(Exception):
    """The service does not give all that it was asked for; what came lies from `oldest` on, where that is known."""

    def __init__(self, oldest: datetime | None = None) -> None:
        super().__init__()
        self.oldest = oldest


class LimitedError(SourceError):
    """The service is not to be asked again before `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message, "refused")
        self.until = until


@dataclass(frozen=True)
class Heard:
    """An answer and what it says: `document` is NO_DOCUMENT where it is no JSON."""

    answer: Answer
    text: str
    document: Any


class Server:
    """The server of the service of `feed`; raises SourceError when it cannot be signed in to.

    At most `requests` are sent to it, signing in left out, as many as it takes without. `limits_seen` are the last
    limits that it told, by header.
    """

    def __init__(
        self, feed: Feed, service: Declaration, client: Client, folder: Path, requests: int | None = None
    ) -> None:
        self._feed, self._service, self._client, self._folder = feed, service, client, folder
        self._way, self._shown = feed.sign_in, sign_in(feed, client, folder)
        self._not_before = 0.0
        self.limits_seen: dict[str, str] = {}
        self._requests, self._sent = requests, 0

    def ask(self, url: str, query: Mapping[str, str], target: Path) -> Page | None:
        """The page at `url`, written to `target`; None where the service says that there is nothing.

        Raises TooMuchError, LimitedError where waiting would take too long, and SourceError for other refusals and for
        what is no page of the service.
        """
        renewed, tries = False, 0
        while True:
            heard = self._hear(url, query, target)
            verdict = self._verdict(heard)
            meaning = _meaning(verdict, heard)
            if meaning is None:
                return self._page(url, heard)
            if meaning == "empty":
                return None
            if meaning == "split":
                raise TooMuchError
            if meaning == "expired" and isinstance(self._way, Granting) and not renewed:
                self._shown, renewed = sign_in(self._feed, self._client, self._folder), True
            elif meaning == "retry" and tries < self._feed.http.retries:
                tries += 1
                self._hold(max(self._told_to_wait(heard), min(2.0**tries, 60)))
            elif meaning == "retry":
                until = datetime.now(UTC) + timedelta(seconds=max(self._told_to_wait(heard), 60))
                raise LimitedError(f"{self._complaint(url, heard, verdict)}; asked again in vain", until)
            else:
                raise SourceError(self._complaint(url, heard, verdict), "failed" if meaning == "config" else "refused")

    def own(self, url: str, base: str) -> str:
        """`url` without what signs in; SourceError when it does not lie on the host of `base`."""
        to, own = urlsplit(url), urlsplit(base)
        if (to.scheme, to.netloc) != (own.scheme, own.netloc):
            raise SourceError(f"{address(base)}: its next page lies on another host, {to.hostname!r}; it is not asked")
        if isinstance(self._way, KeyInQuery):
            return without_parameter(url, self._way.name)
        return url

    def _hear(self, url: str, query: Mapping[str, str], target: Path) -> Heard:
        if self._sent == self._requests:
            raise SourceError(
                f"{address(url)}: the {self._sent} requests that feed {self._feed.name!r} has in a run are spent; the "
                "next run goes on, or raise its requests_per_run",
                "refused",
            )
        self._sent += 1
        self._wait(self._not_before - time.time())
        self._not_before = time.time() + self._service.limits.pace_seconds
        options = {"params": dict(query), "headers": dict(self._service.headers), "auth": self._shown}
        answer = self._client.send("GET", url, target, allow_redirects=False, **options)
        if not answer.whole:
            raise SourceError(f"{address(url)}: the answer broke off; nothing of that page is taken")
        content = target.read_bytes()
        try:
            document = parse_json(content)
        except (ValueError, RecursionError):
            document = NO_DOCUMENT
        heard = Heard(answer, content[: 1 << 16].decode("utf-8", "replace"), document)
        self._mind_limits(heard)
        return heard

    def _verdict(self, heard: Heard) -> Verdict | None:
        return next((verdict for verdict in self._service.verdicts if _fits(verdict, heard)), None)

    def _page(self, url: str, heard: Heard) -> Page:
        try:
            items = self._service.items.of(heard.document)
        except ValueError as fault:
            raise SourceError(f"{address(url)}: {fault}; it answered {_said(heard)}") from None
        return Page(url, heard.answer.headers, heard.document, items, heard.answer.sha256)

    def _complaint(self, url: str, heard: Heard, verdict: Verdict | None) -> str:
        said = f"{address(url)}: answered {heard.answer.status} {heard.answer.reason}: {_said(heard)}"
        advice = verdict.say if verdict else ""
        if not advice and _meaning(verdict, heard) == "expired" and self._way:
            advice = f"set {' and '.join(self._feed.secrets.values())} anew. {self._way.how}"
        return f"{said}; {advice}" if advice else said

    def _mind_limits(self, heard: Heard) -> None:
        """Put the next request off where the answer says that nothing, or little, is left."""
        limits, headers = self._service.limits, heard.answer.headers
        named = filter(None, (limits.remaining, limits.reset, limits.usage))
        self.limits_seen |= {name: headers[name][:SHOWN_CHARACTERS] for name in named if name in headers}
        wait = float(_number(found(limits.backoff, heard.document)) or 0) if limits.backoff else 0.0
        left = _number(headers.get(limits.remaining)) if limits.remaining else None
        if left is not None and left < 1:
            wait = max(wait, _until_reset(limits, headers))
        if limits.usage and max(_percents(headers.get(limits.usage)), default=0) >= FULL_PERCENT:
            wait = max(wait, _until_regained(limits, headers))
        self._hold(wait)

    def _hold(self, seconds: float) -> None:
        self._not_before = max(self._not_before, time.time() + seconds)

    def _told_to_wait(self, heard: Heard) -> float:
        """The seconds to wait that a refusal names; 0 where it names none."""
        limits, headers = self._service.limits, heard.answer.headers
        named = re.search(limits.text, heard.text) if limits.text else None
        after = _number(headers.get("Retry-After")) or 0
        in_text = float(named[1]) if named else 0
        return max(after, in_text, _until_reset(limits, headers), _until_regained(limits, headers))

    def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        guard = self._client.guard
        if seconds >= guard.left:
            until = datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_WAIT_SECONDS))
            raise LimitedError(
                f"the service's limit is reached until {until:%Y-%m-%d %H:%M} UTC, after http.deadline_seconds", until
            )
        guard.sleep(seconds)


def _fits(verdict: Verdict, heard: Heard) -> bool:
    """Whether all that `verdict` names holds of what was heard."""
    if verdict.status and heard.answer.status not in verdict.status:
        return False
    if verdict.when and (heard.document is NO_DOCUMENT or not holds(verdict.when, heard.document)):
        return False
    return not verdict.text or re.search(verdict.text, heard.text) is not None


def _meaning(verdict: Verdict | None, heard: Heard) -> Meaning | None:
    return verdict.means if verdict else _by_status(heard)


def _by_status(heard: Heard) -> Meaning | None:
    """What an answer means of which the service declares nothing; None for one that should be a page."""
    status = heard.answer.status
    if status == 429 or status >= 500:
        return "retry"
    if status == 401:
        return "expired"
    if status in (404, 410):
        return "gone"
    if status in REFUSED:
        return "refused"
    return "config" if status >= 300 or heard.document is NO_DOCUMENT else None


def _said(heard: Heard) -> str:
    """What was answered, in a line, as far as it is the server's complaint: posts and names of people are not told."""
    if heard.document is not NO_DOCUMENT:
        said = " ".join(_complaints(heard.document, heard.answer.status >= 400))
        return _shown(said) if said else "JSON of another shape"
    text = heard.text.lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        return "JSON that is broken"
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    if title or text.startswith("<"):
        return f"a page {_shown(title[1])}" if title else "a page"
    return _shown(text) if text else "nothing"


def _complaints(document: Any, is_one: bool) -> Iterator[str]:
    """The texts in `document` under keys of errors; where it `is_one` itself, those that say more of it, too."""
    for key, part in document.items() if isinstance(document, dict) else ():
        if not (ERROR.search(key) or (is_one and ABOUT_ERROR.search(key))):
            continue
        for said in part if isinstance(part, list) else [part]:
            if isinstance(said, dict):
                yield from _complaints(said, True)
            elif isinstance(said, str | int) and not isinstance(said, bool):
                yield str(said)


def _shown(text: str) -> str:
    """The beginning of `text`, without what may be a key or a name."""
    line = " ".join(re.sub(r"[A-Za-z0-9_\-.]{32,}|\S*@\S+|\?\S+", " ", text).split())
    return repr(line[:SHOWN_CHARACTERS])


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _until_reset(limits: Limits, headers: Mapping[str, str]) -> float:
    """Seconds from now until the moment that the header names; 0 where it names none."""
    said = headers.get(limits.reset) if limits.reset else None
    if said is None:
        return 0.0
    if limits.unit == "iso8601":
        try:
            return max(0.0, datetime.fromisoformat(said).timestamp() - time.time()) + 1
        except ValueError:
            return 0.0
    number = _number(said) or 0.0
    return max(0.0, number - (time.time() if limits.unit == "epoch_s" else 0)) + 1


def _until_regained(limits: Limits, headers: Mapping[str, str]) -> float:
    """Seconds until the minutes have passed that the header of what was used names; 0 where it names none."""
    said = headers.get(limits.usage) if limits.usage else None
    if not said or not limits.regain:
        return 0.0
    minutes = re.findall(rf'"{re.escape(limits.regain)}"\s*:\s*([0-9.]+)', said)
    return 60 * max(map(float, minutes), default=0.0)


def _percents(said: str | None) -> list[float]:
    """The numbers in JSON in a header."""
    return [float(number) for number in re.findall(r':\s*"?(\d+(?:\.\d+)?)"?\s*[,}]', said or "")]
