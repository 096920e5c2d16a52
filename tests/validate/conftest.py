from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import data_contracts
import data_contracts.odcs
from tests.place import Place

# Before any test imports it by its name: not so, PySpark's Connect would end a worker of pytest-xdist (see there).
data_contracts.great_expectations()


@dataclass
class Contracts:
    """A copy of the contracts that a test may change."""

    folder: Path

    def change(self, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
        """Let `edit` change the properties of dataset `name` (by column name)."""
        path = self.folder / f"{name}{data_contracts.SUFFIX}"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        edit({prop["name"]: prop for prop in document["schema"][0]["properties"]})
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        data_contracts.contract.cache_clear()

    def restore(self, name: str) -> None:
        """Bring the shipped contract of dataset `name` back."""
        shutil.copy(Path(data_contracts.__file__).with_name(f"{name}{data_contracts.SUFFIX}"), self.folder)
        data_contracts.contract.cache_clear()


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contracts]:
    folder = tmp_path / "contracts"
    shutil.copytree(data_contracts.odcs.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    monkeypatch.setattr(data_contracts.odcs, "FOLDER", folder)
    data_contracts.contract.cache_clear()
    yield Contracts(folder)
    monkeypatch.undo()
    data_contracts.contract.cache_clear()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def quality(name: str, kind: str, severity: str = "error", **kwargs: Any) -> dict[str, Any]:
    """A quality rule as a contract file has it."""
    return {
        "name": name,
        "description": f"Rule {name}.",
        "type": "custom",
        "engine": data_contracts.odcs.ENGINE,
        "dimension": "conformity",
        "severity": severity,
        "implementation": {"type": kind, "kwargs": kwargs},
    }


@pytest.fixture
def rule() -> Callable[..., dict[str, Any]]:
    return quality
