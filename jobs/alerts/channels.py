"""Where alerts go: a webhook that takes what Slack takes, mail, and the ping that says that we are alive.

Addresses and passwords come from the environment or from a file that it names, so that broken settings can be told of,
too. A channel that cannot be reached is logged by its name; what it was sent to is a secret.
"""

from __future__ import annotations

import logging
import os
import shlex
import smtplib
import ssl
from collections.abc import Callable, Collection
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

log = logging.getLogger(__name__)

WEBHOOK = "SENTINELA_ALERT_WEBHOOK"
"""URL of a Slack-compatible webhook (Slack, Mattermost, Rocket.Chat, Zulip, Discord's /slack)."""
EMAIL = "SENTINELA_ALERT_EMAIL"
"""Addresses that are written to, with commas between them."""
SMTP = "SENTINELA_SMTP_URL"
"""smtp://user:password@host:587?from=address, with STARTTLS where the server has it; smtps:// begins with TLS.

A password is told over TLS alone, but to a server on this machine."""
PING = "SENTINELA_PING_URL"
"""URL that is asked every half hour; who watches it raises the alarm when nobody does."""
FILE = "SENTINELA_ALERTS_FILE"
"""A file of lines NAME=value, as a shell reads them, with any of the above that the environment lacks."""
SECONDS = 20


class ClearTextError(OSError):
    """A password would go to a mail server in clear text."""

    def __str__(self) -> str:
        return (
            f"{SMTP} names a server that offers no STARTTLS, where its password would go in clear text: name one that"
            " does, or smtps://; nothing was sent, it is tried again"
        )


def named() -> set[str]:
    """The channels that are set up, by the names of their variables."""
    return {name for name in _ways() if _setting(name)}


def send(subject: str, text: str, to: Collection[str] | None = None) -> set[str]:
    """Send a message by the channels `to`, all that are set up by default; those that took it."""
    asked = named() if to is None else to
    return {name for name, way in _ways().items() if name in asked and _is_taken(name, way, subject, text)}


def ping() -> bool:
    """Say that we are alive where a place for it is set up; whether that was heard."""
    return not _setting(PING) or _is_taken(PING, _get, "", "")


def _ways() -> dict[str, Callable[[str, str], None]]:
    return {WEBHOOK: _post, EMAIL: _mail}


def _setting(name: str) -> str:
    return os.environ.get(name) or _filed().get(name, "")


def _filed() -> dict[str, str]:
    """What the file says, read anew each time: it may change while we run."""
    if not (file := os.environ.get(FILE)):
        return {}
    try:
        words = shlex.split(Path(file).read_text(encoding="utf-8"), comments=True)
    except (OSError, ValueError) as fault:
        log.error("%s, the file that %s names, cannot be read: %s; mend it", file, FILE, type(fault).__name__)
        return {}
    return {name: value for name, is_set, value in (word.partition("=") for word in words) if is_set}


def _is_taken(name: str, way: Callable[[str, str], None], subject: str, text: str) -> bool:
    try:
        way(subject, text)
    except ClearTextError as fault:
        log.error("%s", fault)
        return False
    except (OSError, ValueError, smtplib.SMTPException) as fault:  # those of requests are OSErrors
        log.error("nothing could be sent to what %s names: %s; mend it, it is tried again", name, type(fault).__name__)
        return False
    return True


def _post(subject: str, text: str) -> None:
    import requests

    requests.post(_setting(WEBHOOK), json={"text": f"*{subject}*\n{text}"}, timeout=SECONDS).raise_for_status()


def _get(*_: str) -> None:
    import requests

    requests.get(_setting(PING), timeout=SECONDS).raise_for_status()


def _mail(subject: str, text: str) -> None:
    server = urlsplit(_setting(SMTP) or "smtp://localhost")
    message = EmailMessage()
    message["Subject"] = subject
    message["To"] = _setting(EMAIL)
    message["From"] = parse_qs(server.query).get("from", [f"sentinela@{server.hostname}"])[0]
    message.set_content(text)
    with _connected(server) as connection:
        if server.username:
            if not _is_private(connection):
                raise ClearTextError
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(message)


def _is_private(connection: smtplib.SMTP) -> bool:
    """Whether nobody on the way hears what is said: it is sealed, or does not leave this machine."""
    link = connection.sock
    assert link is not None
    return isinstance(link, ssl.SSLSocket) or ip_address(link.getpeername()[0]).is_loopback


def _connected(server: SplitResult) -> smtplib.SMTP:
    """A connection to `server`, over TLS to whom its certificate names where it can."""
    host, port, context = server.hostname or "localhost", server.port or 0, ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    connection = smtplib.SMTP(host, port, timeout=SECONDS)
    try:
        connection.ehlo()  # before it, nothing is known of what the server has
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection
