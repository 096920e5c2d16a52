"""## Purpose
Looks every half hour at what is wrong, tells of what is new and of what is over (`sentinela alerts` does the same) and
of tasks of red runs that could not tell themselves, as they were killed. Then it asks the address in
SENTINELA_PING_URL. Let a monitor outside watch that: it raises the alarm when Airflow is down.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`look` failed**: the lake or the settings cannot be read; the error names the place. Nothing was told meanwhile but
  this. Mend that and wait for the next run.
- **an alert of a task that was killed**: its log and that of the scheduler say more; most often memory was short. Clear
  the task.
- **a log line of something that could not be sent**: the webhook, the mail server or the monitor did not answer. What
  was not told is told with the next run.
"""

from __future__ import annotations

from airflow.sdk import DAG, Variable, get_current_context, task
from sentinela_defaults import EVERY, RED, asked, default_args, wordless

from jobs.settings import load

with DAG(
    dag_id="watch",
    description="What is wrong is told, and that we are alive",
    doc_md=__doc__,
    schedule="*/30 * * * *",
    **EVERY,
    tags=["sentinela", "watch"],
    default_args={**default_args(hours=0.25), "retries": 0},  # the next run is no further away than another try
) as dag:

    @task
    def look() -> list[str]:
        """Tell of what is new and over; returns what stands."""
        from jobs.alerts.alerts import settle
        from jobs.alerts.channels import ping
        from jobs.alerts.runs import killed

        context = get_current_context()
        try:
            asked(context["dag_run"].conf, [])
            notes = {name: Variable.get(name, deserialize_json=True) for name in Variable.keys(prefix=RED)}
            silent = [
                killed(note["dag_id"], task_id, note["run_id"])
                for note in notes.values()
                for task_id in wordless(context["ti"], **note)
            ]
            stands = [alert.cause.what for alert in settle(load(), silent)]
            for name in notes:
                Variable.delete(name)
            return stands
        finally:
            ping()  # last: a look that is killed every time is told of by the monitor outside

    look()
