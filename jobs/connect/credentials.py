"""Credentials: a feed's secrets, which come from the environment, and how they are shown to its server.

How a token is had for them lies in sign_in.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from jobs.connect.connector import SourceError
from jobs.declaration import Basic, Bearer, Granting, KeyInHeader, KeyInQuery, SignIn
from jobs.settings import Feed

Secrets = Mapping[str, str]


class KeyHeader(AuthBase):
    """A secret in the header `name` of every request."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self._value = name, value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers[self.name] = self._value
        return request


class KeyParameter(AuthBase):
    """A secret in the parameter `name` of every request's query."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self._value = name, value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the parameter."""
        request.prepare_url(request.url, {self.name: self._value})
        return request


def credential(feed: Feed) -> AuthBase | None:
    """What makes the requests of a feed at an address known to its server; None when it asks for nothing.

    Raises SourceError, with the status `refused`, when a secret is not set or no header can hold it.
    """
    return shown(feed, feed.http.credentials.way, secrets_of(feed)) if feed.http.credentials else None


def shown(feed: Feed, way: SignIn, given: Secrets) -> AuthBase:
    """What shows the secrets, or the token that was `given` for them, in a way to sign in.

    Raises SourceError, with the status `refused`, when no header can hold them.
    """
    match way:
        case Basic():
            return HTTPBasicAuth(given["username"].encode(), given["password"].encode())
        case KeyInQuery():
            return KeyParameter(way.name, given["token"])
        case KeyInHeader():
            return KeyHeader(way.name, _fit_for_header(feed, given["token"]))
        case Bearer():
            return KeyHeader("Authorization", f"{way.scheme} {_fit_for_header(feed, given['token'])}")
        case Granting():
            return KeyHeader("Authorization", f"Bearer {given['token']}")


def secrets_of(feed: Feed) -> Secrets:
    """The secrets of `feed`, by what they are; SourceError, with the status `refused`, when one is not set."""
    how = feed.sign_in.how if feed.sign_in else ""
    return {what: _secret(feed, variable, what, how) for what, variable in feed.secrets.items()}


def _secret(feed: Feed, variable: str, what: str, how: str) -> str:
    """The value of `variable` without a line end, which files of secrets leave behind; `how` says how to get one.

    Raises SourceError, with the status `refused`, when it is not set.
    """
    if value := os.environ.get(variable, "").strip("\r\n"):
        return value
    told = f"feed {feed.name!r}: the environment variable {variable} with its {what} is not set"
    raise SourceError(f"{told}; {how}" if how else told, "refused")


def _fit_for_header(feed: Feed, value: str) -> str:
    """`value`; else an error that does not tell it, as those of the HTTP libraries do."""
    if value.isascii() and value.isprintable() and value == value.strip():
        return value
    raise SourceError(
        f"feed {feed.name!r}: the environment variable {feed.secrets['token']} holds signs that no header can; set it "
        "anew",
        "refused",
    )
