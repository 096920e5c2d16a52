"""Situations in which every shipped service is tried, and the answers of each that they are played with.

tests/connect/answers/NAME.json: what a feed gives (`feed`), the pages that the service answers in order (`pages`), what
they are asked with (`asks`), the items in them (`items`), and its answers when there is nothing (`nothing`), when it is
asked too often (`limit`, and the `seconds` that it names), when a secret is no good (`expired`), when it fails with
status 200 (`fault`), and when it was asked for too much (`cut_off`). HERE is the address of the service, EPOCH+40 and
ISO+40 are 40 seconds from now.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.connect.fetch import Fetch, fetch
from jobs.declaration import Granting, shipped
from jobs.read.read import read
from jobs.read.record import Record
from jobs.settings import Feed, Window
from jobs.values import parse_date
from tests.service import Said, Service

ANSWERS = Path(__file__).parent / "answers"
PLAYED = sorted(file.stem for file in ANSWERS.glob("*.json"))
DAY = date(2026, 9, 29)
TRIED: dict[str, set[str]] = {}
"""The services that are tried in each situation, by its title; filled by the tests themselves."""


def situation(title: str, names: Iterable[str]) -> Callable[[Any], Any]:
    """A test of the services `names`, which gets each as `name`, counted in the table as `title`."""
    chosen = sorted(names)
    TRIED.setdefault(title, set()).update(chosen)
    return pytest.mark.parametrize("name", chosen)


def sample(name: str) -> dict[str, Any]:
    """The answers of a service."""
    said: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    return said


@dataclass(frozen=True)
class Play:
    """A service that is played on loopback, and the feed that asks it."""

    name: str
    service: Service
    folder: Path

    @property
    def sample(self) -> dict[str, Any]:
        """Its answers, as they are here and now."""
        text = json.dumps(sample(self.name)).replace("HERE", self.service.url)
        soon = time.time() + 40
        text = text.replace("EPOCH+40", str(int(soon))).replace("ISO+40", datetime.fromtimestamp(soon, UTC).isoformat())
        said: dict[str, Any] = json.loads(text)
        return said

    @property
    def token(self) -> list[Said]:
        """The answer to signing in, where that is a request."""
        return (
            [Said({"access_token": "t", "accessJwt": "t"})] if isinstance(shipped(self.name).sign_in, Granting) else []
        )

    @property
    def pages(self) -> list[Said]:
        """Its pages in order."""
        return [said(page) for page in self.sample["pages"]]

    def said(self, what: str) -> Said:
        """One of its other answers."""
        return said(self.sample[what])

    def answers(self, *answers: Said, then: Said | None = None, **options: Any) -> Fetch:
        """A fetch of a day whose requests are answered so one after the other, then each with `then`.

        The options are those of the feed.
        """
        self.service.faults = list(answers)
        self.service.answer = lambda _: then or Said({}, 500)
        self.service.asked.clear()
        return fetch(self.feed(**options), Window(start=DAY, end=DAY), {}, self.folder)

    def feed(self, **options: Any) -> Feed:
        """The feed."""
        given = {**self.service.feed(self.name, **self.sample["feed"]), "http": {"retries": 1}, **options}
        return Feed.model_validate(given)

    def items(self, bodies: Fetch) -> list[dict[str, Any]]:
        """What came, as the sample has it."""
        feed = self.feed()
        return [told(feed, record) for body in bodies if body.path for record in read(feed, body.path)]


def said(answer: dict[str, Any]) -> Said:
    """An answer of a sample."""
    return Said(answer.get("body"), answer.get("status", 200), answer.get("headers", {}), answer.get("text"))


def told(feed: Feed, record: Record) -> dict[str, Any]:
    """What a record says, its dates understood."""
    fields = {name: value for name, value in record.fields.items() if value not in (None, "")}
    dates = {name: parse_date(fields.pop(name), feed) for name in ("published_at", "updated_at") if name in fields}
    moments = {name: moment.isoformat().replace("+00:00", "Z") for name, moment in dates.items() if moment}
    return {
        **{name: str(value) for name, value in fields.items()},
        **moments,
        **({"error": record.error} if record.error else {}),
    }
