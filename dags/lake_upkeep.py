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
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from sentinela_defaults import EVERY, asked, default_args

from jobs.settings import load

with DAG(
    dag_id="lake_upkeep",
    description="Small files merged, old ones deleted",
    doc_md=__doc__,
    schedule="0 4 * * 0",
    **EVERY,
    tags=["sentinela", "upkeep"],
    default_args=default_args(hours=6),
) as dag:

    @task(multiple_outputs=False)
    def tidy() -> dict[str, Any]:
        """Tidy the lake; returns what was done to each table."""
        from jobs.tidy import tidy

        asked(get_current_context()["dag_run"].conf, [])
        return asdict(tidy(load()))

    tidy()
