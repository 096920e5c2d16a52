"""The deployment of docker/: what of it can run without an engine, and what scripts/lint_docker.py refuses."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.alerts.alerts import settle
from jobs.alerts.backups import BACKUPS
from jobs.alerts.channels import WEBHOOK
from tests.alerts.receivers import webhook
from tests.compose import COMPOSE, DOCKER, ROOT, SERVICES, VARIABLE, environment, prepare
from tests.lake.object_store import client, moto
from tests.place import Place

OURS = {name for name, service in SERVICES.items() if str(service["image"]).startswith("sentinela:")}


@pytest.fixture
def address() -> Iterator[str]:
    """An S3 server on loopback."""
    with moto() as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a deployment, as docker/prepare.sh makes it."""
    prepare(tmp_path / "deployed")
    return tmp_path / "deployed"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What scripts/lint_docker.py defines."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return runpy.run_path(str(ROOT / "scripts" / "lint_docker.py"))


@pytest.fixture
def lint(scripted: dict[str, Any]) -> Callable[[dict[str, Any]], list[str]]:
    """Problems that scripts/lint_docker.py finds in a compose file."""
    return lambda compose: scripted["compose_problems"](yaml.safe_dump(compose))


def changed(name: str, **changes: Any) -> dict[str, Any]:
    """The compose file with other settings of the service `name`; None takes one away."""
    service = {key: value for key, value in {**SERVICES[name], **changes}.items() if value is not None}
    return {**COMPOSE, "services": {**SERVICES, name: service}}


@pytest.mark.parametrize("bucket", ["sentinela", "of-our-own"])
def test_init_makes_the_bucket_of_the_settings_and_is_content_with_one_that_is_there(
    address: str, folder: Path, bucket: str
) -> None:
    settings = folder / "settings" / "sentinela.yaml"
    settings.write_text(settings.read_text().replace("s3://sentinela/", f"s3://{bucket}/"))
    (program,) = re.findall(
        r"python - <<'PYTHON'\n(.*?)^PYTHON$", SERVICES["init"]["command"][-1], re.DOTALL | re.MULTILINE
    )
    given = environment("init", folder, objects=address, settings=str(settings.parent))
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-"],
            input=program,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert bucket in {bucket["Name"] for bucket in client(address).list_buckets()["Buckets"]}


def test_the_folder_is_made_once_and_a_secret_that_is_taken_away_is_made_anew(folder: Path) -> None:
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    (folder / "secrets" / "jwt_secret").unlink()
    (folder / "secrets" / "lake_credentials").unlink()
    prepare(folder)
    after = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {path.name for path in before if before[path] != after[path]} == {
        "jwt_secret", "lake_credentials", "objects_identities"
    }  # fmt: skip
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (folder / "secrets").iterdir()} == {0o444}
    assert (folder / "env").stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (folder / "backups").iterdir()} == {0o711}
    mounted = re.findall(r"SENTINELA_FOLDER\}/(files/[\w.]+)", (DOCKER / "compose.yaml").read_text())
    assert {folder / file for file in mounted} < set((folder / "files").iterdir())
    assert {path.stat().st_mode & 0o777 for path in (folder / "files").iterdir()} == {0o444}
    assert (folder / "files").stat().st_mode & 0o777 == 0o755
    assert {path.name for path in (folder / "secrets").iterdir()} == set(COMPOSE["secrets"])


def test_both_sides_of_a_secret_are_told_the_same(folder: Path) -> None:
    def secret(name: str) -> str:
        return (folder / "secrets" / name).read_text()

    assert secret("database_password") in secret("database_url")
    (key,) = re.findall(r"aws_secret_access_key = (\w{64})\n", secret("lake_credentials"))
    assert yaml.safe_load(secret("objects_identities"))["identities"][0]["credentials"][0]["secretKey"] == key


@pytest.mark.parametrize("name", sorted(OURS))
def test_airflow_reads_its_secrets_from_the_files_alone(folder: Path, name: str) -> None:
    given = environment(name, folder)
    commands = {key: value for key, value in given.items() if key.endswith("_CMD")}
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD" in commands
    for command in commands.values():
        said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
        file = re.findall(r"secrets/(\w+)", command)[0]
        assert said == (folder / "secrets" / file).read_text().rstrip("\n") != ""


