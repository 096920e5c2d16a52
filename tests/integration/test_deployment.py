"""The deployment without containers, told what compose tells.

scripts/try_deployment.sh does the same with containers, and tests/benchmarks/kills.py kills more of it.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg2
import pytest
import requests
from botocore.exceptions import ClientError
from cryptography.fernet import Fernet, InvalidToken

from jobs.pipeline import restate
from jobs.settings import Window, load
from tests.compose import DOCKER, ROOT, SECRETS
from tests.deployment import Deployment, deployed, eventually

pytestmark = pytest.mark.timeout(1800)

DAYS = ("2026-09-29",)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    unscheduled = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}  # or the last day is run beside the backfill
    with deployed(tmp_path_factory.mktemp("deployment"), unscheduled) as made:
        made.bucket().Object("cut-off").initiate_multipart_upload().Part(1).upload(Body=b"a part")
        yield made


@pytest.fixture
def lake_of(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The rows of every dataset of a lake, asked as the scheduler would."""

    def contents(root: str) -> Any:
        for name, value in deployment.told("scheduler").items():
            if name.startswith(("AWS_", "SENTINELA_", "SOURCE_")):
                monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "scripts" / "compare_lakes.py"))["contents"](root)

    return contents


@pytest.fixture(scope="module")
def backfilled(deployment: Deployment) -> set[str]:
    """How the runs of a backfill of DAYS ended, of which a task was killed."""
    deployment.call("PATCH", "/dags/daily_polarity", {"is_paused": False})
    between = {"from_date": f"{DAYS[0]}T00:00:00Z", "to_date": f"{DAYS[-1]}T00:00:00Z"}
    deployment.call("POST", "/backfills", {"dag_id": "daily_polarity", **between})
    eventually(lambda: killed(deployment, "validate"), deployment.processes)

    def states() -> set[str]:
        return {state for (state,) in deployment.ask("SELECT state FROM dag_run WHERE run_type = 'backfill'")}

    eventually(lambda: bool(states()) and states() <= {"success", "failed"}, deployment.processes)
    return states()


def test_a_backfill_of_which_a_task_was_killed_gives_the_lake_of_an_undisturbed_run(
    backfilled: set[str], lake_of: Callable[[str], Any], tmp_path: Path
) -> None:
    assert backfilled == {"success"}
    found = lake_of("s3://sentinela/lake")
    settings = load().model_copy(update={"lake": str(tmp_path / "lake")})
    for day in DAYS:
        restate(settings, Window(start=day, end=day))
    assert found == lake_of(settings.lake)


def killed(deployment: Deployment, task: str) -> bool:
    """Kill, as the machine's own killer does, a `task` of the backfill that runs; whether there was one."""
    running = f"task_id = '{task}' AND state = 'running' AND run_id LIKE 'backfill%'"
    titles = [f"airflow worker -- {one}" for (one,) in deployment.ask(f"SELECT id FROM task_instance WHERE {running}")]
    for process in deployment.titled(*titles):
        process.kill()
        return True
    return False


def test_behind_tls_cookies_are_sent_over_tls_alone(deployment: Deployment) -> None:
    for scheme in ("http", "https"):
        address, headers = f"{deployment.address}/auth/logout", {"X-Forwarded-Proto": scheme}
        answer = requests.get(address, headers=headers, timeout=60, allow_redirects=False)
        assert "_token=" in answer.headers["Set-Cookie"]
        assert ("; Secure" in answer.headers["Set-Cookie"]) is (scheme == "https")


@pytest.mark.parametrize(("role", "may"), [("Viewer", False), ("Op", True)])
def test_who_may_do_what_is_a_matter_of_roles(deployment: Deployment, role: str, may: bool) -> None:
    name = role.lower()
    person = {"username": name, "first_name": "A", "last_name": "B", "email": f"{name}@example.org"}
    made = requests.post(
        f"{deployment.address}/auth/fab/v1/users",
        json={**person, "roles": [{"name": role}], "password": "a password"},
        headers=deployment.token("admin", deployment.secret("admin_password")),
        timeout=60,
    )
    made.raise_for_status()
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


def test_a_lost_database_comes_back_from_its_dump(deployment: Deployment) -> None:
    deployment.follow("Back up")
    tables = ("ab_user", "connection", "dag_run", "serialized_dag")
    before = [deployment.ask(f"SELECT count(*) FROM {table}") for table in tables]
    deployment.follow("A lost database")
    assert [deployment.ask(f"SELECT count(*) FROM {table}") for table in tables] == before
    assert deployment.call("GET", "/dags")["total_entries"]


