"""`make sbom`: a bill of materials that names every package of the image, as the lock files do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKE = ["make", "--directory", str(ROOT), "--old-file", ".venv/.ready"]
PIN = re.compile(r"^([\w.-]+)(?:\[.*\])?==([^ ;\\]+)", re.MULTILINE)


@pytest.fixture
def tool() -> None:
    """The tool that makes it is in uv's cache, or can be had. Without it the test skips, in CI it fails."""
    (words,) = re.findall(r"uv (tool run --quiet --from \S+ \S+) ", (ROOT / "Makefile").read_text(encoding="utf-8"))
    uv = str(ROOT / ".venv" / "bin" / "uv")
    asked = subprocess.run([uv, *words.split(), "--version"], capture_output=True, text=True, check=False)
    if asked.returncode and not os.environ.get("CI"):
        pytest.skip(f"it cannot be had: {asked.stderr}")


def test_it_names_every_locked_package_of_the_image(tool: None) -> None:
    file = ROOT / "build" / "sbom.cdx.json"
    file.unlink(missing_ok=True)
    subprocess.run([*MAKE, "sbom"], check=True, capture_output=True)
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "sentinela"
    locks = [(ROOT / "docker" / name).read_text(encoding="utf-8") for name in ("requirements.lock", "tensorflow.lock")]
    locked = {f"pkg:pypi/{name}@{version}" for lock in locks for name, version in PIN.findall(lock)}
    named = {component["purl"].partition("?")[0] for component in bill["components"]}
    assert named == locked
    assert len(locked) > 200
    assert len({component["bom-ref"] for component in bill["components"]}) == len(bill["components"])
