"""Where alerts go, by a real webhook and a real mail server on loopback."""

from __future__ import annotations

import pytest

from jobs.alerts.channels import EMAIL, PING, SMTP, WEBHOOK, ping, send
from tests.alerts.receivers import Webhook, mail_server


def test_a_webhook_is_told_as_slack_is(hook: Webhook) -> None:
    assert send("Sentinela: feed masto failed", "no answer")
    assert hook.texts == ["*Sentinela: feed masto failed*\nno answer"]


def test_every_address_gets_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as (address, mails):
        monkeypatch.setenv(SMTP, address)
        monkeypatch.setenv(EMAIL, "ana@example.org, rui@example.org")
        assert send("Sentinela: São Paulo", "sem notícia")
    (mail,) = mails
    assert (mail["From"], mail["X-RcptTo"]) == ("sentinela@example.org", "ana@example.org, rui@example.org")
    assert mail.get_payload(decode=True).decode().strip() == "sem notícia"  # type: ignore[union-attr]


def test_a_channel_that_fails_keeps_the_other_from_nothing_and_its_address_secret(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    with mail_server() as (address, mails):
        monkeypatch.setenv(SMTP, address)
        monkeypatch.setenv(EMAIL, "ana@example.org")
        assert send("a", "b")
    assert len(mails) == 1
    assert WEBHOOK in caplog.text
    assert "s3cret" not in caplog.text


def test_what_no_channel_takes_was_not_sent(hook: Webhook) -> None:
    hook.status = 500
    assert not send("a", "b")


def test_without_a_channel_there_is_nothing_to_wait_for() -> None:
    assert send("a", "b")
    assert ping()


def test_the_ping_says_that_we_are_alive(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PING, hook.address)
    assert ping()
    hook.status = 500
    assert not ping()
    assert hook.pings == 2
