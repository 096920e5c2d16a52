"""The deployment of docker/: what of it can run without an engine, and what scripts/lint_docker.py refuses."""

from __future__ import annotations

import logging
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def address() -> Iterator[str]:
    """An S3 server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def lint(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[str]]:
    """Problems that scripts/lint_docker.py finds in a compose file."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    found = runpy.run_path(str(ROOT / "scripts" / "lint_docker.py"))["compose_problems"]
    return lambda compose: found(yaml.safe_dump(compose))


def with_reports(**changes: Any) -> dict[str, Any]:
    """The compose file with other settings of the web server."""
    services = COMPOSE["services"]
    return {**COMPOSE, "services": {**services, "reports": {**services["reports"], **changes}}}


def test_init_makes_the_bucket_where_the_endpoint_says_and_is_content_with_one_that_is_there(address: str) -> None:
    service = COMPOSE["services"]["init"]
    (program,) = re.findall(r"python - <<'PYTHON'\n(.*?)^PYTHON$", service["command"][-1], re.DOTALL | re.MULTILINE)
    given = {name: value for name, value in service["environment"].items() if name.startswith("AWS_")}
    environment = {**os.environ, **given, "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-"], input=program, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    store = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    assert "sentinela" in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}


def test_every_airflow_process_may_speak_plain_http_to_the_store() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"].startswith("sentinela:")]
    assert len(ours) == 5
    for service in ours:
        assert service["environment"]["AWS_ENDPOINT_URL"].startswith("http://")
        assert service["environment"]["AWS_ALLOW_HTTP"] == "true"


def test_the_compose_file_has_no_problems(lint: Callable[[dict[str, Any]], list[str]]) -> None:
    assert lint(COMPOSE) == []


@pytest.mark.parametrize(
    "mount",
    [
        "reports:/usr/share/nginx/html:ro",
        {"type": "volume", "source": "reports", "target": "/usr/share/nginx/html", "read_only": True},
    ],
)
def test_a_mount_that_may_fill_the_volume_of_another_service_is_refused(
    lint: Callable[[dict[str, Any]], list[str]], mount: Any
) -> None:
    (problem,) = lint(with_reports(volumes=[mount]))
    assert problem.startswith("compose.yaml: reports: volume reports must be mounted with volume: {nocopy: true}")


@pytest.mark.parametrize("needs", [{}, ["init"], {"init": {"condition": "service_started"}}])
def test_a_web_server_that_may_be_made_before_init_ran_is_refused(
    lint: Callable[[dict[str, Any]], list[str]], needs: Any
) -> None:
    (problem,) = lint(with_reports(depends_on=needs))
    assert problem.startswith("compose.yaml: reports: depends_on must say init: {condition: service_completed")
