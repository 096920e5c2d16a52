"""A real WordPress on loopback: Debian's, over a MariaDB of its own in a folder that goes with it."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

SITE = Path(__file__).with_suffix(".php")
NEEDED = {
    "wordpress": "usr/share/wordpress/wp-settings.php",
    "php-cli": "usr/bin/php",
    "php-mysql": "usr/share/php*-mysql",
    "mariadb-server-core": "usr/sbin/mariadbd",
}
MISSING = [package for package, file in NEEDED.items() if not list(Path("/").glob(file))]
PATIENCE = 60
"""Seconds until a process must answer."""


@dataclass(frozen=True)
class WordPress:
    """A site at `url`, whose database and content lie in `folder`."""

    folder: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What the script of the site reads."""
        return {**os.environ, "SITE_FOLDER": str(self.folder), "SITE_URL": self.url}

    def call(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """What functions of WordPress return, which are called one after the other: (name, arguments)."""
        told = subprocess.run(
            ["php", "-d", "sendmail_path=/bin/true", str(SITE)],
            input=json.dumps(calls),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        said: list[Any] = json.loads(told.stdout)
        return said

    @contextmanager
    def plugin(self, code: str) -> Iterator[None]:
        """The site with PHP `code` of its owner's."""
        file = self.folder / "content" / "mu-plugins" / "changed.php"
        file.write_text(f"<?php {code}", encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()


@contextmanager
def running(command: list[str], log: Path, is_up: Any, **options: Any) -> Iterator[None]:
    """`command` as a process that answers when `is_up`, and is ended afterwards."""
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink, **options) as process:
        try:
            ends = time.monotonic() + PATIENCE
            while not is_up():
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < ends, log.read_text(errors="replace")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def wordpress_site() -> Iterator[WordPress]:
    """A fresh site in São Paulo without posts, to whose posts everybody may comment."""
    with TemporaryDirectory(prefix="wp-") as root, ExitStack() as stack:  # a socket's path must be short
        folder, user = Path(root), getpass.getuser()
        (folder / "content" / "mu-plugins").mkdir(parents=True)
        (folder / "content" / "themes").mkdir()
        (folder / "init.sql").write_text("CREATE DATABASE IF NOT EXISTS wordpress;\n")
        shared = ["--no-defaults", f"--datadir={folder}/data", f"--user={user}"]
        install = ["mariadb-install-db", *shared, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
        opened = folder / "socket"
        database = [
            "/usr/sbin/mariadbd", *shared, f"--socket={opened}", "--skip-networking", f"--init-file={folder}/init.sql",
            f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        stack.enter_context(running(database, folder / "database.log", opened.exists))
        port = _free_port()
        site = WordPress(folder, f"http://127.0.0.1:{port}")
        site.call(("wp_install", ["Café Aurora", "dona", "dona@aurora.example", True, "", "s3cret"]))
        options = {
            "permalink_structure": "/%postname%/",
            "timezone_string": "America/Sao_Paulo",
            "comment_previously_approved": 0,
            "close_comments_for_old_posts": 0,
        }
        site.call(*[("update_option", [name, value]) for name, value in options.items()])
        site.call(("flush_rewrite_rules", []), ("wp_delete_comment", [1, True]), ("wp_delete_post", [1, True]))
        served = ["php", "-S", f"127.0.0.1:{port}", str(SITE)]
        stack.enter_context(running(served, folder / "web.log", lambda: _answers(port), env=site.environment))
        yield site


@pytest.fixture(scope="module")
def wordpress() -> Iterator[WordPress]:
    """One site for all tests of a module."""
    with wordpress_site() as site:
        yield site


needs_wordpress = pytest.mark.skipif(
    bool(MISSING),
    reason=f"a real WordPress needs packages of Debian: apt-get install --no-install-recommends {' '.join(MISSING)}",
)
