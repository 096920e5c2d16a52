from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.alerts.channels import WEBHOOK
from tests.alerts.receivers import Webhook, webhook


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook that the environment names."""
    with webhook() as server:
        monkeypatch.setenv(WEBHOOK, server.address)
        yield server
