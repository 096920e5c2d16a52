from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from jobs.report import Report, report
from jobs.settings import Settings


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("small_lake", Path(__file__).parent / "small_lake.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small_lake() -> ModuleType:
    return _load()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory, small_lake: ModuleType) -> Path:
    """A folder with the lake of sixty days, shared: tests only read the lake."""
    folder = tmp_path_factory.mktemp("report")
    small_lake.build(folder)
    return folder


@pytest.fixture(scope="session")
def settings(root: Path, small_lake: ModuleType) -> Settings:
    return small_lake.settings(root)


@pytest.fixture(scope="session")
def made(settings: Settings) -> Report:
    """The Portuguese report of the last thirty days."""
    return report(settings)
