"""## Purpose
Writes the report (page, spreadsheet, CSV) of the latest period whenever `daily_polarity` was published. Days that are
published while a report is being written are taken together by the next one, so a backfill of thirty days makes a
few reports, not thirty.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`report` failed**: the previous report stays where it was. The error names the file or setting; most often the
  reports folder cannot be written. Clear the task.
- **no run after `daily_polarity`**: this DAG is paused, or `aggregate` did not succeed.
- **a report lacks a feed or a day**: its data quality box says which; see the triage of `daily_polarity`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, ExceptionRetryPolicy, RetryAction, RetryRule, task

from jobs.settings import SettingsError, load

with DAG(
    dag_id="polarity_report",
    description="Report of the latest period, when the numbers have moved",
    doc_md=__doc__,
    schedule=Asset("daily_polarity"),
    catchup=False,
    max_active_runs=1,
    tags=["sentinela", "report"],
    default_args={
        "owner": "sentinela-data",
        "retries": 3,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=1),
        "retry_policy": ExceptionRetryPolicy(
            rules=[RetryRule(exception=SettingsError, action=RetryAction.FAIL, reason="mend the settings, then clear")]
        ),
    },
) as dag:

    @task
    def report() -> str:
        """daily_polarity -> HTML, XLSX and CSV; returns where the page lies."""
        from jobs.report import report

        return str(report(load()).path)

    report()
