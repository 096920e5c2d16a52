"""Signing in: how a feed's secrets are shown to its service, in each way that a service may declare."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from requests.auth import AuthBase, HTTPBasicAuth

from jobs.connect.client import Client, address
from jobs.connect.connector import SourceError
from jobs.connect.credentials import KeyHeader, KeyParameter, fit_for_header, secret
from jobs.declaration import Basic, Bearer, Exchange, KeyInHeader, KeyInQuery, SignIn
from jobs.expressions import filled, found
from jobs.settings import Feed

Secrets = Mapping[str, str]


def sign_in(feed: Feed, client: Client, folder: Path) -> AuthBase | None:
    """What makes requests of `feed` known to its service; None when it asks for nothing, or may be asked without.

    Raises SourceError, with the status `refused`, when a secret is missing or not accepted.
    """
    declared = feed.service.sign_in if feed.service else None
    if declared is None or (declared.optional and not any(map(os.environ.get, feed.secrets.values()))):
        return None
    given = {what: secret(feed, variable, what, declared.how) for what, variable in feed.secrets.items()}
    if isinstance(declared, Exchange):
        given = {"token": _exchanged(declared, feed, given, client, folder / "token")}
    elif "token" in given:
        fit_for_header(feed, feed.secrets["token"], given["token"])
    return _shown(declared, given)


def _shown(declared: SignIn, given: Secrets) -> AuthBase:
    """What shows the secrets that were `given`."""
    match declared:
        case Bearer():
            return KeyHeader("Authorization", f"{declared.scheme} {given['token']}")
        case Exchange():
            return KeyHeader("Authorization", f"Bearer {given['token']}")
        case KeyInHeader():
            return KeyHeader(declared.name, given["token"])
        case KeyInQuery():
            return KeyParameter(declared.name, given["token"])
        case Basic():
            return HTTPBasicAuth(given["username"].encode(), given["password"].encode())


def _exchanged(declared: Exchange, feed: Feed, given: Secrets, client: Client, target: Path) -> str:
    """The token that the service gives for the secrets that were `given`."""
    url = filled(declared.url, feed.value) or ""
    form = {name: filled(text, given.get) for name, text in declared.form.items()}
    body = {name: filled(text, given.get) for name, text in declared.body.items()}
    auth = _shown(Basic(kind="basic"), given) if declared.basic else None
    answer = client.send("POST", url, target, data=form or None, json=body or None, auth=auth, allow_redirects=False)
    try:
        token = found(declared.token, json.loads(target.read_bytes())) if answer.status < 300 else None
    except ValueError:
        token = None
    target.unlink()
    if isinstance(token, str) and token.isascii() and token.isprintable() and token:
        return token
    variables = " and ".join(feed.secrets.values())
    raise SourceError(
        f"{address(url)}: answered {answer.status} and no token for {variables}; set them anew. {declared.how}".strip(),
        "refused",
    )
