"""YAML files that ship with the packages, read fast: contracts and phrases.

It lies here because `data_contracts` is the lowest package. Files that a person wrote, whose faults are told by line,
are read by `jobs.document`, with the same loader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml reads some fifteen times as fast; it is missing where PyYAML was built without it."""


def parse(file: Path) -> Any:
    """What `file` says."""
    return yaml.load(file.read_bytes(), LOADER)
