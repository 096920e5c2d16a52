"""Where alerts go, by a real webhook and a real mail server on loopback."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from jobs.alerts import channels
from jobs.alerts.channels import EMAIL, FILE, PING, SMTP, WEBHOOK, named, ping, send
from tests.alerts.receivers import LOGIN, Certificate, Webhook, certificate, mail_server


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of localhost, for who trusts it."""
    return certificate(tmp_path_factory.mktemp("tls"))


def test_a_webhook_is_told_as_slack_is(hook: Webhook) -> None:
    assert send("Sentinela: feed masto failed", "no answer") == {WEBHOOK}
    assert hook.texts == ["*Sentinela: feed masto failed*\nno answer"]


def test_every_address_gets_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as (address, mails):
        monkeypatch.setenv(SMTP, address)
        monkeypatch.setenv(EMAIL, "ana@example.org, rui@example.org")
        assert send("Sentinela: São Paulo", "sem notícia") == {EMAIL}
    (mail,) = mails
    assert (mail["From"], mail["X-RcptTo"]) == ("sentinela@example.org", "ana@example.org, rui@example.org")
    assert mail.get_payload(decode=True).decode().strip() == "sem notícia"  # type: ignore[union-attr]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_is_told_over_tls_alone(trusted: Certificate, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    monkeypatch.setenv(EMAIL, "ana@example.org")
    with mail_server(scheme, trusted, LOGIN) as (address, mails):
        monkeypatch.setenv(SMTP, address)
        assert send("a", "b") == {EMAIL}
    assert len(mails) == 1


def test_a_password_is_told_in_clear_text_on_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(EMAIL, "ana@example.org")
    for host, took in (("127.0.0.1", {EMAIL}), (own_address(), set())):
        with mail_server(login=LOGIN, host=host) as (address, mails):
            monkeypatch.setenv(SMTP, address)
            assert send("a", "b") == took
        assert len(mails) == len(took)
    (said,) = [record.getMessage() for record in caplog.records if record.name == channels.__name__]
    assert said.startswith(f"{SMTP} names a server that offers no STARTTLS")
    assert "smtps://" in said
    assert LOGIN[1] not in said


def own_address() -> str:
    """An address of this machine that is not on loopback."""
    found = [one.address for some in psutil.net_if_addrs().values() for one in some if one.family == socket.AF_INET]
    others = [address for address in found if not ip_address(address).is_loopback]
    return others[0] if others else pytest.skip("this machine has no address but those on loopback")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(
    trusted: Certificate, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv(EMAIL, "ana@example.org")
    with mail_server(scheme, trusted, LOGIN) as (address, mails):
        monkeypatch.setenv(SMTP, address)
        assert send("a", "b") == set()
    assert mails == []


def test_a_channel_that_fails_keeps_the_other_from_nothing_and_its_address_secret(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    with mail_server() as (address, mails):
        monkeypatch.setenv(SMTP, address)
        monkeypatch.setenv(EMAIL, "ana@example.org")
        assert send("a", "b") == {EMAIL}
    assert len(mails) == 1
    assert WEBHOOK in caplog.text
    assert "s3cret" not in caplog.text


def test_what_no_channel_takes_was_not_sent(hook: Webhook) -> None:
    hook.status = 500
    assert send("a", "b") == set()


def test_without_a_channel_nobody_is_told() -> None:
    assert send("a", "b") == named() == set()
    assert ping()


def test_the_ping_says_that_we_are_alive(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PING, hook.address)
    assert ping()
    hook.status = 500
    assert not ping()
    assert hook.pings == 2


def test_channels_are_read_from_the_file_that_is_named_and_the_environment_goes_before_it(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = hook.address
    monkeypatch.setenv(FILE, str(tmp_path / "alerts"))
    (tmp_path / "alerts").write_text(
        f"# who is told\n#{EMAIL}='ana@example.org'\n{WEBHOOK}='{address}'\nexport {PING}=\"{address}\"\n\n"
    )
    monkeypatch.delenv(WEBHOOK)
    assert named() == {WEBHOOK}
    assert send("a", "b") == {WEBHOOK}
    assert ping()
    assert hook.pings == 1
    monkeypatch.setenv(WEBHOOK, "http://127.0.0.1:9/")
    assert send("a", "b") == set()


@pytest.mark.parametrize("content", [None, f"{WEBHOOK}='http://never.ends/s3cret\n"])
def test_a_file_that_cannot_be_read_is_named_and_what_the_environment_says_holds(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    content: str | None,
) -> None:  # fmt: skip
    monkeypatch.setenv(FILE, str(tmp_path / "alerts"))
    if content:
        (tmp_path / "alerts").write_text(content)
    assert send("a", "b") == {WEBHOOK}
    monkeypatch.delenv(WEBHOOK)
    assert send("a", "b") == set()
    assert f"{tmp_path}/alerts, the file that {FILE} names, cannot be read" in caplog.text
    assert "s3cret" not in caplog.text
