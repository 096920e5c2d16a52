"""What a commit says of itself, and which ones this process made; and the pages that it made of tables.

Run, step, days, rows and versions are written down once, in the log of the table; the command line and lineage tell of
them from here. How a commit comes about does not belong here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Commit:
    """One commit: the `version` of `table` that it made, where that lies, when, and what it said."""

    table: str
    place: str
    version: int
    moment: datetime
    said: Mapping[str, Any]

    @property
    def step(self) -> str | None:
        """The step that made it; None of the commit that only made the table."""
        return self.said.get("step")

    @property
    def days(self) -> list[str]:
        """The days that it is of, sorted; none where it is of no day."""
        return list(self.said.get("days") or ())

    @property
    def held(self) -> list[str]:
        """The days that it holds back."""
        return list(self.said.get("held") or ())

    @property
    def rows(self) -> int:
        """How many rows it wrote, or saw, of a line on the ledger."""
        return int(self.said.get("rows") or 0)

    @property
    def seconds(self) -> float | None:
        """How long it took to make; None where that was not said."""
        return self.said.get("seconds")

    @property
    def rate(self) -> float | None:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else None

    @property
    def made_from(self) -> dict[str, int]:
        """The versions of the tables that were read for it."""
        found: Mapping[str, int | None] = self.said.get("made_from") or {}
        return {name: version for name, version in found.items() if version is not None}

    @property
    def outcome(self) -> str:
        """How it ended: done, so many days held back, or what the ledger says of a fetch."""
        if self.held:
            return f"{len(self.held)} held back"
        return str(self.said.get("status", "done"))


@dataclass(frozen=True)
class Publication:
    """A page that was made of tables: where it lies, when it was done, and the version of each table by its place."""

    place: str
    moment: datetime
    made_from: Mapping[str, int]


OWN: deque[Commit] = deque(maxlen=1000)
"""The newest commits of this process, oldest first."""
PAGES: deque[Publication] = deque(maxlen=1000)
"""The newest pages that this process made of tables, oldest first."""


def made_since(moment: datetime) -> list[Commit]:
    """The commits of this process since `moment`, which has a zone, oldest first."""
    return [commit for commit in OWN if commit.moment >= moment]


def published_since(moment: datetime) -> list[Publication]:
    """The pages that this process made since `moment`, which has a zone, oldest first."""
    return [page for page in PAGES if page.moment >= moment]
