"""The catalogue (``datasets.toml``): every file of labelled rows that may be used, with its licence.

A file that it does not know is refused, because the model card could not name its licence.
"""

from __future__ import annotations

import tomllib
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

CATALOGUE = Path(__file__).with_name("datasets.toml")


class DataError(ValueError):
    """Labelled data that cannot be used; the message says which file and what to do."""


@dataclass(frozen=True)
class DatasetInfo:
    """What the catalogue says of one labelled file."""

    name: str
    language: str
    kind: str
    labels: Literal["human", "stars", "machine-translated", "written"]
    licence: str
    source: str
    non_commercial: bool
    weight: float = 1.0
    again: float | None = None
    """Its weight where a training goes on from a model that has read it already; None leaves it."""
    max_rows: int | None = None
    evaluate: bool = True
    skip: str | None = None
    validation: bool = True
    """Rows that its publisher marks as validation are held out; False splits them as all others."""
    phrases: bool = False
    """Its texts are parts of texts of other files: learnt from alone, and none that stands in a held-out text."""
    unseen: bool = False
    """Kept from training, to tell what models do to sources that they never saw."""


def read_catalogue(path: Path = CATALOGUE) -> dict[str, DatasetInfo]:
    """Return the catalogue's entries by name, in order of precedence."""
    with path.open("rb") as file:
        entries = tomllib.load(file)
    return {name: DatasetInfo(name=name, **entry) for name, entry in entries.items()}


def again(catalogue: dict[str, DatasetInfo]) -> dict[str, DatasetInfo]:
    """The catalogue as a training sees it that goes on from a packaged model."""
    return {
        name: replace(info, weight=info.weight if info.again is None else info.again)
        for name, info in catalogue.items()
    }


def seen(catalogue: dict[str, DatasetInfo], names: Container[str]) -> dict[str, DatasetInfo]:
    """The catalogue where the data sets in ``names`` are kept from training no longer."""
    return {name: replace(info, unseen=info.unseen and name not in names) for name, info in catalogue.items()}
