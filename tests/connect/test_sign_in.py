"""A service account signs in: what it asserts is signed by its key, and a server that checks that gives a token."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from jobs.connect.connector import SourceError
from jobs.connect.fetch import fetch
from jobs.settings import Feed, Window
from tests.connect.situations import Play
from tests.service import Asked, Said, Service
from tests.service import service as service

SCOPES = {
    "google_play": "https://www.googleapis.com/auth/androidpublisher",
    "google_business": "https://www.googleapis.com/auth/business.manage",
}


def pem(key: Any) -> str:
    encoding, style = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(encoding, style, serialization.NoEncryption()).decode())


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def account(key: rsa.RSAPrivateKey) -> str:
    """The file that Google gives for a key of a service account."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "aurora",
            "private_key_id": "k1",
            "private_key": pem(key),
            "client_email": "monitor@aurora.iam.example",
            "token_uri": "https://elsewhere.example/token",
        },
        indent=2,
    )


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2026, 9, 30, 6, tzinfo=UTC).timestamp())))
    for name in SCOPES:
        for what in ("USERNAME", "PASSWORD", "TOKEN", "KEY"):
            monkeypatch.delenv(f"{name.upper()}_{what}", raising=False)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def google(service: Service, key: rsa.RSAPrivateKey, scope: str, pages: list[Said]) -> Any:
    """A token for a good assertion, and the pages, one after the other, for that token."""

    def granted(asked: Asked) -> Said:
        form = {name: value[0] for name, value in parse_qs(asked.posted).items()}
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        head, claims, signature = form["assertion"].split(".")
        try:
            key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return Said({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        told = json.loads(decoded(claims))
        assert (told["iss"], told["scope"], told["aud"]) == (
            "monitor@aurora.iam.example",
            scope,
            f"{service.url}/token",
        )
        assert told["exp"] - told["iat"] == 3600
        assert abs(told["iat"] - time.time()) < 60
        return Said({"access_token": "ya29.t", "expires_in": 3599, "token_type": "Bearer"})

    def answer(asked: Asked) -> Said:
        if asked.path == "/token":
            return granted(asked)
        assert asked.headers["Authorization"] == "Bearer ya29.t"
        return pages.pop(0)

    return answer


def feed_of(one: Play) -> Feed:
    return Feed.model_validate({**one.service.feed(one.name, **one.sample["feed"]), "http": {"retries": 0}})


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize("name", sorted(SCOPES))
def test_a_service_account_gets_a_token_for_what_its_key_signed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey, account: str,
    name: str, in_file: bool,
) -> None:  # fmt: skip
    file = tmp_path / "key.json"
    file.write_text(account, encoding="utf-8")
    monkeypatch.setenv(f"{name.upper()}_KEY", str(file) if in_file else account)
    one = Play(name, service, tmp_path)
    service.answer = google(service, key, SCOPES[name], one.pages)
    bodies = fetch(feed_of(one), Window(start=date(2026, 9, 29), end=date(2026, 9, 29)), {}, tmp_path)
    assert one.items(bodies) == one.sample["items"]


def test_a_refresh_token_is_used_where_there_is_no_key(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"GOOGLE_PLAY_{what}", what)
    one = Play("google_play", service, tmp_path)
    service.faults = [Said({"access_token": "t"}), *one.pages]
    list(fetch(feed_of(one), Window(start=date(2026, 9, 29), end=date(2026, 9, 29)), {}, tmp_path))
    assert parse_qs(service.asked[0].posted)["grant_type"] == ["refresh_token"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, r"GOOGLE_PLAY_KEY with its key is not set; .*service account"),
        ("/no/such/file", "GOOGLE_PLAY_KEY is neither the JSON key of a service account nor the name of a file"),
        ("{broken", "GOOGLE_PLAY_KEY is neither"),
        ('{"installed": {"client_id": "x"}}', "GOOGLE_PLAY_KEY is neither"),
        ('{"private_key": "s3cret", "client_email": "a@b"}', "GOOGLE_PLAY_KEY is neither"),
        ("curve", "GOOGLE_PLAY_KEY is neither"),
        ("other", r"answered 400 and no token for GOOGLE_PLAY_KEY; set them anew"),
    ],
)
def test_a_key_that_is_none_or_is_not_accepted_is_named_with_how_to_get_one(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey, account: str,
    given: str | None, said: str,
) -> None:  # fmt: skip
    keys = {"curve": ec.generate_private_key(ec.SECP256R1()), "other": rsa.generate_private_key(65537, 2048)}
    if given in keys:
        given = json.dumps({**json.loads(account), "private_key": pem(keys[given])})
    if given is not None:
        monkeypatch.setenv("GOOGLE_PLAY_KEY", given)
    one = Play("google_play", service, tmp_path)
    service.answer = google(service, key, SCOPES["google_play"], one.pages)
    with pytest.raises(SourceError, match=said) as caught:
        list(fetch(feed_of(one), Window(start=date(2026, 9, 29), end=date(2026, 9, 29)), {}, tmp_path))
    assert caught.value.status == "refused"
    assert "Service accounts > Keys" in str(caught.value)
    assert "s3cret" not in str(caught.value)
