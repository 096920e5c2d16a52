"""`make airflow` started for real, asked over HTTP, and stopped: it listens on loopback alone and leaves nothing."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.dags.serving import Server, forget, serve

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(600)


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. A zombie does not: it waits for whoever is process 1 here, which may never ask."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def listening(process: psutil.Process) -> set[str]:
    """The addresses where it listens: none if it ended since it was listed, as the DAG processor's children do."""
    with contextlib.suppress(psutil.NoSuchProcess):
        connections = process.net_connections(kind="inet")
        return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
    return set()


def eventually(holds: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    return holds()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("server") / "home"
    running = serve(home, AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE="False")  # or the sample's last day is run meanwhile
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait()
    forget(home)


def test_every_part_is_healthy(server: Server) -> None:
    health = requests.get(f"{server.address}/api/v2/monitor/health", timeout=60).json()
    assert {part: state["status"] for part, state in health.items()} == dict.fromkeys(
        ("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy"
    )


def test_the_dags_are_there_and_not_paused(server: Server) -> None:
    listed = {dag["dag_id"]: dag["is_paused"] for dag in server.get("/dags")["dags"]}
    assert listed["daily_polarity"] is False
    assert listed["polarity_report"] is False
    assert server.get("/importErrors")["total_entries"] == 0


def test_the_api_wants_a_login(server: Server) -> None:
    assert requests.get(f"{server.address}/api/v2/dags", timeout=60).status_code == 401


def test_what_tasks_need_is_loaded_once_by_the_scheduler_whose_forks_they_are(server: Server) -> None:
    loaded = {}
    for process in server.family():
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            files = " ".join(mapped.path for mapped in process.memory_maps())
            loaded[" ".join(process.cmdline())] = {name for name in ("pandas", "tensorflow") if f"/{name}/" in files}
    (scheduler,) = (files for command, files in loaded.items() if "airflow scheduler" in command)
    assert scheduler == {"pandas"}
    assert {tuple(files) for command, files in loaded.items() if "airflow dag-processor" in command} == {()}
    workers = [files for command, files in loaded.items() if "airflow worker -- LocalExecutor" in command]
    assert workers
    assert all(files == scheduler for files in workers)


def test_it_listens_on_loopback_alone(server: Server) -> None:
    assert set().union(*(listening(process) for process in server.family())) == {"127.0.0.1"}


def test_a_process_that_ended_since_it_was_listed_listens_nowhere() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    child.communicate()
    assert listening(process) == set()


@pytest.mark.parametrize("name", ["secrets.json", "passwords.json", "shell"])
def test_its_secrets_are_for_its_owner_alone(server: Server, name: str) -> None:
    assert (server.home / name).stat().st_mode & 0o777 == 0o600


def test_in_a_shell_that_sourced_its_file_airflow_is_a_command_that_talks_to_it(server: Server) -> None:
    (file,) = re.findall(r"^shell: +source (\S+);", server.shown, re.MULTILINE)
    ask = f"source {file}; command -v airflow; printenv AIRFLOW_HOME AIRFLOW__API__BASE_URL"
    bare = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", ask], env=bare, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        str(Path(sys.executable).with_name("airflow")),
        str(server.home),
        server.address,
    ], done.stderr


@pytest.mark.slow
def test_killed_it_takes_all_with_it_and_it_starts_again_and_stops_clean(server: Server) -> None:
    family = server.family()
    assert len(family) >= 5
    server.process.kill()
    assert eventually(lambda: running(family) == [])

    again = serve(server.home)
    family = again.family()
    assert len(family) >= 5
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait() == 0
    assert running(family) == []
