"""Great Expectations judges what was staged: the rows of posts, and the profile of every day of every feed.

Rows are judged in pieces and profiles are one row a day and feed, so that memory does not grow with the data.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts import contract, great_expectations, suite
from jobs.lake.table import Partition, as_day

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import AbstractDataContext

log = logging.getLogger(__name__)

AUDIT_ROWS = 50_000


class AuditError(RuntimeError):
    """Staged data breaks its own contract, or a rule could not be evaluated; nothing was published."""


@dataclass(frozen=True)
class Finding:
    """The verdict of one rule over all days and feeds judged together.

    `broken` maps each offending partition to what was observed there: the columns of its row.
    """

    rule: str
    description: str
    severity: str
    column: str
    expected: dict[str, Any]
    judged: int
    broken: dict[Partition, dict[str, Any]]


def judge(name: str, profile: pa.Table) -> list[Finding]:
    """Findings of the suite `name` on `profile`, one row a (published_date, feed).

    Raises AuditError when a rule cannot be evaluated.
    """
    frame = profile.to_pandas()
    frame["row"] = range(len(frame))
    results = _validate(name, frame, {"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]})
    rules = {rule.name: rule for rule in contract(name).rules}
    rows = profile.to_pylist()
    return [
        Finding(
            rule=rule.name,
            description=rule.description,
            severity=rule.severity,
            column=str(rule.column),
            expected={k: v for k, v in rule.kwargs.items() if k not in ("row_condition", "condition_parser")},
            judged=int(result.result.get("element_count", len(frame))),
            broken={_partition(row): row for row in (rows[offender["row"]] for offender in offenders)},
        )
        for result in results.results
        if (rule := rules.get(result.expectation_config.meta["rule"]))
        for offenders in [result.result.get("unexpected_index_list") or []]
    ]


def audit_posts(batches: Iterable[pa.RecordBatch]) -> None:
    """Hold staged posts against the posts suite, AUDIT_ROWS rows at a time; AuditError names the rules broken."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(piece.num_rows for piece in waiting) >= AUDIT_ROWS:
            _audit_piece(waiting)
            waiting = []
    if waiting:
        _audit_piece(waiting)


def _audit_piece(batches: list[pa.RecordBatch]) -> None:
    results = _validate("posts", pa.Table.from_batches(batches).to_pandas(), {"result_format": "BOOLEAN_ONLY"})
    failed = [r.expectation_config.meta for r in results.results if not r.success]
    for warning in (meta["rule"] for meta in failed if meta["severity"] != "error"):
        log.warning("posts: rule %s is broken", warning)
    broken = [meta["rule"] for meta in failed if meta["severity"] == "error"]
    if broken:
        raise AuditError(f"staged posts break {', '.join(broken)}, which the row rules let pass; nothing was published")


def _partition(row: dict[str, Any]) -> Partition:
    return Partition(as_day(row["published_date"]), row["feed"])


def _validate(name: str, frame: pd.DataFrame, result_format: dict[str, Any]) -> ExpectationSuiteValidationResult:
    batch = _whole_frame(name).get_batch(batch_parameters={"dataframe": frame})
    results = batch.validate(suite(name), result_format=result_format)
    for result in results.results:
        for fault in _exceptions(result.exception_info):
            rule = result.expectation_config.meta["rule"]
            raise AuditError(f"rule {rule!r} of {name} could not be evaluated: {fault}; mend the contract")
    return results


def _exceptions(info: dict[str, Any]) -> list[str]:
    """Messages of exceptions in a result, which Great Expectations reports flat or one a metric."""
    reports = [info] if "raised_exception" in info else list(info.values())
    return [str(report["exception_message"]) for report in reports if report["raised_exception"]]


@cache
def _whole_frame(name: str) -> BatchDefinition[Any]:
    asset = _context().data_sources.add_pandas(name).add_dataframe_asset(name)
    return asset.add_batch_definition_whole_dataframe("all")


@cache
def _context() -> AbstractDataContext:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)
