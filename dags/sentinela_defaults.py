"""What the tasks of all DAGs share: owner, retries by cause, alerts, and what a run may be asked for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from airflow.sdk import Asset, ExceptionRetryPolicy, RetryAction, RetryRule, conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowFailException

from jobs.alerts.runs import failed, succeeded
from jobs.settings import SettingsError

POLARITY = Asset("daily_polarity")


def default_args(hours: float) -> dict[str, Any]:
    """Arguments of every task of a DAG, each of which may take so many hours."""
    return {
        "owner": "sentinela-data",
        "retries": 3,
        "retry_delay": timedelta(seconds=conf.getint("core", "default_task_retry_delay")),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=hours),
        "retry_policy": ExceptionRetryPolicy(
            rules=[RetryRule(exception=SettingsError, action=RetryAction.FAIL, reason="mend the settings, then clear")]
        ),
        "on_failure_callback": failed,
        "on_success_callback": succeeded,
    }


def published(outlet_events: Any, days: list[str], key: str) -> None:
    """Tell those who follow daily_polarity which `days` were made; `key` is the partition of their event."""
    event = outlet_events[POLARITY]
    event.extra = {"days": days}
    event.add_partitions(key)


UNTOLD: dict[str, Any] = {"on_failure_callback": None, "on_success_callback": None}
"""Arguments of tasks whose failure is told of elsewhere."""


def deadline(dag_id: str, minutes: float) -> DeadlineAlert:
    """The alert of a run that is not done so many minutes after it was queued."""
    told = SyncCallback("jobs.alerts.runs.late", {"dag_id": dag_id, "minutes": minutes})
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=minutes), told)


def asked(configuration: dict[str, Any] | None, known: Collection[str]) -> dict[str, Any]:
    """The configuration of a run, which may have no other keys than `known`; AirflowFailException otherwise."""
    given = configuration or {}
    if unknown := sorted(given.keys() - set(known)):
        raise AirflowFailException(
            f"unknown in the run's configuration: {', '.join(unknown)}; known: {', '.join(known)}"
        )
    return given


def day_of(key: str) -> date:
    """The published day that `key` names; AirflowFailException when it names none."""
    try:
        return date.fromisoformat(key)
    except ValueError:
        raise AirflowFailException(f"{key!r} is no published day; write one such as 2026-05-12") from None
