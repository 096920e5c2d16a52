"""What a server started is ended with it: nothing is left when it is killed, stuck processes included."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

GUARD = str(Path(__file__).resolve().parents[2] / "scripts" / "guard.py")

STUCK = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""

SERVER = """
import subprocess, sys, time
guard = subprocess.Popen([sys.executable, sys.argv[1]], stdin=subprocess.PIPE, text=True, start_new_session=True)
worker = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("worker", worker.pid, file=guard.stdin, flush=True)
print(guard.pid, worker.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def guard() -> dict[str, Any]:
    return runpy.run_path(GUARD)


def started(program: str, *arguments: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A running Python program, and the processes whose ids are on the first line that it prints."""
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]


def test_what_does_not_listen_is_killed_with_what_it_started(guard: dict[str, Any]) -> None:
    guard["end"].__globals__["SECONDS"] = 1
    process, children = started(STUCK)
    guard["stop"]({"scheduler": psutil.Process(process.pid)})
    assert process.wait() == -signal.SIGKILL
    assert not any(guard["runs"](child) for child in children)


def test_it_ends_what_a_killed_server_left(guard: dict[str, Any]) -> None:
    process, left = started(SERVER, GUARD)
    assert all(guard["runs"](one) for one in left)
    process.kill()
    process.wait()
    assert guard["wait"](left) == []


def test_a_process_that_ended_by_itself_is_no_matter(guard: dict[str, Any]) -> None:
    process, _ = started("print()")
    ended = psutil.Process(process.pid)
    process.wait()
    guard["stop"]({"postgres": ended})


def test_a_zombie_does_not_run(guard: dict[str, Any]) -> None:
    process = subprocess.Popen(["true"])
    zombie = psutil.Process(process.pid)
    assert guard["wait"]([zombie]) == []
    assert zombie.status() == psutil.STATUS_ZOMBIE
    process.wait()
