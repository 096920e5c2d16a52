"""## Purpose
Tidies the lake every Sunday: small files are merged, and what no reader needs any more is deleted. Readers and writers
may go on meanwhile.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`tidy` failed**: no row changed, and readers see what they saw. The error names the table or the place; most often
  the lake cannot be written. Mend that and clear the task; a week without tidying harms nothing.
- **a reader lacks a file**: it read a version that was replaced more than seven days ago. Let it open the table again,
  or tidy by hand with a higher `sentinela lake tidy --keep-days`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryRule, conf, task

from jobs.settings import SettingsError, load

with DAG(
    dag_id="lake_upkeep",
    description="Small files merged, old ones deleted",
    doc_md=__doc__,
    schedule="0 4 * * 0",
    catchup=False,
    max_active_runs=1,
    tags=["sentinela", "upkeep"],
    default_args={
        "owner": "sentinela-data",
        "retries": 3,
        "retry_delay": timedelta(seconds=conf.getint("core", "default_task_retry_delay")),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=6),
        "retry_policy": ExceptionRetryPolicy(
            rules=[RetryRule(exception=SettingsError, action=RetryAction.FAIL, reason="mend the settings, then clear")]
        ),
    },
) as dag:

    @task(multiple_outputs=False)
    def tidy() -> dict[str, Any]:
        """Tidy the lake; returns what was done to each table."""
        from jobs.tidy import tidy

        return asdict(tidy(load()))

    tidy()
