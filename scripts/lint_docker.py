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
COMPLETED = {"condition": "service_completed_successfully"}
VARIABLE = re.compile(r"(?<!\$)\$\{?(\w+)(:\?|:-)?")


def problems() -> list[str]:
    """One line for each thing in docker/ that must not be so."""
    return [
        *compose_problems((DOCKER / "compose.yaml").read_text(encoding="utf-8")),
        *(f"Dockerfile: image {image} is not pinned to a version" for image in _loose_images()),
        *(f"docker/requirements.lock: {pin} is not in requirements.lock; run make lock" for pin in _strange_pins()),
    ]


def compose_problems(text: str) -> list[str]:
    """One line for each thing in the compose file `text` that must not be so."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    ours = {mount.get("source") for service in services.values() if _is_ours(service) for mount in _mounts(service)}
    lines = [
        *(line for name, service in services.items() for line in _service(name, service)),
        *(line for name, service in services.items() if not _is_ours(service) for line in _guest(name, service, ours)),
        *(f"{name} must be written ${{{name}:?...}}: a secret has no default" for name in _defaults(text)),
    ]
    return [f"compose.yaml: {line}" for line in lines]


def _service(name: str, service: dict[str, Any]) -> Iterator[str]:
    if not EXACT.search(service["image"]):
        yield f"{name}: image {service['image']} is not pinned to a version"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{name}: port {port} must be published on 127.0.0.1"
    if "healthcheck" not in service and not _is_ours(service):
        yield f"{name}: has no health check"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name}: security_opt must say no-new-privileges:true"


def _guest(name: str, service: dict[str, Any], ours: set[Any]) -> Iterator[str]:
    """Problems of a service of another image: it may neither fill nor own the volumes that `ours` names."""
    for mount in _mounts(service):
        if mount.get("source") not in ours:
            continue
        if not mount.get("volume", {}).get("nocopy"):
            yield f"{name}: volume {mount['source']} must be mounted with volume: {{nocopy: true}}, or root owns it"
        needs = service.get("depends_on", {})
        if not isinstance(needs, dict) or needs.get("init") != COMPLETED:
            yield f"{name}: depends_on must say init: {{condition: service_completed_successfully}}"


def _mounts(service: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The mounts of `service` in the long form, those in the short form by their source alone."""
    for mount in service.get("volumes", []):
        yield mount if isinstance(mount, dict) else {"source": mount.partition(":")[0]}


def _is_ours(service: dict[str, Any]) -> bool:
    return str(service["image"]).startswith("sentinela:")


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
