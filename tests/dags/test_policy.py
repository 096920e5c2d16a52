"""What every DAG file keeps, whatever it does."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
SHARED = ROOT / "dags" / "sentinela_defaults.py"
HEAVY = {
    "tensorflow",
    "keras",
    "great_expectations",
    "pandas",
    "duckdb",
    "pyarrow",
    "nltk",
    "altair",
    "deltalake",
    "pyspark",
}
LIGHT_JOBS = {
    "jobs", "jobs.settings", "jobs.document", "jobs.declaration", "jobs.expressions", "jobs.alerts", "jobs.alerts.runs",
}  # fmt: skip

# What the DAG processor does, in a process that has loaded nothing else.
PARSE = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
before = set(sys.modules)
bag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1]))
loaded = sorted(set(sys.modules))
from sentinela_defaults import LASTING, ByCause
def names(callbacks):
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
    return [f"{callback.__module__}.{callback.__qualname__}" for callback in callbacks]
def decided(name):
    module, kind = name.rsplit(".", 1)
    fault = type("Derived", (type(kind, (Exception,), {"__module__": module}),), {})()
    return ByCause().evaluate(fault, try_number=1, max_tries=3, context=None).action.value
print("\\n" + json.dumps({
    "errors": bag.import_errors,
    "loaded": loaded, "lasting": sorted(LASTING), "decided": {name: decided(name) for name in json.loads(sys.argv[2])},
    "dags": {
        dag.dag_id: {
            "told_by": names(dag.on_failure_callback),
            "doc": dag.doc_md, "tags": sorted(dag.tags), "catchup": dag.catchup, "active": dag.max_active_runs,
            "params": {
                name: {"schema": dag.params.get_param(name).schema, "has_default": dag.params.get_param(name).has_value}
                for name in dag.params
            },
            "tasks": {
                task.task_id: {
                    "owner": task.owner, "retries": task.retries, "backoff": task.retry_exponential_backoff,
                    "timeout": (getattr(task, "response_timeout", None) or task.execution_timeout).total_seconds(),
                    "told_by": names(task.on_failure_callback), "rule": task.trigger_rule,
                    "downstream": sorted(task.get_flat_relative_ids(upstream=False)),
                    "at_once": task.max_active_tis_per_dag,
                    "delay": task.retry_delay.total_seconds(), "policy": type(task.retry_policy).__name__,
                } for task in dag.tasks
            },
        } for dag in bag.dags.values()
    },
}))
"""


UNTRIED = ("daily_polarity.ingest", "watch.look")
"""Tasks that are not tried again: others would wait for the first, and the second has the next run."""

DECISIONS = {
    # What a person has to mend: contracts, settings, keys, models.
    "jobs.document.SettingsError": "fail",
    "data_contracts.odcs.ContractError": "fail",
    "jobs.validate.audit.AuditError": "fail",
    "jobs.lake.faults.LakeKeysError": "fail",
    "jobs.decision.DecisionError": "fail",
    "jobs.report.write.ReportError": "fail",
    "models.sentiment.contract.ArtifactError": "fail",
    "models.sentiment.contract.UnknownModelError": "fail",
    "airflow.providers.standard.exceptions.HITLTimeoutError": "fail",
    # What passes: a server that is away or busy (after its own tries; FeedError), a store, a cluster, memory, disk.
    "jobs.ingest.feed.FeedError": "default",
    "jobs.lake.faults.LakeError": "default",
    "jobs.engine.EngineError": "default",
    "requests.exceptions.ConnectionError": "default",
    "builtins.MemoryError": "default",
    "builtins.OSError": "default",
}
"""What becomes of a task, by the fault that it ended with."""


def parse(home: Path, **settings: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SENTINELA_CONFIG": str(ROOT / "examples" / "aurora" / "sentinela.yaml"),
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(ROOT / "dags"), json.dumps(list(DECISIONS))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("parse"), AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="7")


