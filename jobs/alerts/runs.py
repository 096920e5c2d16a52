"""Alerts of what Airflow runs: a task that failed for good, a run that is late. Imported where DAG files are read."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from jobs.settings import SettingsError, load

log = logging.getLogger(__name__)
FAILED, LATE = "task", "late"
OURS = ("jobs", "models", "data_contracts", "airflow")


def failed(context: dict[str, Any]) -> None:
    """Tell that the task of `context` failed, its last try included: Airflow's on_failure_callback."""
    task = context["ti"]
    _tell(FAILED, f"{task.dag_id}.{task.task_id}", f"{task.task_id} of {task.dag_id} failed: {_said(context)}")


def succeeded(context: dict[str, Any]) -> None:
    """Tell that the task of `context` is well again, if it was not: Airflow's on_success_callback."""
    from jobs.alerts.alerts import tell

    tell(load(), over=over(context["ti"].dag_id, [context["ti"].task_id]))


def over(dag_id: str, tasks: Iterable[str]) -> list[str]:
    """The keys of alerts that are over once `tasks` of `dag_id` have succeeded."""
    return [f"{LATE}.{dag_id}", *(f"{FAILED}.{dag_id}.{task}" for task in tasks)]


def late(dag_id: str, minutes: float, context: dict[str, Any] | None = None) -> None:
    """Tell that a run of `dag_id` was not done `minutes` after it was queued: the callback of a DeadlineAlert.

    Runs of a backfill wait for each other; they are never late.
    """
    run = (context or {}).get("dag_run") or {}
    if run.get("run_type") != "backfill":
        day = run.get("partition_key") or run.get("dag_run_id") or "its newest run"
        _tell(LATE, dag_id, f"{dag_id} for {day} was not done within {minutes:g} minutes")


def _tell(kind: str, subject: str, what: str) -> None:
    from jobs.alerts.alerts import tell
    from jobs.alerts.causes import Cause
    from jobs.alerts.channels import send
    from jobs.lake.faults import LakeError

    cause = Cause(kind, subject, what, f"airflow dags list-runs {subject.partition('.')[0]}")
    try:
        tell(load(), [cause])
    except (SettingsError, LakeError) as fault:  # what stands cannot be known then
        log.error("%s", fault)
        send(f"Sentinela: {what.splitlines()[0][:120]}", f"{what}\nBeside that: {fault}")


def _said(context: dict[str, Any]) -> str:
    """What went wrong: our own words, of others' the kind alone, for they may hold anything."""
    fault = context.get("exception")
    if isinstance(fault, BaseException) and type(fault).__module__.partition(".")[0] in OURS:
        return str(fault)
    return f"{type(fault).__name__ if isinstance(fault, BaseException) else 'no reason is known'}; its log says more"
