"""Tell of each cause once when it appears and once when it is over; what stands between lies in the lake's state."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.alerts.causes import STANDING, Cause, standing
from jobs.alerts.channels import send
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings, now

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """A cause that was told of, and since when."""

    cause: Cause
    since: datetime


def settle(settings: Settings, causes: Iterable[Cause] = (), judged: Iterable[str] = ()) -> list[Alert]:
    """Tell of what is new and of what is over; the alerts that stand then, oldest first.

    To `causes` come those that the lake shows. Of alerts that stand, only those of the lake's kinds and those whose key
    is among `judged` can be over. What no channel takes is told again the next time.
    """
    return _settle(settings, [*standing(settings), *causes], STANDING, set(judged))


def tell(settings: Settings, causes: Iterable[Cause] = (), over: Iterable[str] = ()) -> list[Alert]:
    """As `settle`, but without a look at what the lake shows: of `causes`, and of the keys that are `over`."""
    return _settle(settings, list(causes), (), set(over))


def open_alerts(settings: Settings) -> list[Alert]:
    """The alerts that stand, oldest first."""
    kept = State(Lake(settings.lake)).alerts().values()
    return sorted((_alert(one) for one in kept), key=lambda alert: (alert.since, alert.cause.key))


def _settle(settings: Settings, causes: list[Cause], kinds: Iterable[str], judged: set[str]) -> list[Alert]:
    state, before, wrong = State(Lake(settings.lake)), open_alerts(settings), {cause.key: cause for cause in causes}
    known, kinds = {alert.cause.key for alert in before}, set(kinds)
    for cause in wrong.values():
        if cause.key not in known and _send(cause, "", f"Look at it with `{cause.look}`."):
            state.keep_alert(cause.key, {**vars(cause), "since": now().isoformat()})
    for alert in before:
        if (alert.cause.kind in kinds or alert.cause.key in judged) and alert.cause.key not in wrong:
            lasted = f"It lasted from {alert.since:%Y-%m-%d %H:%M} to {now():%Y-%m-%d %H:%M} UTC."
            if _send(alert.cause, "over: ", lasted):
                state.drop_alert(alert.cause.key)
    return open_alerts(settings)


def _send(cause: Cause, over: str, more: str) -> bool:
    log.warning("alert: %s%s", over, cause.what)
    headline = cause.what.splitlines()[0]
    return send(f"Sentinela: {over}{headline[:120]}", f"{cause.what}\n{more}")


def _alert(kept: dict[str, Any]) -> Alert:
    return Alert(
        Cause(*(kept[part] for part in ("kind", "subject", "what", "look"))), datetime.fromisoformat(kept["since"])
    )
