"""The command line `sentinela`, called by tests in their own process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from jobs.cli import main
from tests.place import FETCHED


@dataclass(frozen=True)
class Done:
    """How a call of the command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def sentinela(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Run the command line in this process; the libraries are loaded once."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("jobs", "models", "data_contracts")]
    handlers, levels = list(root.handlers), [logger.level for logger in (root, *ours)]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sentinela", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    root.handlers[:] = handlers
    for logger, level in zip((root, *ours), levels, strict=True):
        logger.setLevel(level)
