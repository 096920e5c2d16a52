"""What every reader gives, whatever the wire format. What it means is not decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ReadError(ValueError):
    """A body is not what its reader expects. The message does not name the body: who has it read knows its name."""


class CutError(ReadError):
    """A body ends in the middle; raised after the records that could be read."""


@dataclass(frozen=True)
class Record:
    """One item as a reader found it.

    `fields` are named as in settings.Columns, values still as the source wrote them; `dates` has in ISO 8601 those
    that the reader understands by itself. `payload` is the whole item without what names its author; `people` are other
    names of people that were left out of it. `error` says why the record could not be read.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None
    error: str | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    people: tuple[str, ...] = ()
