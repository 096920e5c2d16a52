"""What the tasks of all DAGs share: owner, retries, and that a mistake in the settings is not tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, conf

from jobs.settings import SettingsError


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
    }
