"""Check the deployment files for what their own formats do not forbid; one line a problem, exit code 1 if any."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml
from local_airflow import ROOT

DOCKER = ROOT / "docker"
EXACT = re.compile(r":\$\{SENTINELA_VERSION:\?|:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?$")
SECRET = re.compile(r"(PASSWORD|SECRET|KEY)(_FILE)?$")
VARIABLE = re.compile(r"(?<!\$)\$\{?(\w+)(:\?|:-)?")


def problems() -> list[str]:
    """One line for each thing in docker/ that must not be so."""
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return [
        *(f"compose.yaml: {line}" for name, service in services.items() for line in _service(name, service)),
        *(
            f"compose.yaml: {name} must be written ${{{name}:?...}}: a secret has no default"
            for name in _defaults(text)
        ),
        *(f"Dockerfile: image {image} is not pinned to a version" for image in _loose_images()),
        *(f"docker/requirements.lock: {pin} is not in requirements.lock; run make lock" for pin in _strange_pins()),
    ]


def _service(name: str, service: dict[str, Any]) -> Iterator[str]:
    if not EXACT.search(service["image"]):
        yield f"{name}: image {service['image']} is not pinned to a version"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{name}: port {port} must be published on 127.0.0.1"
    if "healthcheck" not in service and not service["image"].startswith("sentinela:"):
        yield f"{name}: has no health check"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name}: security_opt must say no-new-privileges:true"


def _defaults(text: str) -> Iterator[str]:
    for name, mark in VARIABLE.findall(text):
        if SECRET.search(name) and mark != ":?":
            yield name


def _loose_images() -> Iterator[str]:
    for image in re.findall(r"^FROM (\S+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE):
        if not EXACT.search(image):
            yield image


def _strange_pins() -> list[str]:
    all_pins, ours = (
        set(re.findall(r"^[\w.-]+(?:\[.*\])?==[^ ;]+", file.read_text(encoding="utf-8"), re.MULTILINE))
        for file in (ROOT / "requirements.lock", DOCKER / "requirements.lock")
    )
    return sorted(ours - all_pins)


if __name__ == "__main__":
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)
