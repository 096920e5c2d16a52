"""What docker/compose.yaml tells a service, resolved as an engine does, for tests that have none."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")
SECRETS = "/run/secrets/"


def prepare(folder: Path) -> dict[str, str]:
    """Make the folder of a deployment as docker/prepare.sh does; the variables of its env file."""
    subprocess.run(["sh", str(DOCKER / "prepare.sh"), str(folder)], check=True, capture_output=True)
    return variables(folder)


def variables(folder: Path) -> dict[str, str]:
    """What the env file in `folder` says."""
    lines = (folder / "env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def filled(text: Any, given: dict[str, str]) -> str:
    """`text` with its variables filled in from `given`, else by their defaults."""

    def value(match: re.Match[str]) -> str:
        name, mark, otherwise = match.groups()
        if given.get(name):
            return given[name]
        assert mark != ":?", f"{name}: {otherwise}"
        return otherwise or ""

    return VARIABLE.sub(value, str(text)).replace("$$", "$")


def environment(service: str, folder: Path, **places: str) -> dict[str, str]:
    """What `service` finds in its environment, secrets in the files of `folder`; `places` of containers put for others.

    A place is named with underscores for what is no letter: `api_server="http://127.0.0.1:1234"`.
    """
    given = variables(folder)
    found = {name: filled(value, given) for name, value in SERVICES[service].get("environment", {}).items()}
    return {name: moved(value.replace(SECRETS, f"{folder}/secrets/"), places) for name, value in found.items()}


def moved(text: str, places: dict[str, str]) -> str:
    """`text` with every address or path of a container that `places` knows replaced."""
    known = {
        "api_server": "http://api-server:8080",
        "objects": "http://objects:8333",
        "settings": "/etc/sentinela",
        "scratch": "/var/lib/sentinela/scratch",
        "backups": "/backups",
    }
    for name, place in places.items():
        text = text.replace(known[name], place)
    return text


def runbook(heading: str) -> list[str]:
    """The commands that docker/README.md gives under `heading`, a line each."""
    page = (DOCKER / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines()]
