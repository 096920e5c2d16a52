"""Long work shows where it is: a bar on a terminal, a plain log line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

log = logging.getLogger(__name__)
LOG_EVERY_SECONDS = 10
T = TypeVar("T")


def track(items: Iterable[T], what: str, total: int | None = None, weight: str = "items") -> Iterator[T]:
    """Yield `items`, showing how many have passed; something with `num_rows` counts as its rows.

    Bars of several threads would write over each other, so that another than the main one logs.
    """
    has_terminal = sys.stderr.isatty() and threading.current_thread() is threading.main_thread()
    return _bar(items, what, total, weight) if has_terminal else _logged(items, what, total, weight)


def _bar(items: Iterable[T], what: str, total: int | None, weight: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{what} ({weight})", total=total)
        for item in items:
            yield item
            progress.advance(task, getattr(item, "num_rows", 1))


def _logged(items: Iterable[T], what: str, total: int | None, weight: str) -> Iterator[T]:
    done, last = 0, time.monotonic()
    for item in items:
        yield item
        done += getattr(item, "num_rows", 1)
        if time.monotonic() - last > LOG_EVERY_SECONDS:
            log.info("%s: %d%s %s", what, done, f" of {total}" if total else "", weight)
            last = time.monotonic()
