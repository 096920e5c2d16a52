"""Packaged models for tests: copies of one that is shipped, with names and limits of their own, and small ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from models.sentiment.artifact import MANIFEST, folder_of, sha256
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.rules import RULES, Grammar, LanguageRules, Rulebook

SHIPPED = folder_of("fast")


def package(artifacts: Path, name: str, version: str = "1", serving: dict[str, Any] | None = None, **said: Any) -> Path:
    """A copy of the shipped model as `artifacts/name/version`, its manifest changed; returns its folder."""
    folder = Path(shutil.copytree(SHIPPED, artifacts / name / version))
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"name": name, "version": version, **said}
    manifest["serving"] |= serving or {}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def by_rules(artifacts: Path, name: str, version: str, words: dict[str, float]) -> Path:
    """A model that reads Portuguese by `words` alone, each from -4 to 4, and starts at once; returns its folder."""
    folder = artifacts / name / version
    folder.mkdir(parents=True)
    languages = {"pt": LanguageRules(words, Grammar()), "en": LanguageRules({}, Grammar())}
    (folder / RULES).write_text(json.dumps(Rulebook((), languages).as_dict()), encoding="utf-8")
    Calibration.identity().write(folder)
    serving = {"window_chars": None, "batch_chars": 262144, "chars_per_second": 1e6, "first": None}
    manifest = {
        "name": name, "version": version, "format": "rules", "labels": list(LABELS), "serving": serving,
        "sha256": {path.name: sha256(path) for path in folder.iterdir()},
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder
