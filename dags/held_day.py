"""## Purpose
Lets a person decide on a day that validation holds back: release it as it is, or give up what is held and leave the day
as it was published. Trigger it with the day; `waiting` shows what is held and waits for the answer and its reason, in
the UI under *Required actions* or by REST. Who answered and why is kept in the commit.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`rows` failed**: the day is not held back, or is no day; the error names those that are. Nothing was done.
- **`carry_out` failed**: as of the tasks of `daily_polarity`; clear it. The decision is kept.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from sentinela_defaults import EVERY, POLARITY, WHY, asked, day_of, default_args, published, reason_of

from jobs.settings import load

RELEASE, GIVE_UP = "Release", "Give up"

with DAG(
    dag_id="held_day",
    description="A day that is held back is released or given up",
    doc_md=__doc__,
    schedule=None,
    **EVERY,
    tags=["sentinela", "by hand"],
    params={"day": Param(type="string", format="date", description="The published day that is held back.")},
    default_args=default_args(hours=2),
) as dag:

    @task
    def rows() -> str:
        """What is held back of the day, a line an item."""
        from jobs.lake.query import View
        from jobs.lake.table import Lake
        from jobs.quarantine import list_items

        settings, context = load(), get_current_context()
        asked(context["dag_run"].conf, ["day"])
        day = day_of(context["params"]["day"]).isoformat()
        held = View(Lake(settings.lake)).held()
        if day not in held:
            raise AirflowFailException(f"{day} is not held back; held back are: {', '.join(held) or 'none'}")
        items = list_items(settings, [day], None, None, held=True, limit=20)
        return "\n".join(f"- {item['feed']}: {', '.join(item['rules'])}" for item in items)

    waiting = HITLOperator(
        task_id="waiting",
        subject="{{ params.day }} is held back",
        body="Items that broke a rule, twenty at most:\n\n{{ ti.xcom_pull(task_ids='rows') }}",
        options=[RELEASE, GIVE_UP],
        params={"reason": Param(**WHY, description="Why; it is kept.")},
        response_timeout=timedelta(days=7),
        execution_timeout=None,
    )

    @task(outlets=[POLARITY])
    def carry_out(answer: dict[str, Any], outlet_events: Any = None) -> list[str]:
        """Do what was decided; returns the days, those that share items with the day included."""
        from jobs.decision import Decision, give_up, release

        settings, day = load(), day_of(get_current_context()["params"]["day"]).isoformat()
        decide = release if answer["chosen_options"] == [RELEASE] else give_up
        who = (answer.get("responded_by_user") or {}).get("name") or "Airflow"
        days = decide(settings, [day], Decision(who, reason_of(answer, "reason")))
        published(outlet_events, days, day)
        return days

    rows() >> waiting
    carry_out(waiting.output)  # type: ignore[arg-type]
