"""Lineage of tasks: which tables they read and wrote, at which versions, and which column comes from which.

Airflow's OpenLineage provider emits the events and asks `Extractor` about each task (its setting `extractors`). The
commits of the task say what was read and written, the contracts what columns are made from. Where events go does not
belong here: that is the provider's `transport`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import attrs
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    documentation_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from data_contracts import contract
from jobs.coverage import COVERAGE
from jobs.lake.commits import Commit, Publication, made_since, published_since

FEEDS = "feed"
"""The namespace of feeds, which are what ingest reads."""


@attrs.define
class CommitsRunFacet(RunFacet):
    """What the commits of a task say of it: step, table, versions, days, rows, seconds, rate and outcome."""

    commits: list[dict[str, Any]]


@dataclass
class Lineage:
    """What is known of a task, as the provider takes it."""

    inputs: list[InputDataset] = field(default_factory=list)
    outputs: list[OutputDataset] = field(default_factory=list)
    run_facets: dict[str, RunFacet] = field(default_factory=dict)
    job_facets: dict[str, JobFacet] = field(default_factory=dict)


class Extractor:
    """Answers the provider for one task that is a Python function."""

    def __init__(self, _operator: Any) -> None:
        self.source_code_enabled = False

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """The operators that it answers for: all of our tasks but those that wait for a person."""
        return ["_PythonDecoratedOperator", "_BranchPythonDecoratedOperator"]

    def extract(self) -> Lineage:
        """What is known at the start: nothing, as tasks find out themselves what there is to do."""
        return Lineage()

    def extract_on_complete(self, task_instance: Any) -> Lineage:
        """What the task did by its end, be that good or bad."""
        began = task_instance.start_date
        return lineage(made_since(began), published_since(began))


def lineage(commits: Sequence[Commit], pages: Sequence[Publication] = ()) -> Lineage:
    """What `commits` and `pages` of one task, oldest first, read and wrote."""
    if not commits:
        return _of_pages(pages)
    by_place: dict[str, list[Commit]] = {}
    for commit in commits:
        by_place.setdefault(commit.place, []).append(commit)
    versions = {
        _beside(commit, name): version
        for commit in commits
        for name, version in commit.made_from.items()
        if name != commit.table
    }
    feeds = sorted({commit.said["feed"] for commit in commits if "feed" in commit.said})
    return Lineage(
        inputs=[
            *(InputDataset(FEEDS, feed) for feed in feeds),
            *(InputDataset(*_named(place), facets=_version(version)) for place, version in versions.items()),
        ],
        outputs=[_output(made) for made in by_place.values()],
        run_facets={"sentinela_commits": CommitsRunFacet([_told(commit) for commit in commits])},
    )


def _of_pages(pages: Sequence[Publication]) -> Lineage:
    """What was read for `pages`; a page has neither columns nor a version."""
    read = {place: version for page in pages for place, version in page.made_from.items()}
    return Lineage(
        inputs=[InputDataset(*_named(place), facets=_version(version)) for place, version in read.items()],
        outputs=[OutputDataset(*_named(page.place)) for page in pages],
    )


def _output(commits: Sequence[Commit]) -> OutputDataset:
    """The table that `commits` wrote, as their last one left it."""
    last = commits[-1]
    agreed = contract(last.table)
    columns = [
        schema_dataset.SchemaDatasetFacetFields(name=column.name, type=str(column.type)) for column in agreed.schema
    ]
    facets: dict[str, DatasetFacet] = {
        "schema": schema_dataset.SchemaDatasetFacet(fields=columns),
        "documentation": documentation_dataset.DocumentationDatasetFacet(agreed.description),
        **_version(last.version),
    }
    if agreed.sources:
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
            fields={
                column: column_lineage_dataset.Fields(inputFields=list(_input_fields(last, sources)))
                for column, sources in agreed.sources.items()
            }
        )
    rows = sum(commit.rows for commit in commits)
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    # The ledger's commits tell of the items that were seen, which are no rows of its own.
    return OutputDataset(
        *_named(last.place), facets=facets, outputFacets={} if last.table == COVERAGE else {"outputStatistics": counted}
    )


def _input_fields(commit: Commit, sources: Iterable[tuple[str, str]]) -> Iterable[column_lineage_dataset.InputField]:
    for dataset, column in sources:
        namespace, name = _named(_beside(commit, contract(dataset).table))
        yield column_lineage_dataset.InputField(namespace=namespace, name=name, field=column)


def _version(version: int) -> dict[str, DatasetFacet]:
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(str(version))}


def _told(commit: Commit) -> dict[str, Any]:
    told: Mapping[str, Any] = {
        "step": commit.step,
        "table": commit.table,
        "version": commit.version,
        "madeFrom": commit.made_from,
        "days": commit.days,
        "rows": commit.rows,
        "seconds": commit.seconds,
        "rowsPerSecond": commit.rate,
        "outcome": commit.outcome,
        "cause": commit.said.get("cause"),
        "feed": commit.said.get("feed"),
        "model": commit.said.get("model"),
    }
    return {key: value for key, value in told.items() if value is not None}


def _beside(commit: Commit, table: str) -> str:
    """Where `table` lies in the lake of `commit`."""
    return f"{commit.place.removesuffix(commit.table)}{table}"


def _named(place: str) -> tuple[str, str]:
    """Namespace and name of what lies at `place`, as OpenLineage calls them: s3://bucket and key, file and path."""
    scheme, found, rest = place.partition("://")
    if not found:
        return "file", place
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key
