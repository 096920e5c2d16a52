"""A lake in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.lake.table import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
