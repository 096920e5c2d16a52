"""Who is told in tests: a webhook on loopback and a real mail server."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Webhook(ThreadingHTTPServer):
    """Takes what Slack takes, and pings; answers with `status` once `then` was done."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.texts: list[str] = []
        self.pings = 0
        self.status = 200
        self.then: Callable[[], object] = lambda: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?key=s3cret"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.texts.append(said["text"])
            self.server.then()
        self._answer()

    def do_GET(self) -> None:
        self.server.pings += 1
        self._answer()

    def _answer(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook that listens on loopback."""
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class _Mailbox(MessageHandler):
    def __init__(self, mails: list[Message]) -> None:
        super().__init__()
        self.mails = mails

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@dataclass(frozen=True)
class Certificate:
    """A certificate of localhost that vouches for itself, and its key."""

    file: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        """What a server shows it with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.key)
        return context


def certificate(folder: Path) -> Certificate:
    """A new certificate, in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) - timedelta(days=1)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, begin + timedelta(9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return made


LOGIN = ("ana", "s3cret@#")


@contextmanager
def mail_server(
    scheme: str = "smtp",
    certificate: Certificate | None = None,
    login: tuple[str, str] | None = None,
    host: str = "127.0.0.1",
) -> Iterator[tuple[str, list[Message]]]:
    """The address of a mail server on `host`, and what it was sent; with a certificate it asks for `login`."""
    mails: list[Message] = []
    with socket.create_server((host, 0)) as free:
        port = free.getsockname()[1]
    context = certificate.context if certificate else None
    tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    asks = bool(certificate) and scheme == "smtp"
    controller = Controller(
        _Mailbox(mails), hostname=host, port=port, authenticator=partial(_check, login),
        auth_required=bool(login) and asks, auth_require_tls=asks, **tls,
    )  # fmt: skip
    controller.start()
    try:
        user = f"{login[0]}:{quote(login[1])}@" if login else ""
        name = "localhost" if host == "127.0.0.1" else host
        yield f"{scheme}://{user}{name}:{port}?from=sentinela@example.org", mails
    finally:
        controller.stop()


def _check(expected: tuple[str, str] | None, *asked: Any) -> AuthResult:
    *_, data = asked
    is_right = expected is not None and (data.login, data.password) == tuple(part.encode() for part in expected)
    return AuthResult(success=is_right)