def tasks(parsed: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, dag in parsed["dags"].items():
        for task, traits in dag["tasks"].items():
            yield f"{name}.{task}", traits


def test_every_file_parses_and_holds_the_dag_of_its_name(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert sorted(parsed["dags"]) == [file.stem for file in FILES if file != SHARED]
    assert {"daily_polarity", "polarity_report", "lake_upkeep", "reprocess"} <= set(parsed["dags"])


def test_parsing_loads_no_heavy_library(parsed: dict[str, Any]) -> None:
    assert HEAVY & set(parsed["loaded"]) == set()


def test_parsing_loads_no_step(parsed: dict[str, Any]) -> None:
    assert {name for name in parsed["loaded"] if name.partition(".")[0] in ("jobs", "models")} <= LIGHT_JOBS


def test_every_dag_has_documentation_with_purpose_owner_and_triage(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        for section in ("## Purpose\n", "## Owner\n", "## Triage\n"):
            assert section in dag["doc"], f"{name} lacks {section!r}"


def test_of_every_run_that_is_red_a_note_is_left_for_watch(parsed: dict[str, Any]) -> None:
    assert {name: dag["told_by"] for name, dag in parsed["dags"].items()} == {
        name: ["sentinela_defaults.noted"] for name in parsed["dags"]
    }


def test_every_task_tells_when_it_fails_or_a_verdict_after_it_does(parsed: dict[str, Any]) -> None:
    told = dict(tasks(parsed))
    silent = {name for name, task in told.items() if not task["told_by"]}
    assert silent == {"reprocess.preview", "reprocess.carry"}
    for name in silent:
        assert "verdict" in told[name]["downstream"], name
    assert {told[f"{dag}.verdict"]["rule"] for dag in ("daily_polarity", "reprocess")} == {"all_done"}
    callbacks = {callback for task in told.values() for callback in task["told_by"]}
    assert callbacks == {f"jobs.alerts.runs.{name}" for name in ("failed", "unforeseen", "unread")}


def test_every_dag_has_tags_one_active_run_and_no_catchup(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        assert "sentinela" in dag["tags"], name
        assert dag["active"] == 1, name
        assert dag["catchup"] is False, name


def test_every_task_has_an_owner_of_ours_retries_backoff_and_a_timeout(parsed: dict[str, Any]) -> None:
    for name, task in tasks(parsed):
        assert task["owner"] == "sentinela-data", name
        assert task["retries"] == (0 if name in UNTRIED else 3), name
        assert task["backoff"] == 2.0, name
        assert task["timeout"], name


def test_a_person_has_a_week_for_an_answer(parsed: dict[str, Any]) -> None:
    limits = dict(tasks(parsed))
    assert {limits[name]["timeout"] for name in ("held_day.waiting", "reprocess.approve")} == {7 * 86400.0}


def test_days_that_many_runs_touch_are_made_by_one_of_them_at_a_time(parsed: dict[str, Any]) -> None:
    made = ("validate", "score", "enrich", "aggregate")
    alone = {name: task["at_once"] for name, task in tasks(parsed) if name.rpartition(".")[2] in made}
    assert alone == {f"daily_polarity.{late}{name}": 1 for name in made for late in ("", "late.")}


def test_a_task_is_tried_again_where_that_may_help_and_fails_at_once_where_not(parsed: dict[str, Any]) -> None:
    assert parsed["decided"] == DECISIONS
    assert parsed["lasting"] == sorted(name for name, action in DECISIONS.items() if action == "fail")
    assert {traits["policy"] for _, traits in tasks(parsed)} == {"ByCause"}


@pytest.mark.parametrize("name", DECISIONS)
def test_every_fault_that_is_decided_on_is_one_that_there_is(name: str) -> None:
    module, kind = name.rsplit(".", 1)
    if module.startswith("airflow"):  # importing it here would set Airflow up in this process
        assert kind in (Path(sysconfig.get_path("purelib")) / f"{module.replace('.', '/')}.py").read_text()
    else:
        assert issubclass(getattr(importlib.import_module(module), kind), Exception)


def test_the_retry_delay_is_the_one_that_airflow_is_set_to(parsed: dict[str, Any]) -> None:
    assert {task["delay"] for _, task in tasks(parsed)} == {7.0}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_module_level_imports_are_airflow_the_standard_library_and_the_settings(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inside = {node for d in ast.walk(tree) if isinstance(d, ast.FunctionDef) for node in ast.walk(d)}
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in inside:
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node not in inside:
            names.append(node.module or "")
    allowed = {"airflow", SHARED.stem, *sys.stdlib_module_names}
    assert [n for n in names if n.partition(".")[0] not in allowed and n not in LIGHT_JOBS] == []


def test_a_broken_settings_file_is_an_import_error_that_names_file_and_line(tmp_path: Path) -> None:
    settings = tmp_path / "sentinela.yaml"
    settings.write_text(
        "feeds:\n  - {name: a, kind: post, reader: jsonl, path: a.jsonl, columns: {text: t}}\ntimezon: UTC\n"
    )
    errors = parse(tmp_path / "home", SENTINELA_CONFIG=str(settings))["errors"]
    assert {Path(file).stem for file in errors} == {"daily_polarity"}  # the others ask nothing of them before they run
    assert all(f"{settings}:3: timezon: unknown setting" in error for error in errors.values())


def test_the_params_of_a_reprocess_have_types_and_only_the_range_and_the_reason_must_be_given(
    parsed: dict[str, Any],
) -> None:
    params = parsed["dags"]["reprocess"]["params"]
    optional = {name for name, param in params.items() if param["has_default"] or "null" in param["schema"]["type"]}
    assert params.keys() - optional == {"from", "to", "reason"}
    assert {name: param["schema"]["type"] for name, param in params.items()} == {
        "from": "string", "to": "string", "reason": "string", "steps": "array", "feeds": "array",
        "chunk_days": "integer", "made_before": ["null", "string"],
    }  # fmt: skip
    assert params["steps"]["schema"]["items"] == {"enum": ["validate", "score", "enrich", "aggregate"]}
