"""Lineage: what a task's commits and the contracts say of tables, versions and columns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.lake.commits import Commit, Publication, made_since
from jobs.lineage import Extractor, Lineage, lineage
from jobs.validate import validate
from tests.place import Place, item

DAY = "2026-06-01"


def told(at: Lineage) -> dict[str, Any]:
    return {Path(dataset.name).name: dataset for dataset in at.outputs}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("lineage"))


@pytest.fixture(scope="module")
def validated(place: Place) -> Lineage:
    days = place.add([item("a", DAY), item("b", DAY)])
    task = SimpleNamespace(start_date=datetime.now(UTC).replace(microsecond=0))
    began = max((commit.moment for commit in made_since(task.start_date)), default=task.start_date)
    validate(place.settings, days)
    return lineage([commit for commit in made_since(began) if commit.step == "validate"])


def test_a_step_names_what_it_read_and_wrote_with_versions(place: Place, validated: Lineage) -> None:
    lake = place.root / "lake"
    read = {(one.namespace, one.name): one.facets["version"].datasetVersion for one in validated.inputs if one.facets}
    assert read.keys() == {("file", str(lake / name)) for name in ("raw_posts", "item_versions")}
    (written,) = validated.outputs
    assert (written.namespace, written.name) == ("file", str(lake / "judged_posts"))
    assert written.facets is not None
    assert written.facets["version"].datasetVersion == "1"
    assert written.outputFacets is not None
    assert written.outputFacets["outputStatistics"].rowCount == 2


def test_columns_come_from_those_that_the_contract_names(place: Place, validated: Lineage) -> None:
    columns = told(validated)["judged_posts"].facets["columnLineage"].fields
    found = {(one.name, one.field) for one in columns["text"].inputFields}
    assert found == {(str(place.root / "lake" / "raw_posts"), column) for column in ("title", "body")}
    assert {one.name for one in told(validated)["judged_posts"].facets["schema"].fields} >= set(columns)


def test_the_run_says_rows_seconds_rate_and_outcome(validated: Lineage) -> None:
    (commit,) = validated.run_facets["sentinela_commits"].commits  # type: ignore[attr-defined]
    assert (commit["step"], commit["days"], commit["rows"], commit["outcome"]) == ("validate", [DAY], 2, "done")
    assert commit["rowsPerSecond"] == 2 / commit["seconds"]


def test_posts_and_quarantine_are_the_table_that_holds_both() -> None:
    commit = Commit("scored_posts", "s3://bucket/deep/lake/scored_posts", 4, datetime.now(UTC), {"step": "score"})
    (written,) = lineage([commit]).outputs
    assert (written.namespace, written.name) == ("s3://bucket", "deep/lake/scored_posts")
    assert written.facets is not None
    (source,) = written.facets["columnLineage"].fields["post_id"].inputFields
    assert (source.namespace, source.name) == ("s3://bucket", "deep/lake/judged_posts")


def test_a_fetch_reads_its_feed_and_its_ledger_has_no_rows_to_count(tmp_path: Path) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    place = Place(tmp_path)
    place.add([item("a", DAY)])
    found = lineage([commit for commit in made_since(began) if commit.place.startswith(str(tmp_path))])
    assert [(one.namespace, one.name) for one in found.inputs] == [("feed", "posts")]
    assert told(found).keys() == {"raw_posts", "item_versions", "coverage"}
    assert told(found)["raw_posts"].outputFacets["outputStatistics"].rowCount == 1
    assert told(found)["coverage"].outputFacets == {}


def test_a_page_is_made_from_tables_at_their_versions() -> None:
    page = Publication("s3://pages/2026/report.html", datetime.now(UTC), {"s3://bucket/lake/daily_polarity": 7})
    found = lineage([], [page])
    assert [(one.namespace, one.name) for one in found.outputs] == [("s3://pages", "2026/report.html")]
    (read,) = found.inputs
    assert (read.namespace, read.name) == ("s3://bucket", "lake/daily_polarity")
    assert read.facets is not None
    assert read.facets["version"].datasetVersion == "7"


def test_a_task_that_did_nothing_has_read_and_written_nothing() -> None:
    task = SimpleNamespace(start_date=datetime.max.replace(tzinfo=UTC))
    assert Extractor(task).extract_on_complete(task) == Extractor(task).extract() == Lineage()
