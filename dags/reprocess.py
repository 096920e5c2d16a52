"""## Purpose
Carries a long range of stored days through the steps again, after a new model, contract or setting: a year is one run,
not 365. Trigger it with the first and the last day. The first task tries it beside the lake and writes a page of what
would move; above the limits of the settings (`reprocess.approve_above`) a person has to approve. Then the days are made
a chunk at a time, readers seeing old figures or new ones, and the report follows. What is up to date is left alone.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
Clearing any task is always safe: a chunk that was made is up to date and costs seconds.

- **`preview` failed**: its last line says what was asked for that cannot be, or which step cannot be tried. Nothing was
  touched.
- **`approve` waits**: open *Required Actions*, look at the page that it names, approve or reject and say why. After a
  week without an answer it fails, and the run with it; clear it to ask again.
- **`carry [FIRST to LAST]` failed**: a fault of ours or of the machine, as in `daily_polarity`. The other chunks go on.
  Clear it.
- **`verdict` failed**: it names the days that were newly held back, or the chunks that failed; the others are
  published. `sentinela quarantine list --held --date DAY` shows the rows.
- **the report did not follow**: `polarity_report` is paused, or no chunk was made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import (
    DAG,
    Param,
    TriggerRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException
from sentinela_defaults import EVERY, POLARITY, UNTOLD, WHY, PageLink, asked, day_of, default_args, published, reason_of

from jobs.settings import CHUNK_DAYS, STEPS, Settings, Window, load

log = logging.getLogger(__name__)
PARAMS = {
    "from": Param(type="string", format="date", title="First published day"),
    "to": Param(type="string", format="date", title="Last published day"),
    "reason": Param(type="string", minLength=3, title="Reason", description="Every commit says so."),
    "steps": Param(
        list(STEPS), type="array", items={"enum": list(STEPS)}, examples=list(STEPS), title="Steps",
        description="Carried out in the order of the pipeline.",
    ),
    "feeds": Param([], type="array", items={"type": "string"}, title="Feeds", description="None are all."),
    "chunk_days": Param(CHUNK_DAYS, type="integer", minimum=1, title="Days at a time"),
    "made_before": Param(
        None, type=["null", "string"], format="date-time", title="Made before",
        description="Make what is up to date, too, where it was made by this moment.",
    ),
}  # fmt: skip


def requested(settings: Settings) -> Any:
    """The Request that the run is given; a mistake in it fails the task at once."""
    from jobs.reprocess.request import ReprocessError, Request

    context = get_current_context()
    asked(context["dag_run"].conf, PARAMS)
    given = context["params"]
    moment = given["made_before"] and datetime.fromisoformat(given["made_before"])
    try:
        return Request.of(
            settings, day_of(given["from"]), day_of(given["to"]), given["steps"], given["feeds"], given["reason"],
            given["chunk_days"], moment,
        )  # fmt: skip
    except ReprocessError as fault:
        raise AirflowFailException(str(fault)) from fault


with DAG(
    dag_id="reprocess",
    description="A range of stored days through the steps again, after a preview and, if need be, an approval",
    doc_md=__doc__,
    schedule=None,
    **EVERY,
    params=PARAMS,
    tags=["sentinela", "reprocess"],
    default_args=default_args(hours=12),
) as dag:

    @task(multiple_outputs=False, **UNTOLD)  # `verdict` tells of it
    def preview() -> dict[str, Any]:
        """Try it beside the lake; what would be made, by chunk, what goes beyond the limits, and what would move."""
        from jobs.reprocess.page import lines, publish
        from jobs.reprocess.preview import preview
        from jobs.reprocess.request import ReprocessError

        settings = load()
        request = requested(settings)
        try:
            seen = preview(settings, request)
        except ReprocessError as fault:
            raise AirflowFailException(str(fault)) from fault
        page = publish(settings, seen)
        told = [f"{what}: {line}" for what, line in lines(seen)]
        log.info("%s", "\n".join([*told, f"preview: {page}"]))
        days = [day for day in seen.days if request.window.start <= date.fromisoformat(day) <= request.window.end]
        return {
            "chunks": [[str(chunk.start), str(chunk.end)] for chunk in request.chunks(days)],
            "above": seen.above(settings.reprocess.approve_above),
            "told": "\n".join(f"- {line}" for line in [*told, f"preview: {page}"]),
            "page": str(page),
        }

    @task.branch
    def decide(seen: dict[str, Any]) -> str | None:
        """To a person above the limits of the settings, else straight on; nowhere when all is up to date."""
        if not seen["chunks"]:
            log.info("all of it is up to date")
            return None
        for sentence in seen["above"]:
            log.warning("%s", sentence)
        return "approve" if seen["above"] else "chunks"

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, multiple_outputs=False)
    def chunks(seen: dict[str, Any], approval: dict[str, Any] | None) -> list[dict[str, Any]]:
        """The first and last day of each chunk, and who let them be made."""
        approved = {"by": "", "because": ""}
        if approval:
            approved = {"by": approval["responded_by_user"]["name"], "because": reason_of(approval, "because")}
            log.info("approved by %(by)s: %(because)s", approved)
        return [{"first": first, "last": last, **approved} for first, last in seen["chunks"]]

    # One at a time: each takes all cores.
    @task(
        map_index_template="{{ task.op_kwargs['chunk']['first'] }} to {{ task.op_kwargs['chunk']['last'] }}",
        max_active_tis_per_dag=1,
        multiple_outputs=False,
        **UNTOLD,  # `verdict` tells of all chunks at once
    )
    def carry(chunk: dict[str, str]) -> dict[str, Any]:
        """The days of a chunk through the steps."""
        from jobs.reprocess.carry import carry_chunk

        settings = load()
        window = Window(start=date.fromisoformat(chunk["first"]), end=date.fromisoformat(chunk["last"]))
        request = replace(requested(settings), window=window)
        if chunk["by"]:
            request = request.approved(chunk["by"], chunk["because"])
        done = carry_chunk(settings, request)
        return {**asdict(done), "window": [chunk["first"], chunk["last"]]}

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, multiple_outputs=False, outlets=[POLARITY])
    def publish(done: Iterable[dict[str, Any]], outlet_events: Any = None) -> list[str]:
        """Tell those who follow daily_polarity which days were made."""
        days = sorted(day for chunk in done for day in chunk["days"])
        published(outlet_events, days, max(days, default=get_current_context()["params"]["to"]))
        return days

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def verdict(
        seen: dict[str, Any] | None, wanted: list[dict[str, Any]] | None, done: Iterable[dict[str, Any]] | None
    ) -> None:
        """Fail the run, after all that could be made was, for a chunk that failed or a day that was newly held back."""
        if seen is None:
            raise AirflowFailException("nothing was done: the log of `preview` says why")
        made = list(done or [])
        windows = [chunk["window"] for chunk in made]
        failures = [line for chunk in made for line in chunk["failures"]]
        failures += [
            f"{chunk['first']} to {chunk['last']} could not be made: clear `carry` of it, its log says why"
            for chunk in wanted or []
            if [chunk["first"], chunk["last"]] not in windows
        ]
        if failures:
            raise AirflowFailException("\n".join(["not all was reprocessed", *failures]))

    # Any: each of these stands for a value that is there when the run has come to it.
    seen: Any = preview()
    seen.operator.operator_extra_links = (PageLink(),)
    approve = ApprovalOperator(
        task_id="approve",
        subject="Reprocess {{ params['from'] }} to {{ params['to'] }}?",
        body="{{ ti.xcom_pull(task_ids='preview')['told'] }}",
        params={"because": Param(**WHY, title="Why", description="Every commit says so.")},
        response_timeout=timedelta(days=7),
        execution_timeout=None,
    )
    approval: Any = approve.output
    wanted: Any = chunks(seen, approval)
    decide(seen) >> [approve, wanted]
    done: Any = carry.expand(chunk=wanted)
    publish(done)
    verdict(seen, wanted, done)
