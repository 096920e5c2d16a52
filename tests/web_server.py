"""nginx with the deployment's own site for the reports, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.compose import DOCKER, ROOT

# What the image's own nginx.conf says around the site.
AROUND = """
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/html html; application/json json; }}
    default_type application/octet-stream;
    include {folder}/site.conf;
}}
"""


@contextmanager
def serving(reports: Path, folder: Path, login: str = "open", logins: Path | None = None) -> Iterator[str]:
    """The address that `reports` are served at; `folder` is the server's own. Skips where there is no nginx."""
    program = shutil.which(
        "nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", f"{ROOT}/.venv/nginx/usr/sbin"])
    )
    if program is None:
        pytest.skip("no nginx: scripts/get_nginx.sh found none")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "share" / "waiting").mkdir(parents=True)
    shutil.copy(DOCKER / "reports" / "waiting.html", folder / "share" / "waiting" / "index.html")
    said = (DOCKER / "reports" / f"{login}.conf").read_text().replace("/run/secrets/reports_logins", str(logins))
    (folder / "login.conf").write_text(said)
    site = (DOCKER / "reports" / "site.conf").read_text()
    for there, here in {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "/usr/share/nginx/html": str(reports),
        "/usr/share/nginx": f"{folder}/share",
        "/etc/nginx/login.conf": f"{folder}/login.conf",
    }.items():
        site = site.replace(there, here)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder) + ("user root;" if os.geteuid() == 0 else ""))
    server = subprocess.Popen([program, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf", "-p", str(folder)])
    try:
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/healthy", timeout=60)
                break
            except requests.ConnectionError:
                assert server.poll() is None, (folder / "error.log").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