def test_airflow_itself_takes_them_so(folder: Path, tmp_path: Path) -> None:
    ask = (
        "from airflow.configuration import conf\n"
        "for key in (('database', 'sql_alchemy_conn'), ('core', 'fernet_key'), ('api', 'secret_key'),"
        " ('api_auth', 'jwt_secret'), ('core', 'auth_manager'), ('core', 'default_task_retry_delay')):\n"
        "    print(conf.get(*key))"
    )
    given = environment("api-server", folder)
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW_CONFIG": str(DOCKER / "airflow.cfg"), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", ask], env=home | given, capture_output=True, text=True, check=True)
    names = ("database_url", "fernet_key", "session_key", "jwt_secret")
    expected = [(folder / "secrets" / name).read_text() for name in names]
    assert done.stdout.splitlines() == [
        *expected, "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager", "300"
    ]  # fmt: skip
    assert not (tmp_path / "airflow.cfg").exists()


def daily(command: str, folder: Path, at: str = "03:00") -> subprocess.Popen[str]:
    """docker/daily.sh with `command`, its mark in `folder`."""
    script = (DOCKER / "daily.sh").read_text().replace("/backups", str(folder))
    (folder / "daily.sh").write_text(script.replace("wait_for 900", "wait_for 1"))
    return subprocess.Popen(
        ["sh", str(folder / "daily.sh"), at, "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process: subprocess.Popen[str], lines: int) -> list[str]:
    """What the next lines say after their moment."""
    assert process.stdout
    return [process.stdout.readline().split(" ", 1)[-1].rstrip() for _ in range(lines)]


def test_what_is_done_daily_is_tried_again_when_it_failed_and_then_waits_for_its_hour(tmp_path: Path) -> None:
    process = daily(f"echo tried; test -e {tmp_path}/again || {{ touch {tmp_path}/again; exit 1; }}", tmp_path)
    begins, *others = said(process, 7)
    assert begins.startswith("begins: ")
    assert others == [
        "tried", "failed; tried again in a quarter of an hour", begins, "tried", "done", "next at 03:00"
    ]  # fmt: skip
    assert (tmp_path / "done").exists()
    process.terminate()
    assert process.wait(timeout=60) == 0


def test_what_is_done_daily_and_fails_is_told_once_and_once_when_a_later_try_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, folder = Place(tmp_path / "place").settings, tmp_path / "backups" / "upkeep"
    folder.mkdir(parents=True)
    monkeypatch.setenv(BACKUPS, str(folder.parent))
    with webhook() as hook:
        monkeypatch.setenv(WEBHOOK, hook.address)
        process = daily(f"test -e {tmp_path}/mended", folder)
        assert said(process, 4)[-1].startswith("failed")  # a second time
        for _ in range(2):
            assert [alert.cause.key for alert in settle(settings)] == ["backup.upkeep"]
        (tmp_path / "mended").touch()
        while said(process, 1) != ["done"]:
            pass
        assert settle(settings) == []
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert ["over: " in text for text in hook.texts] == [False, True]
    assert "`sentinela-compose logs --tail 100 upkeep`" in hook.texts[0]


def test_the_marks_of_all_that_is_done_daily_are_seen_by_who_tells() -> None:
    daily = {name: service for name, service in SERVICES.items() if "daily.sh" in str(service)}
    seen = {mount.removeprefix("${SENTINELA_FOLDER}/backups/") for mount in SERVICES["scheduler"]["volumes"]}
    place = SERVICES["scheduler"]["environment"][BACKUPS]
    for name, service in daily.items():
        (kept,) = [mount for mount in service["volumes"] if mount.endswith(":/backups")]
        folder = kept.removeprefix("${SENTINELA_FOLDER}/backups/").removesuffix(":/backups")
        assert f"{folder}:{place}/{name}:ro" in seen
    assert daily.keys() == {"upkeep", "database-backup"}


@pytest.mark.parametrize(("hours", "first"), [(19, "next at 03:00"), (21, "begins: sh -c true")])
def test_a_restart_does_not_do_again_what_was_done_within_the_day(tmp_path: Path, hours: int, first: str) -> None:
    (tmp_path / "done").touch()
    moment = time.time() - hours * 3600
    os.utime(tmp_path / "done", (moment, moment))
    process = daily("true", tmp_path)
    assert said(process, 1) == [first]
    process.terminate()
    assert process.wait(timeout=60) == 0


def test_what_is_done_daily_ends_when_it_is_told_to_and_lets_its_command_clean_up(tmp_path: Path) -> None:
    cleans = f"trap 'sleep 1; touch {tmp_path}/cleaned; exit 1' TERM"
    process = daily(f"{cleans}; touch {tmp_path}/runs; while :; do sleep 0.1; done", tmp_path)
    while not (tmp_path / "runs").exists():
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "cleaned").exists()
    assert not (tmp_path / "done").exists()


def trial(folder: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Bash with the functions of the trial, the README in `folder`, and services that fail when they are told."""
    functions, _, _ = (ROOT / "scripts" / "try_deployment.sh").read_text().partition('[ "$(id -u)" = 0 ]')
    (folder / "functions.sh").write_text(functions.replace('dirname "$0"', f"echo {ROOT}/scripts"))
    services = 'compose() { echo "$*" >>said; [ "$1" != fails ]; }'
    return subprocess.run(
        ["bash", "-c", f". {folder}/functions.sh; repository={folder}; {services}; {commands}"],
        env={"PATH": os.environ["PATH"], "SENTINELA_TRY": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("commands", "said", "verdict"),
    [
        (["up", "exec"], ["up", "exec"], "ok: it"),
        (["up", "fails", "exec"], ["up", "fails"], "NOT ok: it"),
        (["exec | cat", "link FEED POST_ID"], ["exec", "link shop 7"], "ok: it"),
        (["fails | cat", "exec"], ["fails"], "NOT ok: it"),
        ([], [], "NOT ok: it"),
    ],
)
def test_the_trial_follows_a_section_up_to_the_first_command_that_fails(
    tmp_path: Path, commands: list[str], said: list[str], verdict: str
) -> None:
    (tmp_path / "docker").mkdir()
    block = "".join(f"sentinela-compose {command}\n" for command in commands)
    (tmp_path / "docker" / "README.md").write_text(f"## One\n\n```sh\n{block}```\n\n## Two\n\n```sh\nfalse\n```\n")
    done = trial(tmp_path, 'failures=0; expect it follow One "shop 7"')
    assert verdict in [line.split(" ", 1)[-1] for line in done.stdout.splitlines()], done.stderr
    assert ((tmp_path / "said").read_text().splitlines() if said else []) == said


def test_the_trial_looks_for_every_secret(tmp_path: Path) -> None:
    prepare(tmp_path / "shared" / "deployment")
    secrets = tmp_path / "shared" / "deployment" / "secrets"
    for name, line in (
        ("reports_logins", "ana:$6$salt$0123456789./abcdef"),
        ("alerts", "PING='https://0123456789abcdef.example'"),
    ):
        (secrets / name).chmod(0o644)
        (secrets / name).write_text(f"{line}\n")
    words = trial(tmp_path, "words_of_secrets").stdout.splitlines()
    for file in secrets.iterdir():
        assert any(word in file.read_text() for word in words), file


def test_the_compose_file_has_no_problems(lint: Callable[[dict[str, Any]], list[str]]) -> None:
    assert lint(COMPOSE) == []


MOUNTS = [
    "reports:/usr/share/nginx/html:ro",
    {"type": "volume", "source": "reports", "target": "/usr/share/nginx/html", "read_only": True},
]


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        *(("reports", {"volumes": [mount, *SERVICES["reports"]["volumes"][1:]]},
           "volume reports must be mounted with volume: {nocopy: true}") for mount in MOUNTS),
        *(("reports", {"depends_on": needs}, "depends_on must say init: {condition: service_completed")
          for needs in ({}, ["init"], {"init": {"condition": "service_started"}})),
        ("objects", {"image": "chrislusf/seaweedfs:4.48"}, "is not pinned to a version and its digest"),
        ("objects", {"user": None}, "user must be one that is not root"),
        ("objects", {"networks": ["lake", "front"]}, "must be on the network lake alone"),
        ("postgres", {"networks": None}, "says no networks"),
        ("objects", {"user": "0"}, "user must be one that is not root"),
        ("scheduler", {"user": "0"}, "user must be one that is not root"),
        ("scheduler", {"user": "1000:0"}, "user must be one that is not root"),
        ("scheduler", {"privileged": True}, "may not say privileged"),
        ("scheduler", {"network_mode": "host"}, "may not say network_mode"),
        ("scheduler", {"env_file": "env"}, "may not say env_file"),
        ("triggerer", {"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}, "and nothing else"),
        *(("scheduler", {"volumes": [f"{place}:/host"]}, f"may not mount {place}")
          for place in ("/var/run/docker.sock", "/", "./", "${SENTINELA_FOLDER}/secrets")),
        ("scheduler", {"volumes": [{"type": "bind", "source": "/", "target": "/host"}]}, "may not mount /"),
        *(("api-server", {"environment": {name: "x"}}, f"{name} must be given as {name}_FILE")
          for name in ("SENTINELA_SMTP_URL", "NEWS_TOKEN", "SENTINELA_ALERT_WEBHOOK")),
        ("api-server", {"environment": ["NEWS_TOKEN=x"]}, "environment must be a mapping"),
        ("postgres", {"environment": {"POSTGRES_PASSWORD": "x"}}, "must be given as POSTGRES_PASSWORD_FILE"),
        ("api-server", {"environment": {"FERNET_KEY_CMD": "echo x"}}, "must name a file in /run/secrets"),
        ("triggerer", {"command": ["sh", "-c", "curl https://a:b@example.org"]}, "an address may not hold a password"),
        ("triggerer", {"secrets": ["database_url", "fernet_key", "author_key"]}, "author_key, which it does not"),
        ("scheduler", {"secrets": ["database_url"]}, "reads the secret author_key, which it is not given"),
        ("triggerer", {"networks": ["database", "lake"]}, "is on the network lake without a key to it"),
        ("triggerer", {"tmpfs": ["/tmp"]}, "tmpfs /tmp must say its size"),
        ("triggerer", {"mem_limit": None}, "has no mem_limit"),
        ("triggerer", {"pids_limit": None}, "has no pids_limit"),
        ("triggerer", {"read_only": False}, "read_only must be true"),
        ("triggerer", {"cap_add": ["SYS_ADMIN"]}, "cap_drop must say [ALL], and cap_add nothing"),
        ("api-server", {"ports": ["8080:8080"]}, "must be published on 127.0.0.1"),
    ],
)  # fmt: skip
def test_what_must_not_be_is_refused(
    lint: Callable[[dict[str, Any]], list[str]], name: str, changes: dict[str, Any], problem: str
) -> None:
    found = lint(changed(name, **changes))
    assert any(line.startswith(f"compose.yaml: {name}: ") and problem in line for line in found), found


def test_a_volume_of_ours_is_no_place_of_the_machine(lint: Callable[[dict[str, Any]], list[str]]) -> None:
    host = {"driver_opts": {"type": "none", "o": "bind", "device": "/"}}
    found = lint({**COMPOSE, "volumes": {**COMPOSE["volumes"], "logs": host}})
    assert found == ["compose.yaml: volume logs: must be an engine's own"]


def test_the_table_of_the_readme_is_what_compose_says(scripted: dict[str, Any]) -> None:
    page = (DOCKER / "README.md").read_text()
    assert list(scripted["table_problems"](page)) == []
    for wrong in (page.replace(", author_key, alerts |", ", author_key |"), page.replace("| `objects` | lake |", "")):
        assert len(list(scripted["table_problems"](wrong))) == 1


def test_the_keys_of_env_that_the_readme_tells_are_those_of_compose() -> None:
    _, _, below = (DOCKER / "README.md").read_text().partition("| key of `env` |")
    told = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)` )?\|", below.partition("\n\n")[0], re.MULTILINE)
    asked = VARIABLE.findall((DOCKER / "compose.yaml").read_text())
    without_default = {"COMPOSE_PROFILES": ""} | {name: "" for name, *_ in asked}
    assert dict(told) == without_default | {
        name: value.partition("@")[0] for name, mark, value in asked if mark == ":-"
    }
