"""Tell of each cause once when it appears and once when it is over; what stands between lies in the lake's state.

An alert remembers which channels were told that it stands: one that did not answer, or that is set up later, is told
the next time, and the others are not told twice.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobs.alerts.backups import looked_at, overdue
from jobs.alerts.causes import STANDING, Cause, standing
from jobs.alerts.channels import named, send
from jobs.lake.faults import LakeError
from jobs.lake.state import State
from jobs.lake.table import Lake
from jobs.settings import Settings, now

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alert:
    """A cause that stands, since when, and the channels that were told so."""

    cause: Cause
    since: datetime
    told: frozenset[str]

    @classmethod
    def kept(cls, one: dict[str, Any]) -> Alert:
        """The alert that `as_kept` gave."""
        cause = Cause(*(one[part] for part in ("kind", "subject", "what", "look")))
        return cls(cause, datetime.fromisoformat(one["since"]), frozenset(one.get("told", ())))

    @property
    def as_kept(self) -> dict[str, Any]:
        """As the lake's state keeps it."""
        return {**vars(self.cause), "since": self.since.isoformat(), "told": sorted(self.told)}


def settle(settings: Settings, causes: Iterable[Cause] = (), judged: Iterable[str] = ()) -> list[Alert]:
    """Tell of what is new and of what is over; the alerts that stand then, oldest first.

    To `causes` come those that the lake and the backups show. Of alerts that stand, only those of the lake's kinds, of
    backups that can be seen from here and those whose key is among `judged` can be over.
    """
    before = open_alerts(settings)  # first: an alert that is kept while we look is not over because we have not seen it
    wrong, judged = _by_key([*standing(settings), *overdue(), *causes]), {*looked_at(), *judged}
    over = {one.cause.key for one in before if one.cause.kind in STANDING or one.cause.key in judged} - wrong.keys()
    return _change(settings, before, wrong, over, {alert.cause.key for alert in before} - over)


def tell(settings: Settings, causes: Iterable[Cause] = (), over: Iterable[str] = ()) -> list[Alert]:
    """As `settle`, but without a look at what the lake shows: of `causes`, and of the keys that are `over`."""
    wrong = _by_key(causes)
    return _change(settings, open_alerts(settings), wrong, set(over) - wrong.keys(), wrong.keys())


def open_alerts(settings: Settings) -> list[Alert]:
    """The alerts that stand, oldest first."""
    alerts = map(Alert.kept, State(Lake(settings.lake)).alerts().values())
    return sorted(alerts, key=lambda alert: (alert.since, alert.cause.key))


def _by_key(causes: Iterable[Cause]) -> dict[str, Cause]:
    return {cause.key: cause for cause in causes}


def _change(
    settings: Settings, before: list[Alert], wrong: dict[str, Cause], over: Collection[str], stay: Collection[str]
) -> list[Alert]:
    """Begin the alerts of what is `wrong`, end those that are `over` and tell those that `stay` to who was not told."""
    state = State(Lake(settings.lake))
    known = {alert.cause.key for alert in before}
    for cause in (cause for key, cause in wrong.items() if key not in known):
        _begin(state, cause)
    for alert in before:
        with _noted():
            if alert.cause.key in over:
                _end(state, alert)
            elif alert.cause.key in stay and (owed := named() - alert.told) and (took := _say(alert.cause, owed)):
                _keep(state, alert, alert.told | took)
    return open_alerts(settings)


@contextmanager
def _noted() -> Iterator[None]:
    """A lake that cannot be written keeps no other alert from being told."""
    try:
        yield
    except LakeError as fault:
        log.error("%s", fault)


def _begin(state: State, cause: Cause) -> None:
    """Tell of `cause`, unless another does at this moment. Where that cannot be known it is told each time."""
    alert, is_ours = Alert(cause, now(), frozenset(named())), True
    with _noted():
        is_ours = state.claim_alert(cause.key, alert.as_kept)
    if is_ours and (took := _say(cause, alert.told)) != alert.told:
        with _noted():
            _keep(state, alert, took)


def _end(state: State, alert: Alert) -> None:
    """Tell who was told that it is over, and keep the alert for those alone whom that did not reach.

    An alert that was told by channels of which there is none here, as in a bare shell, is left to who has them.
    """
    here = named()
    if alert.told and not here:
        return
    state.drop_alert(alert.cause.key)  # first: what cannot be forgotten would be told to be over again and again
    lasted = f"It lasted from {alert.since:%Y-%m-%d %H:%M} to {now():%Y-%m-%d %H:%M} UTC."
    asked = alert.told & here
    if left := asked - _send(alert.cause, "over: ", lasted, asked):
        _keep(state, alert, left)


def _keep(state: State, alert: Alert, told: Collection[str]) -> None:
    state.keep_alert(alert.cause.key, replace(alert, told=frozenset(told)).as_kept)


def _say(cause: Cause, to: Collection[str]) -> set[str]:
    return _send(cause, "", f"Look at it with `{cause.look}`.", to)


def _send(cause: Cause, over: str, more: str, to: Collection[str]) -> set[str]:
    log.warning("alert: %s%s", over, cause.what)
    headline = cause.what.splitlines()[0]
    return send(f"Sentinela: {over}{headline[:120]}", f"{cause.what}\n{more}", to)
