"""A task that is killed on every try, in Airflow as it is served: a person is told once, and once when it is over."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from jobs.alerts.alerts import open_alerts
from jobs.alerts.channels import WEBHOOK
from tests.alerts.receivers import Webhook, webhook
from tests.dags.serving import Server, forget, serve
from tests.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TITLE = "airflow worker -- 0"  # and the rest of a task's number; what reports for it is called otherwise


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("killed") / "place")


@pytest.fixture(scope="module")
def hooked() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def hook(hooked: Webhook) -> Webhook:
    hooked.texts.clear()
    return hooked


@pytest.fixture(scope="module")
def server(place: Place, hooked: Webhook) -> Iterator[Server]:
    """Airflow with the settings of the place; a task is tried again after a second."""
    home = place.root.parent / "home"
    told = {"SENTINELA_CONFIG": str(place.config), WEBHOOK: hooked.address}
    running = serve(home, **told, AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1")
    yield running
    running.process.terminate()
    running.process.wait()
    forget(home)


@contextlib.contextmanager
def killing(server: Server) -> Iterator[None]:
    """Meanwhile no task gets beyond its begin."""
    done = threading.Event()
    thread = threading.Thread(target=kill_tasks, args=(server, done), daemon=True)
    thread.start()
    yield
    done.set()
    thread.join()


def kill_tasks(server: Server, done: threading.Event) -> None:
    while not done.wait(0.02):
        for process in server.family():
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                if process.cmdline()[0].startswith(TITLE):
                    process.kill()


def run(server: Server, dag: str, **conf: str) -> str:
    """How a run of `dag` ended."""
    runs = f"/dags/{dag}/dagRuns"
    made = server.asked("POST", runs, {"logical_date": None, "conf": conf})
    while made["state"] not in ("success", "failed"):
        time.sleep(1)
        made = server.get(f"{runs}/{made['dag_run_id']}")
    return str(made["state"])


def notes(server: Server, dag: str = "lake_upkeep") -> list[str]:
    found = [variable["key"] for variable in server.get("/variables")["variables"]]
    return [key for key in found if key.startswith(f"sentinela_red.{dag}.")]


def stands(place: Place) -> bool:
    return "task.lake_upkeep.tidy" in {alert.cause.key for alert in open_alerts(place.settings)}


def texts(hook: Webhook) -> list[str]:
    return [text for text in hook.texts if "lake_upkeep" in text]


def test_it_is_told_once_and_once_when_it_is_over(server: Server, place: Place, hook: Webhook) -> None:
    with killing(server):
        assert run(server, "lake_upkeep") == "failed"
    while not stands(place):  # who reads DAG files leaves the note a moment later
        assert run(server, "watch") == "success"
    assert notes(server) == []
    assert run(server, "watch") == "success"
    (text,) = texts(hook)
    assert "tidy of lake_upkeep failed and could not say why: it was killed" in text
    assert run(server, "lake_upkeep") == "success"
    assert not stands(place)
    assert ["over: " in text for text in texts(hook)] == [False, True]


DAYS = {"from": "2026-09-01", "to": "2026-09-02", "reason": "a test"}


@pytest.mark.parametrize(("dag", "asked"), [("held_day", {"day": "2026-09-01"}), ("reprocess", DAYS)])
def test_a_run_that_had_to_be_asked_for_something_leaves_a_note_too(
    server: Server, dag: str, asked: dict[str, str]
) -> None:
    assert run(server, dag, **asked) == "failed"  # the lake is empty
    while not notes(server, dag):
        time.sleep(1)
    while notes(server, dag):
        assert run(server, "watch") == "success"


def test_what_could_say_why_it_failed_is_not_told_again(server: Server, place: Place, hook: Webhook) -> None:
    in_the_way = place.root / "lake" / "raw_posts"
    if in_the_way.exists():
        shutil.rmtree(in_the_way)
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("no table")
    assert run(server, "lake_upkeep") == "failed"
    assert stands(place)
    in_the_way.unlink()
    assert run(server, "lake_upkeep") == "success"  # over before anybody has looked
    while not notes(server):
        time.sleep(1)
    while notes(server):
        assert run(server, "watch") == "success"
    assert ["over: " in text for text in texts(hook)] == [False, True]
