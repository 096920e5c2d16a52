"""The deployment of docker/: what of it can run without an engine."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    assert [bucket["Name"] for bucket in store.list_buckets()["Buckets"]] == ["sentinela"]


def test_every_airflow_process_may_speak_plain_http_to_the_store() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"].startswith("sentinela:")]
    assert len(ours) == 5
    for service in ours:
        assert service["environment"]["AWS_ENDPOINT_URL"].startswith("http://")
        assert service["environment"]["AWS_ALLOW_HTTP"] == "true"
