"""Who was told what: each cause once by each channel when it appears, and once when it is over."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest

from jobs.alerts import alerts as module
from jobs.alerts.alerts import open_alerts, settle, tell
from jobs.alerts.causes import Cause
from jobs.alerts.channels import EMAIL, SMTP, WEBHOOK
from jobs.settings import Settings
from tests.alerts.receivers import Webhook, mail_server
from tests.place import Place

CAUSE = Cause("task", "a.b", "b of a failed", "look")
OTHER = Cause("task", "a.c", "c of a failed", "look")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Place(tmp_path).settings


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Message]]:
    """What was sent by mail, which is set up."""
    with mail_server() as (address, mails):
        monkeypatch.setenv(SMTP, address)
        monkeypatch.setenv(EMAIL, "ana@example.org")
        yield mails


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can be written."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def causes(settings: Settings) -> list[Cause]:
    return [alert.cause for alert in open_alerts(settings)]


def test_a_cause_is_told_once_and_once_when_it_is_over(settings: Settings, hook: Webhook) -> None:
    for words in ("b of a failed", "b of a failed otherwise"):
        tell(settings, [replace(CAUSE, what=words)])
    assert causes(settings) == [CAUSE]
    for _ in range(2):
        assert tell(settings, over=[CAUSE.key]) == []
    assert ["over: " in text for text in hook.texts] == [False, True]


def test_what_is_not_judged_stands(settings: Settings, hook: Webhook) -> None:
    tell(settings, [CAUSE])
    assert [alert.cause for alert in settle(settings)] == [CAUSE]
    assert settle(settings, judged=[CAUSE.key]) == []


def test_of_many_that_see_a_cause_at_once_one_tells(settings: Settings, hook: Webhook) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tell(settings, [CAUSE]), range(8)))
    assert len(hook.texts) == 1
    assert causes(settings) == [CAUSE]


def test_what_could_not_be_sent_stands_and_is_told_the_next_time(settings: Settings, hook: Webhook) -> None:
    hook.status = 500
    assert [alert.cause for alert in tell(settings, [CAUSE])] == [CAUSE]
    hook.status = 200
    for _ in range(2):
        settle(settings)
    assert len(hook.texts) == 1
    hook.status = 500
    assert tell(settings, over=[CAUSE.key]) != []
    hook.status = 200
    assert tell(settings, over=[CAUSE.key]) == []
    assert len(hook.texts) == 2


def test_a_channel_that_did_not_answer_is_told_later_and_the_other_not_twice(
    settings: Settings, hook: Webhook, mails: list[Message]
) -> None:
    hook.status = 500
    tell(settings, [CAUSE])
    assert (len(hook.texts), len(mails)) == (0, 1)
    hook.status = 200
    for _ in range(2):
        settle(settings)
    assert (len(hook.texts), len(mails)) == (1, 1)
    hook.status = 500
    tell(settings, over=[CAUSE.key])
    hook.status = 200
    assert tell(settings, over=[CAUSE.key]) == []
    assert (len(hook.texts), len(mails)) == (2, 2)


def test_who_was_not_told_that_it_began_is_not_told_that_it_is_over(
    settings: Settings, hook: Webhook, mails: list[Message]
) -> None:
    hook.status = 500
    tell(settings, [CAUSE])
    hook.status = 200
    assert tell(settings, over=[CAUSE.key]) == []
    assert (len(hook.texts), len(mails)) == (0, 2)


def test_without_a_channel_it_stands_and_is_told_as_soon_as_there_is_one(
    settings: Settings, hook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as bare:
        bare.delenv(WEBHOOK)
        for _ in range(2):
            assert [alert.cause for alert in tell(settings, [CAUSE])] == [CAUSE]
        assert caplog.text.count(CAUSE.what) == 1
    for _ in range(2):
        settle(settings)
    assert len(hook.texts) == 1


def test_without_a_channel_what_was_told_by_one_is_not_over_unsaid(
    settings: Settings, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(settings, [CAUSE])
    with monkeypatch.context() as bare:
        bare.delenv(WEBHOOK)
        assert tell(settings, over=[CAUSE.key]) != []
    assert tell(settings, over=[CAUSE.key]) == []
    assert len(hook.texts) == 2


def test_without_any_channel_at_all_it_is_over_when_it_is(settings: Settings) -> None:
    tell(settings, [CAUSE])
    assert tell(settings, over=[CAUSE.key]) == []


def test_where_the_lake_cannot_be_written_each_cause_is_told_once_a_time(settings: Settings, hook: Webhook) -> None:
    with full_disk():
        assert tell(settings, [CAUSE, OTHER]) == []
    assert sorted(text.splitlines()[-2] for text in hook.texts) == [CAUSE.what, OTHER.what]


def test_an_alert_that_is_kept_while_the_lake_is_looked_at_stands(
    settings: Settings, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else tells of a held day after the lake was looked at, and before the alerts were."""
    held = Cause("held", "2026-06-03", "2026-06-03 is held back", "look")
    look = module.standing

    def looked(settings: Settings) -> list[Cause]:
        found = look(settings)
        tell(settings, [held])
        return found

    monkeypatch.setattr(module, "standing", looked)
    assert [alert.cause for alert in settle(settings)] == [held]
    assert len(hook.texts) == 1
