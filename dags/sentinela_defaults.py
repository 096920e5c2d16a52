"""What all DAGs and their tasks share: owner, retries by cause, alerts, and what a run may be asked for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperatorLink, RetryDecision, RetryPolicy, Variable, conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowFailException

from jobs.alerts.runs import OF_RUN, TOLD, failed, succeeded
from jobs.settings import load

POLARITY = Asset("daily_polarity")
LASTING = {
    "airflow.providers.standard.exceptions.HITLTimeoutError": "ask again by clearing the task",
    "data_contracts.odcs.ContractError": "mend the contract, then clear the task",
    "jobs.decision.DecisionError": "look at what is held back, then trigger it anew",
    "jobs.document.SettingsError": "mend the settings, then clear the task",
    "jobs.lake.faults.LakeKeysError": "mend the keys of the store, then clear the task",
    "jobs.report.write.ReportError": "publish days first, then clear the task",
    "jobs.validate.audit.AuditError": "mend the contract or the rule, then clear the task",
    "models.sentiment.contract.ArtifactError": "mend the packaged model, then clear the task",
    "models.sentiment.contract.UnknownModelError": "mend `scoring.model`, then clear the task",
}
"""What to do about faults that another try would end in, too, by their names: importing them would load the steps."""


class ByCause(RetryPolicy):
    """A task fails at once where its fault would last; all else (network, memory, disk) is tried again, ever later."""

    def evaluate(self, exception: BaseException, *_: Any, **__: Any) -> RetryDecision:
        """What becomes of a task that ended with `exception`."""
        for kind in type(exception).__mro__:
            if advice := LASTING.get(f"{kind.__module__}.{kind.__qualname__}"):
                return RetryDecision.fail(f"another try would end the same: {advice}")
        return RetryDecision.default()


RED = "sentinela_red."
"""What variables of Airflow begin with that are notes of red runs, until `watch` has looked at them."""


def noted(context: dict[str, Any]) -> None:
    """Leave a note of a run that is red: the on_failure_callback of every DAG.

    It runs where DAG files are read, from where neither the lake nor a channel can be reached; so `watch` tells.
    """
    dag, run_id = context["dag"], context["run_id"]
    callers = [task.task_id for task in dag.tasks if task.has_on_failure_callback]
    note = {"dag_id": dag.dag_id, "run_id": run_id, "callers": callers}
    Variable.set(f"{RED}{dag.dag_id}.{run_id}"[:250], note, serialize_json=True)


EVERY: dict[str, Any] = {"catchup": False, "max_active_runs": 1, "on_failure_callback": noted}
"""Arguments of every DAG."""


def wordless(ti: Any, dag_id: str, run_id: str, callers: Collection[str]) -> list[str]:
    """Of the tasks that tell when they fail, those that failed in a run and could not, as `ti` can ask Airflow."""
    ended = ti.get_task_breadcrumbs(dag_id, run_id)
    failures = [(one["task_id"], one["map_index"]) for one in ended if one["state"] == "failed"]
    told = {
        (task, index): ti.xcom_pull(task, dag_id, TOLD, map_indexes=index, run_id=run_id) for task, index in failures
    }
    if OF_RUN in told.values():
        return []
    return sorted({task for (task, _), said in told.items() if task in callers and not said})


def default_args(hours: float) -> dict[str, Any]:
    """Arguments of every task of a DAG, each of which may take so many hours."""
    return {
        "owner": "sentinela-data",
        "retries": 3,
        "retry_delay": timedelta(seconds=conf.getint("core", "default_task_retry_delay")),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=hours),
        "retry_policy": ByCause(),
        "on_failure_callback": failed,
        "on_success_callback": succeeded,
    }


def published(outlet_events: Any, days: list[str], key: str) -> None:
    """Tell those who follow daily_polarity which `days` were made; `key` is the partition of their event."""
    event = outlet_events[POLARITY]
    event.extra = {"days": days}
    event.add_partitions(key)


class PageLink(BaseOperatorLink):
    """A button in Airflow beside a task, to a page below `reports`, where the settings have `reports_url`."""

    def __init__(self, page: str | None = None) -> None:
        """`page` is a path below `reports`, or None: what the task returned, or its `page`."""
        self.page = page

    @property
    def name(self) -> str:
        """What stands on the button."""
        return "Open the page"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Where the page is opened; nothing, and so no button, where that is not known."""
        from airflow.sdk.execution_time.xcom import XCom

        from jobs.shelf import Shelf

        settings = load()
        if not settings.reports_url:
            return ""
        page = self.page
        if page is None and (returned := XCom.get_value(ti_key=ti_key, key=XCom.XCOM_RETURN_KEY)):
            page = Shelf(settings.reports).name(returned["page"] if isinstance(returned, dict) else returned)
        return f"{settings.reports_url.rstrip('/')}/{page}" if page else ""


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
            f"unknown in the run's configuration: {', '.join(unknown)}; known: {', '.join(known) or 'nothing'}"
        )
    return given


WHY: dict[str, Any] = {"default": None, "type": ["null", "string"], "minLength": 3}
"""A Param for the reason of an answer; its default is none, as Airflow starts no task without, and `reason_of` asks."""


def reason_of(answer: dict[str, Any], name: str) -> str:
    """The reason that a person gave as `name` with an answer; AirflowFailException without one."""
    if reason := (answer.get("params_input") or {}).get(name):
        return str(reason)
    raise AirflowFailException(f"the answer has no reason: clear the task that waits and answer with `{name}`")


def day_of(key: str) -> date:
    """The published day that `key` names; AirflowFailException when it names none."""
    try:
        day = date.fromisoformat(key)
    except ValueError:
        day = None
    if day is None or str(day) != key:  # ISO knows other ways to write a day
        raise AirflowFailException(f"{key!r} is no published day; write one such as 2026-05-12")
    return day
