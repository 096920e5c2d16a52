"""## Purpose
Writes the report (page, spreadsheet, CSV) of the latest period whenever `daily_polarity` was published; the partition
key is the day that was. A run that has another waiting behind it leaves the work to that one and shows as skipped,
so a backfill of thirty days makes a few reports, not thirty.

## Owner
The Sentinela data team, data@sentinela.example.

## Triage
- **`report` failed**: the previous report stays where it was. The error names the file or setting; most often the
  reports folder cannot be written. Clear the task.
- **no run after `daily_polarity`**: this DAG is paused, or `aggregate` did not succeed.
- **a report lacks a feed or a day**: its data quality box says which; see the triage of `daily_polarity`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from sentinela_defaults import EVERY, POLARITY, PageLink, asked, deadline, default_args

from jobs.settings import load

with DAG(
    dag_id="polarity_report",
    description="Report of the latest period, when the numbers have moved",
    doc_md=__doc__,
    # Events of a partitioned run start partitioned DAGs alone, not those on a plain asset schedule.
    schedule=PartitionedAssetTimetable(assets=POLARITY),
    **EVERY,
    tags=["sentinela", "report"],
    deadline=deadline("polarity_report", minutes=90),
    default_args=default_args(hours=1),
) as dag:

    @task
    def report() -> str:
        """daily_polarity -> HTML, XLSX and CSV; returns where the page lies."""
        from jobs.report import report

        context = get_current_context()
        asked(context["dag_run"].conf, [])
        if context["ti"].get_dr_count("polarity_report", states=["queued"]):
            raise AirflowSkipException("a later run is waiting and will report these numbers too")
        return str(report(load()).path)

    written: Any = report()
    written.operator.operator_extra_links = (PageLink(),)
