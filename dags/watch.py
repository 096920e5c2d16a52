"""## Purpose
Looks every half hour at what is wrong, tells of what is new and of what is over (`sentinela alerts` does the same), and
asks the address in SENTINELA_PING_URL. Let a monitor outside watch that: it raises the alarm when Airflow is down.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`look` failed**: the lake or the settings cannot be read; the error names the place. Nothing was told meanwhile but
  this. Mend that and wait for the next run.
- **a log line of something that could not be sent**: the webhook, the mail server or the monitor did not answer. What
  was not told is told with the next run.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task
from sentinela_defaults import asked, default_args

from jobs.settings import load

with DAG(
    dag_id="watch",
    description="What is wrong is told, and that we are alive",
    doc_md=__doc__,
    schedule="*/30 * * * *",
    catchup=False,
    max_active_runs=1,
    tags=["sentinela", "watch"],
    default_args={**default_args(hours=0.25), "retries": 0},  # the next run is no further away than another try
) as dag:

    @task
    def look() -> list[str]:
        """Tell of what is new and over; returns what stands."""
        from jobs.alerts.alerts import settle
        from jobs.alerts.channels import ping

        ping()
        asked(get_current_context()["dag_run"].conf, [])
        return [alert.cause.what for alert in settle(load())]

    look()
