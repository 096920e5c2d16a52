"""Alerts of what Airflow runs: a task that failed for good, a run that is late. Imported where DAG files are read.

A task that tells leaves word of it on itself, in Airflow. One that is killed calls nothing back: the `verdict` of its
run tells, or the DAG `watch`, which finds no such word on it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from jobs.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from jobs.alerts.causes import Cause

log = logging.getLogger(__name__)
FAILED, LATE = "task", "late"
OURS = ("jobs", "models", "data_contracts", "airflow")
TOLD, OF_TASK, OF_RUN = "told", "task", "run"
"""The XCom by which a task says that it told of itself, or of all that went wrong in its run."""
STOPPED = "and no task said why: one was killed, perhaps for want of memory; their states and logs say more"


def failed(context: dict[str, Any]) -> None:
    """Tell that the task of `context` failed, its last try included: Airflow's on_failure_callback."""
    task = context["ti"]
    if _tell(_of_task(task.dag_id, task.task_id, f"{task.task_id} of {task.dag_id} failed: {_said(context)}")):
        task.xcom_push(TOLD, OF_TASK)


def unforeseen(context: dict[str, Any]) -> None:
    """As `failed`, of a task that has told of what it fails for itself, with an AirflowFailException."""
    if type(context.get("exception")).__name__ == "AirflowFailException":
        context["ti"].xcom_push(TOLD, OF_RUN)
    else:
        failed(context)


def unread(context: dict[str, Any]) -> None:
    """Tell that the feed of `context` could not be read: what the ledger says of it, else what the task ended with.

    The on_failure_callback of `ingest`, of whose feeds each is a cause of its own. A dry run tells nobody.
    """
    from jobs.alerts.alerts import settle
    from jobs.lake.faults import LakeError

    if context["params"]["dry_run"]:
        return
    dag_id, feed = context["ti"].dag_id, context["task"].op_kwargs["feed"]
    is_told = False
    try:
        is_told = feed in _unseen(settle(load()))
    except (SettingsError, LakeError) as fault:
        log.error("%s", fault)
    if is_told or _tell(_of_feed(dag_id, feed, f"feed {feed} could not be read: {_said(context)}")):
        context["ti"].xcom_push(TOLD, OF_TASK)


def killed(dag_id: str, task: str, run_id: str) -> Cause:
    """The cause of a `task` that failed and told nobody."""
    what = f"{task} of {dag_id} failed and could not say why: it was killed, perhaps for want of memory, in {run_id}"
    return _of_task(dag_id, task, what)


def succeeded(context: dict[str, Any]) -> None:
    """Tell that the task of `context` is well again, if it was not: Airflow's on_success_callback."""
    from jobs.alerts.alerts import tell

    tell(load(), over=over(context["ti"].dag_id, [context["ti"].task_id]))


def over(dag_id: str, tasks: Iterable[str]) -> list[str]:
    """The keys of alerts that are over once `tasks` of `dag_id` have succeeded."""
    return [f"{LATE}.{dag_id}", *(f"{FAILED}.{dag_id}.{task}" for task in tasks)]


def conclude(
    settings: Settings, dag_id: str, well: Iterable[str], read: Iterable[str], missing: Collection[str], finished: bool
) -> None:
    """Tell at the end of a run of all that is wrong and over, and of what went wrong without a word.

    The tasks `well` have succeeded, the feeds `read` came and those that are `missing` did not; the run is `finished`
    when its numbers were made.
    """
    from jobs.alerts.alerts import settle, tell

    done = [*well, *(f"ingest.{feed}" for feed in read), *(["run"] if finished else [])]
    alerts = settle(settings, judged=over(dag_id, done))
    ours = [alert.cause.subject.split(".")[1:] for alert in alerts if alert.cause.key.startswith(f"{FAILED}.{dag_id}.")]
    late = any(group == "late" for group, *_ in ours)
    silent = [
        _of_feed(dag_id, feed, f"feed {feed} did not come, {STOPPED}")
        for feed in missing
        if not late and feed not in _unseen(alerts)
    ]
    if not finished and not any(len(task) == 1 for task in ours):
        silent.append(_of_task(dag_id, "run", f"the numbers of {dag_id} were not made anew, {STOPPED}"))
    tell(settings, silent)


def late(dag_id: str, minutes: float, context: dict[str, Any] | None = None) -> None:
    """Tell that a run of `dag_id` was not done `minutes` after it was queued: the callback of a DeadlineAlert.

    Runs of a backfill wait for each other; they are never late, nor is one that has ended.
    """
    run = (context or {}).get("dag_run") or {}
    day = run.get("partition_key") or run.get("dag_run_id") or "its newest run"
    if run.get("state") not in ("success", "failed") and run.get("run_type") != "backfill":
        _tell(_cause(LATE, dag_id, f"{dag_id} for {day} was not done within {minutes:g} minutes", dag_id))


def _unseen(alerts: Iterable[Any]) -> set[str]:
    """Feeds of which it stands that they could not be seen."""
    from jobs.coverage import UNSEEN

    return {alert.cause.subject for alert in alerts if alert.cause.kind in UNSEEN}


def _of_task(dag_id: str, task: str, what: str) -> Cause:
    return _cause(FAILED, f"{dag_id}.{task}", what, dag_id)


def _of_feed(dag_id: str, feed: str, what: str) -> Cause:
    return _of_task(dag_id, f"ingest.{feed}", what)


def _cause(kind: str, subject: str, what: str, dag_id: str) -> Cause:
    from jobs.alerts.causes import Cause

    return Cause(kind, subject, what, f"airflow dags list-runs {dag_id}")


def _tell(cause: Cause) -> bool:
    """Tell of `cause`; whether it stands now or, where that cannot be known, somebody heard of it."""
    from jobs.alerts.alerts import tell
    from jobs.alerts.channels import send
    from jobs.lake.faults import LakeError

    try:
        return cause.key in {alert.cause.key for alert in tell(load(), [cause])}
    except (SettingsError, LakeError) as fault:  # what stands cannot be known then
        log.error("%s", fault)
        return bool(send(f"Sentinela: {cause.what.splitlines()[0][:120]}", f"{cause.what}\nBeside that: {fault}"))


def _said(context: dict[str, Any]) -> str:
    """What went wrong: our own words, of others' the kind alone, for they may hold anything."""
    fault = context.get("exception")
    if isinstance(fault, BaseException) and type(fault).__module__.partition(".")[0] in OURS:
        return str(fault)
    return f"{type(fault).__name__ if isinstance(fault, BaseException) else 'no reason is known'}; its log says more"
