"""Letting something happen in the middle of a step: what it makes is written, and nothing of it is committed yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from jobs.step import Change


def overtake(patch: pytest.MonkeyPatch, step: type, by: Callable[[], object]) -> None:
    """Let `by` happen once, the next time that `step` (a class) has made its files."""
    make: Callable[..., Mapping[Any, Change]] = step.make  # type: ignore[attr-defined]
    waiting = [by]

    def making(self: Any, *given: Any) -> Mapping[Any, Change]:
        changes = make(self, *given)
        if waiting:
            waiting.pop()()
        return changes

    patch.setattr(step, "make", making)
