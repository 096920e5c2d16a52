"""What a report was made from, kept beside it so that it can be made again: table versions, period, moment, settings.

Secrets stay out: the query of a feed's address may hold a key, a property of Spark a password, and the address of a
lake the keys of its store.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import ValidationError

from data_contracts import contract
from jobs.lake.query import View
from jobs.lake.table import TABLES
from jobs.settings import Settings, Window

log = logging.getLogger(__name__)

FILE = "pins.json"
DATASETS = (
    "raw_posts", "item_versions", "posts", "quarantine", "deletions", "scored_posts", "daily_polarity", "coverage",
)  # fmt: skip
OPEN_OPTIONS = {"endpoint_override", "region", "scheme", "allow_bucket_creation"}
"""Options in the address of a lake that are no secrets."""


class PinsError(ValueError):
    """A file holds no pins of a report; the message names it and says why."""


@dataclass(frozen=True)
class Pins:
    """What one report was made from: `versions` by table, `contracts` by dataset, all packaged `models` that scored.

    `settings` are without secrets, and without the lake where its address may hold one; `digest` is that of the whole.
    """

    window: Window
    as_of: datetime | None
    versions: Mapping[str, int | None]
    contracts: Mapping[str, str]
    models: tuple[str, ...]
    digest: str
    settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        view: View,
        settings: Settings,
        window: Window,
        as_of: datetime | None,
        models: tuple[str, ...],
        digest: str,
    ) -> Pins:
        """The pins of a report of `window` that reads `view`; `digest` is that of the settings with their secrets."""
        return cls(
            window=window,
            as_of=as_of,
            versions=view.versions(),
            contracts={name: contract(name).version for name in DATASETS},
            models=models,
            digest=digest,
            settings=_without_secrets(settings),
        )

    @classmethod
    def read(cls, file: Path) -> Pins:
        """The pins in `file`. Raises PinsError."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                window=Window.model_validate(told["window"]),
                as_of=datetime.fromisoformat(told["as_of"]) if told["as_of"] else None,
                versions={name: told["versions"][name] for name in TABLES},
                contracts=dict(told["contracts"]),
                models=tuple(told["models"]),
                digest=str(told["digest"]),
                settings=dict(told["settings"]),
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as fault:
            what = f"{fault} is missing" if isinstance(fault, KeyError) else str(fault).splitlines()[0]
            raise PinsError(f"{file}: no pins of a report: {what}") from fault

    def written(self) -> bytes:
        """The content of the file that `read` reads."""
        told = {
            "window": self.window.model_dump(mode="json"),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "versions": dict(self.versions),
            "contracts": dict(self.contracts),
            "models": list(self.models),
            "digest": self.digest,
            "settings": dict(self.settings),
        }
        return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()

    @property
    def lake(self) -> str | None:
        """Where the lake lies, None where its address may hold a secret."""
        return self.settings.get("lake")

    def settings_with(self, lake: str) -> Settings:
        """The settings, reading `lake`. Raises PinsError when this version of Sentinela does not know them."""
        try:
            return Settings.model_validate({**self.settings, "lake": lake})
        except ValidationError as fault:
            first = fault.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise PinsError(f"the settings in the pins are not of this version: {place}: {first['msg']}") from fault

    def warn_of_other_contracts(self) -> None:
        """Say so where today's contracts are not those of the report: its figures may come out otherwise."""
        others = {name: version for name, version in self.contracts.items() if version != contract(name).version}
        if others:
            named = ", ".join(f"{name} {version}" for name, version in others.items())
            log.warning("the report was made with other contracts (%s) and may come out otherwise", named)


def _without_secrets(settings: Settings) -> dict[str, Any]:
    told = settings.model_dump(mode="json")
    for feed in told["feeds"]:
        if feed["url"]:
            feed["url"] = urlunsplit(urlsplit(feed["url"])._replace(query="", fragment=""))
    told["engine"]["options"] = {}
    if _may_hold_secrets(settings.lake):
        del told["lake"]
    return told


def _may_hold_secrets(lake: str) -> bool:
    if "://" not in lake:
        return False
    parts = urlsplit(lake)
    return "@" in parts.netloc or not {key for key, _ in parse_qsl(parts.query)} <= OPEN_OPTIONS
