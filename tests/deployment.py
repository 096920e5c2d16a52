"""What compose.yaml starts, without containers: PostgreSQL, the real object store, Airflow's processes, on loopback."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg2
import pytest
import requests
import yaml

from tests.compose import DOCKER, ROOT, SECRETS, SERVICES, environment, prepare
from tests.lake.object_store import free_ports

SAMPLE = ROOT / "examples" / "aurora"
NOW = {"SOURCE_DATE_EPOCH": "1790825400"}
UPLOAD_PATIENCE = "30s"
PROCESSES = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


@dataclass
class Deployment:
    """Everything that compose.yaml starts, but for the reports' server, on loopback.

    `waits` are settings of Airflow beyond those of compose; `started` is what each process was started with.
    """

    folder: Path
    home: Path
    address: str
    store: str
    processes: Any
    waits: dict[str, str]
    started: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def told(self, service: str) -> dict[str, str]:
        """The environment of `service`."""
        (self.home / "scratch").mkdir(exist_ok=True)
        places = {"settings": str(self.folder / "settings"), "scratch": str(self.home / "scratch")}
        told = environment(service, self.folder, api_server=self.address, objects=self.store, **places)
        around = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return around | told | NOW | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONFIG": str(DOCKER / "airflow.cfg"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.address.rsplit(":", 1)[-1],
            "AIRFLOW__API__BASE_URL": self.address,
            "NO_PROXY": "127.0.0.1",
        } | self.waits  # fmt: skip

    def lake_is(self, name: str) -> None:
        """Let the settings, those of the sample, name this lake in the object store."""
        settings = yaml.safe_load((SAMPLE / "sentinela.yaml").read_text(encoding="utf-8"))
        changed = {**settings, "lake": f"s3://sentinela/{name}", "reports": str(self.home / "reports")}
        text = yaml.safe_dump(changed, allow_unicode=True)
        (self.folder / "settings" / "sentinela.yaml").write_text(text, encoding="utf-8")

    def airflow(self, service: str, *words: str) -> str:
        """What Airflow's command line answers in `service`."""
        command = [sys.executable, "-m", "airflow", *words]
        done = subprocess.run(command, env=self.told(service), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def ask(self, sql: str) -> list[Any]:
        """The rows that Airflow's database answers."""
        url = (self.folder / "secrets" / "database_url").read_text().replace("+psycopg2", "")
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def token(self, user: str, password: str) -> dict[str, str]:
        """The header of somebody who is logged in."""
        login = requests.post(f"{self.address}/auth/token", json={"username": user, "password": password}, timeout=60)
        login.raise_for_status()
        return {"Authorization": f"Bearer {login.json()['access_token']}"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers the first admin."""
        login = self.token("admin", (self.folder / "secrets" / "admin_password").read_text())
        answer = requests.request(method, f"{self.address}/api/v2{path}", json=body, headers=login, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def revive(self) -> None:
        """Start again what has ended, as compose does."""
        for name, process in list(self.processes.running.items()):
            if process.poll() is not None:
                self.processes.start(name, *self.started[name])

    def bucket(self) -> Any:
        """The bucket of the lake, as boto3 has it."""
        told = json.loads((self.folder / "secrets" / "objects_identities").read_text())
        key = told["identities"][0]["credentials"][0]
        store = boto3.resource(
            "s3", endpoint_url=self.store, region_name="us-east-1", aws_access_key_id=key["accessKey"],
            aws_secret_access_key=key["secretKey"],
        )  # fmt: skip
        return store.Bucket("sentinela")

    def titled(self, *titles: str) -> list[psutil.Process]:
        """What the scheduler started that now has a title which begins with one of `titles`."""
        found = []
        for process in psutil.Process(self.processes.running["scheduler"].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if " ".join(process.cmdline()).strip().startswith(titles):
                    found.append(process)
        return found


@contextmanager
def deployed(root: Path, waits: dict[str, str] | None = None) -> Iterator[Deployment]:
    """A fresh deployment below `root`, healthy, with the sample's feeds and the lake `s3://sentinela/lake`."""
    folder, home = root / "deployed", root / "home"
    prepare(folder)
    home.mkdir()
    shutil.copytree(SAMPLE, folder / "settings", dirs_exist_ok=True, ignore=shutil.ignore_patterns("lake", "reports"))
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).syspath_prepend(str(ROOT / "scripts"))
        scripts = runpy.run_path(str(ROOT / "scripts" / "airflow_local.py"))
        processes, started = scripts["Processes"](root / "logs"), {}
        stack.callback(processes.stop)
        start = processes.start

        def noted(name: str, *words: Any) -> None:
            started[name] = words
            start(name, *words)

        processes.start = noted
        password = (folder / "secrets" / "database_password").read_text()
        url = folder / "secrets" / "database_url"
        url.chmod(0o644)
        url.write_text(scripts["start_postgres"](processes, home, password))
        stack.callback(shutil.rmtree, scripts["_shared_place"](home, password), ignore_errors=True)
        (port,) = free_ports(1)
        store = start_store(root, folder, processes)
        made = Deployment(folder, home, f"http://127.0.0.1:{port}", store, processes, waits or {}, started)
        made.lake_is("lake")
        script = SERVICES["init"]["command"][-1].replace("$$", "$").replace(SECRETS, f"{folder}/secrets/")
        programs = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        processes.finish("init", ["bash", "-euc", script], made.told("init") | programs)
        for service, words in PROCESSES.items():
            processes.start(service, [sys.executable, "-m", "airflow", *words], made.told(service))
        eventually(lambda: healthy(made), processes)
        yield made


def start_store(root: Path, folder: Path, processes: Any) -> str:
    """The object store, started by the words of compose.yaml but for its ports and for its patience; its address."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port", "s3.port.grpc")  # fmt: skip
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (root / "objects").mkdir()
    words = [word.replace(SECRETS, f"{folder}/secrets/") for word in SERVICES["objects"]["entrypoint"][1:]]
    ours = [f"-dir={root}/objects", "-s3.ip.bind=127.0.0.1", *(f"-{name}={port}" for name, port in ports.items())]
    program = str(Path(sys.executable).with_name("weed"))
    told = environment("objects", folder) | {"PATH": os.environ["PATH"], "HOME": str(root)}
    told["WEED_MASTER_MAINTENANCE_SCRIPTS"] = told["WEED_MASTER_MAINTENANCE_SCRIPTS"].replace("24h", UPLOAD_PATIENCE)
    told["WEED_MASTER_MAINTENANCE_SLEEP_MINUTES"] = "1"
    processes.start("objects", [program, *words, *ours], told)
    address = f"http://127.0.0.1:{ports['s3.port']}"
    eventually(lambda: answers(f"{address}/healthz"), processes)
    return address


def answers(address: str) -> bool:
    """Whether somebody at `address` says that all is well."""
    try:
        return requests.get(address, timeout=10).ok
    except requests.ConnectionError:
        return False


def healthy(deployment: Deployment) -> bool:
    """Whether Airflow says that its four processes are."""
    try:
        health = requests.get(f"{deployment.address}/api/v2/monitor/health", timeout=60).json()
    except requests.ConnectionError:
        return False
    return all(part["status"] == "healthy" for part in health.values())


def eventually(holds: Callable[[], bool], processes: Any, seconds: float = 900) -> None:
    """Wait until something `holds`; fails where one of the `processes` ended."""
    deadline = time.monotonic() + seconds
    while not holds():
        processes.check()
        assert time.monotonic() < deadline
        time.sleep(0.2)
