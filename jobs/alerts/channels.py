"""Where alerts go: a webhook that takes what Slack takes, mail, and the ping that says that we are alive.

Addresses and passwords come from the environment, so that broken settings can be told of, too. A channel that cannot be
reached is logged by its name; what it was sent to is a secret.
"""

from __future__ import annotations

import logging
import os
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

log = logging.getLogger(__name__)

WEBHOOK = "SENTINELA_ALERT_WEBHOOK"
"""URL of a Slack-compatible webhook (Slack, Mattermost, Rocket.Chat, Zulip, Discord's /slack)."""
EMAIL = "SENTINELA_ALERT_EMAIL"
"""Addresses that are written to, with commas between them."""
SMTP = "SENTINELA_SMTP_URL"
"""smtp://user:password@host:587?from=address, with STARTTLS where the server has it; smtps:// begins with TLS."""
PING = "SENTINELA_PING_URL"
"""URL that is asked every half hour; who watches it raises the alarm when nobody does."""
SECONDS = 20


def send(subject: str, text: str) -> bool:
    """Send a message by every channel that the environment names; whether one took it, or there is none."""
    ways: dict[str, Callable[[str, str], None]] = {WEBHOOK: _post, EMAIL: _mail}
    named = {name: way for name, way in ways.items() if os.environ.get(name)}
    taken = [_is_taken(name, way, subject, text) for name, way in named.items()]
    return any(taken) or not named


def ping() -> bool:
    """Say that we are alive where the environment names a place for it; whether that was heard."""
    import requests

    return not os.environ.get(PING) or _is_taken(
        PING, lambda *_: requests.get(os.environ[PING], timeout=SECONDS).raise_for_status(), "", ""
    )


def _is_taken(name: str, way: Callable[[str, str], None], subject: str, text: str) -> bool:
    try:
        way(subject, text)
    except (OSError, ValueError, smtplib.SMTPException) as fault:  # those of requests are OSErrors
        log.error("nothing could be sent to what %s names: %s; mend it, it is tried again", name, type(fault).__name__)
        return False
    return True


def _post(subject: str, text: str) -> None:
    import requests

    requests.post(os.environ[WEBHOOK], json={"text": f"*{subject}*\n{text}"}, timeout=SECONDS).raise_for_status()


def _mail(subject: str, text: str) -> None:
    server = urlsplit(os.environ.get(SMTP, "smtp://localhost"))
    message = EmailMessage()
    message["Subject"] = subject
    message["To"] = os.environ[EMAIL]
    message["From"] = parse_qs(server.query).get("from", [f"sentinela@{server.hostname}"])[0]
    message.set_content(text)
    connect = smtplib.SMTP_SSL if server.scheme == "smtps" else smtplib.SMTP
    with connect(server.hostname or "localhost", server.port or 0, timeout=SECONDS) as connection:
        if server.scheme == "smtp" and connection.has_extn("starttls"):
            connection.starttls()
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(message)
