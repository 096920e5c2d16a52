"""Credentials: how a feed's secrets, which come from the environment, are shown to its server."""

from __future__ import annotations

import os

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from jobs.connect.connector import SourceError
from jobs.settings import BasicAuth, BearerAuth, Feed, HeaderAuth


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
    """What makes the requests of `feed` known to its server; None when it asks for nothing.

    Raises SourceError, with the status `refused`, when a secret is not set or no header can hold it.
    """
    auth = feed.http.credentials
    if auth is None:
        return None
    if isinstance(auth, BasicAuth):
        username, password = secret(feed, auth.username_env, "username"), secret(feed, auth.password_env, "password")
        return HTTPBasicAuth(username.encode(), password.encode())
    token = secret(feed, auth.token_env, "token")
    if isinstance(auth, BearerAuth):
        return KeyHeader("Authorization", f"Bearer {fit_for_header(feed, auth.token_env, token)}")
    if isinstance(auth, HeaderAuth):
        return KeyHeader(auth.name, fit_for_header(feed, auth.token_env, token))
    return KeyParameter(auth.name, token)


def secret(feed: Feed, variable: str, what: str, how: str = "") -> str:
    """The value of `variable` without a line end, which files of secrets leave behind; `how` says how to get one.

    Raises SourceError, with the status `refused`, when it is not set.
    """
    if value := os.environ.get(variable, "").strip("\r\n"):
        return value
    told = f"feed {feed.name!r}: the environment variable {variable} with its {what} is not set"
    raise SourceError(f"{told}; {how}" if how else told, "refused")


def fit_for_header(feed: Feed, variable: str, value: str) -> str:
    """`value`; else an error that does not tell it, as those of the HTTP libraries do."""
    if value.isascii() and value.isprintable() and value == value.strip():
        return value
    raise SourceError(
        f"feed {feed.name!r}: the environment variable {variable} holds signs that no header can; set it anew",
        "refused",
    )