@pytest.fixture
def dumped(deployment: Deployment, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start docker/back_up_database.sh, which puts its dumps into `tmp_path`."""
    script = (DOCKER / "back_up_database.sh").read_text().replace("/backups", str(tmp_path))
    script = script.replace(SECRETS, f"{deployment.folder}/secrets/")

    def start(**told: str) -> subprocess.Popen[str]:
        environment = deployment.told("database-backup") | told
        return subprocess.Popen(["sh", "-c", script], env=environment, text=True, stderr=subprocess.PIPE)

    return start


def test_the_newest_dumps_stay(dumped: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    for name in ("airflow-2020-01-01T00-00-00Z.dump", "airflow-2020-01-01T00-00-00Z.dump.part"):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    assert dumped(KEEP_BACKUPS="1").wait() == 0
    (dump,) = tmp_path.iterdir()
    assert dump.stat().st_size > 0


def test_a_dump_that_is_stopped_leaves_nothing(
    deployment: Deployment, dumped: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with psycopg2.connect(deployment.secret("database_url").replace("+psycopg2", "")) as one, one.cursor() as cursor:
        cursor.execute("LOCK TABLE ab_user IN ACCESS EXCLUSIVE MODE")
        dump = dumped()
        waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
        eventually(lambda: bool(deployment.ask(waits)), deployment.processes)
        assert list(tmp_path.glob("*.part"))
        dump.terminate()
        assert dump.wait(timeout=60) != 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_runs_is_not_dumped_over_one_with_runs(
    deployment: Deployment, dumped: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    assert dumped().wait() == 0
    (kept,) = tmp_path.iterdir()
    fresh = deployment.told("postgres") | {"PGUSER": "airflow"}
    subprocess.run(["createdb", "fresh"], env=fresh, check=True)
    subprocess.run(["pg_restore", "--dbname=fresh", "--schema-only", str(kept)], env=fresh, check=True)
    refused = dumped(PGDATABASE="fresh", KEEP_BACKUPS="1")
    assert f"the database has no runs, {kept} has" in refused.communicate()[1]
    assert refused.returncode == 1
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.slow
def test_after_the_first_runs_no_dag_is_paused(deployment: Deployment) -> None:
    deployment.follow("The first runs")
    paused = dict(deployment.ask("SELECT dag_id, is_paused FROM dag"))
    assert not any(paused.values())
    assert {"reprocess", "held_day", "watch"} <= paused.keys()


@pytest.mark.slow
def test_accounts_are_made_and_taken_away(deployment: Deployment) -> None:
    assert "ana@example.org" in deployment.follow("Accounts and roles")
    assert deployment.ask("SELECT * FROM ab_user WHERE username = 'ana'") == []


@pytest.mark.slow
def test_a_rotated_fernet_key_reads_what_the_former_sealed(deployment: Deployment) -> None:
    former = deployment.secret("fernet_key")
    words = ("connections", "add", "sentinela_news", "--conn-type", "generic", "--conn-password", "a token")
    deployment.airflow("api-server", *words)
    deployment.follow("The Fernet key")
    ((sealed,),) = deployment.ask("SELECT password FROM connection WHERE conn_id = 'sentinela_news'")
    assert Fernet(deployment.secret("fernet_key")).decrypt(sealed) == b"a token"
    with pytest.raises(InvalidToken):
        Fernet(former).decrypt(sealed)


@pytest.mark.slow
def test_the_former_password_of_the_database_no_longer_holds(deployment: Deployment) -> None:
    former = deployment.secret("database_url").replace("+psycopg2", "")
    deployment.follow("The database's password")
    assert deployment.call("GET", "/pools")["total_entries"]
    server = urlsplit(deployment.secret("database_url"))
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(former, host=server.hostname, port=server.port)


@pytest.mark.slow
def test_the_former_key_of_the_lake_no_longer_holds(deployment: Deployment) -> None:
    former = deployment.bucket()
    former.put_object(Key="kept", Body=b"kept")
    deployment.follow("The lake's key")
    assert deployment.bucket().Object("kept").get()["Body"].read() == b"kept"
    key = former.meta.client._request_signer._credentials
    refused = boto3.client(
        "s3", endpoint_url=deployment.store, region_name="us-east-1", aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
    )  # fmt: skip
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        refused.list_objects_v2(Bucket="sentinela")


@pytest.mark.slow
@pytest.mark.usefixtures("backfilled")
def test_a_lost_lake_comes_back_from_its_backup(deployment: Deployment, lake_of: Callable[[str], Any]) -> None:
    deployment.engine("stop", "scheduler")  # or it may write after the backup
    deployment.follow("Back up")
    deployment.lake_is("restored")
    deployment.follow("A lost lake")
    assert lake_of("s3://sentinela/restored") == lake_of("s3://sentinela/lake")


@pytest.mark.slow
@pytest.mark.usefixtures("backfilled")
def test_upkeep_backs_the_lake_up_and_prunes_database_and_logs(deployment: Deployment, tmp_path: Path) -> None:
    old = deployment.home / "logs" / "old" / "attempt=1.log"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    script = (DOCKER / "upkeep.sh").read_text().replace("/backups", str(tmp_path / "backups"))
    done = subprocess.run(
        ["sh", "-c", script], env=deployment.told("upkeep"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (kept,) = (tmp_path / "backups" / "moments").iterdir()
    assert json.loads((kept / "backup.json").read_text())["tables"]
    assert not old.exists()


@pytest.mark.slow
def test_an_upload_in_parts_that_was_cut_off_is_ended_by_the_store(deployment: Deployment) -> None:
    eventually(lambda: not list(deployment.bucket().multipart_uploads.all()), deployment.processes)
