"""`make airflow`, started for real and asked over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "scripts" / "airflow_local.py")


@dataclass
class Server:
    process: subprocess.Popen[str]
    home: Path
    shown: str

    @property
    def address(self) -> str:
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+", self.shown)
        return str(address)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def get(self, path: str) -> Any:
        return self.asked("GET", path)

    def asked(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        """What the REST interface answers the administrator."""
        (password,) = re.findall(r"password (\S+)", self.shown)
        login = requests.post(
            f"{self.address}/auth/token", json={"username": "admin", "password": password}, timeout=60
        )
        headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
        response = requests.request(method, f"{self.address}/api/v2{path}", headers=headers, json=document, timeout=60)
        response.raise_for_status()
        return response.json()


def serve(home: Path, **more: str) -> Server:
    """Airflow served from `home`, of the sample's settings unless `more` of the environment names others."""
    environment = {name: value for name, value in os.environ.items() if name != "SENTINELA_CONFIG"} | more
    process = subprocess.Popen(
        [sys.executable, SCRIPT, "--home", str(home)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    shown = ""
    for line in process.stdout:
        shown += line
        if line.startswith("Ctrl-C"):
            return Server(process, home, shown)
    raise AssertionError(f"it did not start: {shown}")


def forget(home: Path) -> None:
    """Take away what a server of `home` that has stopped keeps."""
    subprocess.run([sys.executable, SCRIPT, "--home", str(home), "--forget"], check=True)
