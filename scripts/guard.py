"""End what a server started, also once the server itself is gone.

As a program it reads `name pid` lines on standard input until whoever writes them is gone, however that came, and
ends those of these processes that are still there with all they started. The kernel's own signal at a parent's death
is not enough: Airflow's scheduler waits for ever for a worker when it is told to end while a task runs.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import psutil

DATABASE = "postgres"
SECONDS = 30


def main() -> None:
    """Read names and process ids to the end of standard input, then `stop` them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    running = {}
    for line in sys.stdin:
        name, pid = line.split()
        with contextlib.suppress(psutil.NoSuchProcess):
            running[name] = psutil.Process(int(pid))
    stop(running)


def stop(running: Mapping[str, psutil.Process]) -> None:
    """End every process and what it started: the database last, as the others write to it until they are gone."""
    end([process for name, process in running.items() if name != DATABASE], signal.SIGTERM)
    end([process for name, process in running.items() if name == DATABASE], signal.SIGINT)


def end(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Ask `processes` to end by `number`; kill what of them and their descendants still runs after SECONDS."""
    family = {member.pid: member for process in processes for member in _family(process)}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    stuck = wait(family.values())
    for member in stuck:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    wait(stuck)


def _family(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def wait(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Wait for `processes` to end, but not for ever: those that still run then."""
    deadline = time.monotonic() + SECONDS
    while (left := [process for process in processes if runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def runs(process: psutil.Process) -> bool:
    """Whether it runs: a zombie does not, it waits for its parent, and process 1 of a container may never ask."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


if __name__ == "__main__":
    main()
