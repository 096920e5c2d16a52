"""Packaged models for tests: copies of one that is shipped, with names and limits of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from models.sentiment.artifact import ARTIFACTS, MANIFEST

SHIPPED = ARTIFACTS / "fast" / "1"


def package(artifacts: Path, name: str, version: str = "1", serving: dict[str, Any] | None = None, **said: Any) -> Path:
    """A copy of the shipped model as `artifacts/name/version`, its manifest changed; returns its folder."""
    folder = Path(shutil.copytree(SHIPPED, artifacts / name / version))
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"name": name, "version": version, **said}
    manifest["serving"] |= serving or {}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder
