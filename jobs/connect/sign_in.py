"""Signing in to a service: a token for a feed's secrets, in each way that a service may declare."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requests.auth import AuthBase

from jobs.connect.client import Client, address
from jobs.connect.connector import SourceError
from jobs.connect.credentials import Secrets, secrets_of, shown
from jobs.declaration import Basic, Exchange, Granting, ServiceAccount
from jobs.expressions import filled, found
from jobs.settings import Feed

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
VALID_SECONDS = 3600
"""How long an assertion may be used; the longest that Google takes."""


def sign_in(feed: Feed, client: Client, folder: Path) -> AuthBase | None:
    """What makes requests of `feed` known to its service; None when it asks for nothing, or may be asked without.

    Raises SourceError, with the status `refused`, when a secret is missing or not accepted.
    """
    way = feed.sign_in
    if way is None or (way.optional and not any(map(os.environ.get, feed.secrets.values()))):
        return None
    given = secrets_of(feed)
    if isinstance(way, Granting):
        given = {"token": _granted(way, feed, given, client, folder / "token")}
    return shown(feed, way, given)


def _granted(way: Granting, feed: Feed, given: Secrets, client: Client, target: Path) -> str:
    """The token that the service gives for the secrets that were `given`."""
    url = filled(way.url, feed.value) or ""
    answer = client.send("POST", url, target, allow_redirects=False, **_posted(way, feed, given, url))
    try:
        token = found(way.token, json.loads(target.read_bytes())) if answer.status < 300 else None
    except ValueError:
        token = None
    target.unlink()
    if isinstance(token, str) and token.isascii() and token.isprintable() and token:
        return token
    variables = " and ".join(feed.secrets.values())
    advice = f"set them anew. {way.how}".strip()
    if answer.status == 429 or answer.status >= 500:
        advice = "it lets nobody sign in now; the next run tries again"
    raise SourceError(f"{address(url)}: answered {answer.status} and no token for {variables}; {advice}", "refused")


def _posted(way: Granting, feed: Feed, given: Secrets, url: str) -> dict[str, Any]:
    """What is posted to `url` for a token, as options of requests."""
    if isinstance(way, ServiceAccount):
        return {"data": {"grant_type": GRANT, "assertion": _assertion(way, feed, given["key"], url)}}
    if not isinstance(way, Exchange):
        raise TypeError(f"{type(way).__name__} posts nothing")
    form = {name: filled(text, given.get) for name, text in way.form.items()}
    body = {name: filled(text, given.get) for name, text in way.body.items()}
    auth = shown(feed, Basic(kind="basic"), given) if way.basic else None
    return {"data": form or None, "json": body or None, "auth": auth}


def _assertion(way: ServiceAccount, feed: Feed, key: str, url: str) -> str:
    """A JWT, signed by RS256, in which the service account asks for a token at `url` (RFC 7523)."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        account = json.loads(key if key.lstrip().startswith("{") else Path(key).expanduser().read_bytes())
        signs, issuer = load_pem_private_key(account["private_key"].encode(), None), account["client_email"]
        if not isinstance(signs, RSAPrivateKey):
            raise ValueError("no RSA key")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise SourceError(
            f"feed {feed.name!r}: the environment variable {feed.secrets['key']} is neither the JSON key of a service "
            f"account nor the name of a file with one; {way.how}",
            "refused",
        ) from None
    at = int(time.time())
    claims = {"iss": issuer, "scope": way.scope, "aud": url, "iat": at, "exp": at + VALID_SECONDS}
    said = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': account.get('private_key_id')})}.{_part(claims)}"
    return f"{said}.{_base64(signs.sign(said.encode(), PKCS1v15(), SHA256()))}"


def _part(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
