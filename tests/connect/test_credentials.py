"""Secrets come from the environment, reach the feed's own server, and are told nowhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from jobs.connect.connector import Body, SourceError

Fetched = Callable[..., tuple[list[Body], Any]]
KINDS: dict[str, dict[str, str]] = {
    "bearer": {"kind": "bearer", "token_env": "KEY"},
    "header": {"kind": "header", "name": "X-Api-Key", "token_env": "KEY"},
    "query": {"kind": "query", "name": "api key", "token_env": "KEY"},
    "basic": {"kind": "basic", "username_env": "KEY_USER", "password_env": "KEY"},
}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cret\n")
    monkeypatch.setenv("KEY_USER", "ana")


def at(site: Any, query: str = "", **http: Any) -> dict[str, Any]:
    return {"path": None, "url": site.url + query, "http": {"retries": 0, **http}}


def shown(site: Any, request: int = 0) -> str:
    """What the site was shown in a request: its path and all of its headers."""
    return "\n".join([site.paths[request], *(f"{name}: {value}" for name, value in site.requests[request].items())])


def test_token_env_alone_is_a_bearer_token(fetched: Fetched, site: Any) -> None:
    site.then()
    fetched(**at(site, token_env="KEY"))
    assert site.requests[0]["Authorization"] == "Bearer s3cret"


def test_every_kind_reaches_the_server_as_it_expects_it(fetched: Fetched, site: Any) -> None:
    site.then()
    for auth in KINDS.values():
        fetched(**at(site, "?n=1", auth=auth))
    bearer, header, _, basic = site.requests
    assert bearer["Authorization"] == "Bearer s3cret"
    assert header["X-Api-Key"] == "s3cret"
    assert site.paths == ["/feed?n=1", "/feed?n=1", "/feed?n=1&api+key=s3cret", "/feed?n=1"]
    assert basic["Authorization"] == "Basic " + base64.b64encode(b"ana:s3cret").decode()


def test_signs_that_only_a_header_cannot_hold_reach_the_others(
    fetched: Fetched, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3çret &é")
    site.then()
    fetched(**at(site, auth=KINDS["query"]))
    fetched(**at(site, auth=KINDS["basic"]))
    assert site.paths[0] == "/feed?api+key=s3%C3%A7ret+%26%C3%A9"
    assert site.requests[1]["Authorization"] == "Basic " + base64.b64encode("ana:s3çret &é".encode()).decode()


@pytest.mark.parametrize("kind", ["bearer", "header"])
@pytest.mark.parametrize("value", ["s3çret", "s3cret\nX-Evil: 1", " s3cret", "s3\tcret"])
def test_what_no_header_can_hold_is_refused_without_telling_it(
    fetched: Fetched, site: Any, monkeypatch: pytest.MonkeyPatch, kind: str, value: str
) -> None:
    monkeypatch.setenv("KEY", value)
    with pytest.raises(SourceError, match="feed 'olist': the environment variable KEY holds signs") as caught:
        fetched(**at(site, auth=KINDS[kind]))
    assert caught.value.status == "refused"
    assert "cret" not in str(caught.value)
    assert site.requests == []


@pytest.mark.parametrize(
    ("kind", "variable", "what"),
    [("bearer", "KEY", "token"), ("header", "KEY", "token"), ("query", "KEY", "token"), ("basic", "KEY", "password"),
     ("basic", "KEY_USER", "username")],
)  # fmt: skip
@pytest.mark.parametrize("empty", [True, False])
def test_without_its_secrets_a_feed_is_not_asked_for(
    fetched: Fetched, site: Any, monkeypatch: pytest.MonkeyPatch, kind: str, variable: str, what: str, empty: bool
) -> None:
    if empty:
        monkeypatch.setenv(variable, "")
    else:
        monkeypatch.delenv(variable)
    with pytest.raises(SourceError, match=f"environment variable {variable} with its {what} is not set") as caught:
        fetched(**at(site, auth=KINDS[kind]))
    assert caught.value.status == "refused"
    assert site.requests == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_host_is_shown_a_secret(fetched: Fetched, site: Any, kind: str) -> None:
    site.then(302, Location=site.url.replace("127.0.0.1", "localhost")).then()
    fetched(**at(site, auth=KINDS[kind], private=True))
    assert "s3cret" in shown(site) or "Basic" in shown(site)
    assert not {"s3cret", "Basic"} & set(shown(site, 1).replace("=", " ").split())


@pytest.mark.parametrize("kind", ["bearer", "header", "basic"])
def test_the_same_host_is_shown_it_again(fetched: Fetched, site: Any, kind: str) -> None:
    site.then(302, Location="/elsewhere").then()
    fetched(**at(site, auth=KINDS[kind]))
    assert site.paths == ["/feed", "/elsewhere"]
    assert "s3cret" in shown(site, 1) or "Basic" in shown(site, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_told_when_a_fetch_fails(
    fetched: Fetched, site: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    caplog.set_level("DEBUG")
    site.then(503, Retry_After="0")
    with pytest.raises(SourceError) as caught:
        fetched(**at(site, retries=1, auth=KINDS[kind]))
    said = "\n".join([str(caught.value), caplog.text, *capfd.readouterr()])
    assert len(site.requests) == 2
    assert "urllib3" in said
    assert "s3cret" not in said
    assert "YW5h" not in said
