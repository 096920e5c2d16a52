from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pytest
import yaml

import data_contracts
import data_contracts.lint
import data_contracts.odcs
from data_contracts import ARROW_TYPES, FOLDER, SUFFIX, ContractError, contract, names, schema, suite

DATASETS = names()
PARTITIONS = {
    "raw_posts": ("fetched_date", "feed"),
    "item_versions": ("feed",),
    "judged_posts": ("published_date", "feed", "verdict"),
    "posts": ("published_date", "feed"),
    "quarantine": ("published_date", "feed"),
    "deletions": ("published_date", "feed"),
    "scored_posts": ("published_date", "feed"),
    "twins": ("published_date",),
    "themes": ("fitted_date",),
    "topics": ("published_date",),
    "daily_polarity": ("published_date",),
    "coverage": ("fetched_date",),
    "labels": ("labelled_date",),
    "batch_profile": (),
    "feed_freshness": (),
}
KEYS = {
    "raw_posts": ("feed", "post_id", "batch_id", "position"),
    "item_versions": ("feed", "post_id", "batch_id", "position"),
    "judged_posts": ("feed", "post_id", "verdict"),
    "posts": ("feed", "post_id"),
    "quarantine": ("feed", "post_id", "batch_id", "position"),
    "deletions": ("feed", "post_id", "batch_id", "position"),
    "scored_posts": ("feed", "post_id"),
    "twins": ("feed", "post_id"),
    "themes": ("fitted_date", "theme", "word"),
    "topics": ("feed", "post_id"),
    "daily_polarity": ("published_date", "brand", "feed", "language", "recorded_at"),
    "coverage": ("feed", "window_start", "window_end", "fetched_at"),
    "labels": ("feed", "post_id", "labeller"),
    "batch_profile": ("published_date", "feed"),
    "feed_freshness": ("feed",),
}


@pytest.fixture
def broken_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Put a changed copy of the contract of `posts` alone into a folder of contracts; gives its dataset's name."""
    contract.cache_clear()
    for module in (data_contracts.odcs, data_contracts.lint):
        monkeypatch.setattr(module, "FOLDER", tmp_path)

    def write(change: Callable[[dict[str, Any]], object]) -> str:
        document = yaml.safe_load((FOLDER / f"posts{SUFFIX}").read_text(encoding="utf-8"))
        change(document)
        (tmp_path / f"posts{SUFFIX}").write_text(yaml.safe_dump(document), encoding="utf-8")
        return "posts"

    yield write
    contract.cache_clear()


def column(document: dict[str, Any], name: str) -> Any:
    (found,) = (p for p in document["schema"][0]["properties"] if p["name"] == name)
    return found


def test_every_stored_dataset_has_a_contract() -> None:
    assert set(DATASETS) == set(PARTITIONS)


@pytest.mark.parametrize("name", DATASETS)
def test_partitions_and_keys_are_those_of_the_design(name: str) -> None:
    agreed = contract(name)
    assert agreed.partition == PARTITIONS[name]
    assert agreed.key == KEYS[name]
    assert set(agreed.partition) | set(agreed.key) <= set(agreed.columns)


@pytest.mark.parametrize("name", DATASETS)
def test_the_schema_is_that_of_the_file(name: str) -> None:
    document = yaml.safe_load((FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    properties = document["schema"][0]["properties"]
    assert schema(name).names == [p["name"] for p in properties] == contract(name).columns
    assert schema(name).types == [ARROW_TYPES[p["physicalType"]] for p in properties]
    assert [not f.nullable for f in schema(name)] == [p["required"] for p in properties]
    assert len(set(schema(name).names)) == len(properties)


@pytest.mark.parametrize("name", DATASETS)
def test_files_hold_all_but_the_partition_columns(name: str) -> None:
    agreed = contract(name)
    assert agreed.stored_schema.names == [c for c in agreed.columns if c not in agreed.partition]
    assert all(agreed.stored_schema.field(f.name).equals(f) for f in agreed.stored_schema)


@pytest.mark.parametrize("name", DATASETS)
def test_the_suite_is_the_rules_and_the_required_columns(name: str) -> None:
    agreed, expectations = contract(name), suite(name).expectations
    told = {e.meta["rule"]: (e.expectation_type, getattr(e, "column", None), e.meta["severity"]) for e in expectations}
    wanted = {rule.name: (rule.type, rule.column, rule.severity) for rule in agreed.rules}
    wanted |= {
        f"{f.name}_required": ("expect_column_values_to_not_be_null", f.name, "error")
        for f in agreed.schema
        if not f.nullable
    }
    assert told == wanted
    assert len(expectations) == len(told), "two rules of one name"


@pytest.mark.parametrize("name", DATASETS)
def test_every_expectation_is_about_a_column_of_the_schema(name: str) -> None:
    named = {e.column for e in suite(name).expectations if getattr(e, "column", None)}
    assert named
    assert named <= set(schema(name).names)


@pytest.mark.parametrize("name", DATASETS)
def test_every_column_says_what_it_is_and_whose(name: str) -> None:
    document = yaml.safe_load((FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    assert document["team"]["members"][0]["role"] == "Owner"
    for prop in document["schema"][0]["properties"]:
        assert prop["description"].strip()
        assert prop["classification"] in ("public", "personal", "pseudonymous")


def test_rules_are_enforced_by_the_suite() -> None:
    """One sound and one broken row of posts: exactly the broken rules fail."""
    sound = {
        "feed": "olist", "kind": "review", "post_id": "1", "batch_id": "b", "date_source": "feed", "text": "bom",
        "language": "pt", "rating": 5.0, "first_seen_at": pd.Timestamp("2026-09-03", tz="UTC"),
        "fetched_at": pd.Timestamp("2026-09-03", tz="UTC"),
    }  # fmt: skip
    broken = {**sound, "kind": "gossip", "rating": 101.0, "language": None, "date_source": "implausible"}
    context = gx.get_context(mode="ephemeral")
    definition = (
        context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )
    failed = []
    for row in (sound, broken):
        frame = pa.Table.from_pylist([row], schema=pa.schema([f.with_nullable(True) for f in schema("posts")]))
        results = definition.get_batch(batch_parameters={"dataframe": frame.to_pandas()}).validate(suite("posts"))
        failed.append({r.expectation_config.meta["rule"] for r in results.results if not r.success})
    assert failed == [set(), {"kind_known", "rating_in_scale", "language_required", "date_plausible"}]


def test_an_unknown_dataset_is_told_with_the_known_ones() -> None:
    with pytest.raises(ContractError, match=r"no contract for dataset 'gossip'.*posts.*raw_posts"):
        contract("gossip")


def test_an_unknown_physical_type_is_told_with_file_and_column(broken_folder: Callable[..., str]) -> None:
    name = broken_folder(lambda d: column(d, "rating").update(physicalType="money"))
    with pytest.raises(ContractError, match=r"posts\.odcs\.yaml: column 'rating'.*'money'.*float64"):
        contract(name)


@pytest.mark.parametrize("engine", ["soda", None])
def test_a_rule_of_another_engine_is_told_with_file_and_name(broken_folder: Callable[..., str], engine: str) -> None:
    name = broken_folder(lambda d: column(d, "kind")["quality"][0].update(engine=engine))
    with pytest.raises(ContractError, match=r"posts\.odcs\.yaml: rule 'kind_known' must say `engine: greatExpect"):
        contract(name)


def test_the_digest_follows_the_file(broken_folder: Callable[..., str]) -> None:
    broken_folder(lambda d: None)
    before = contract("posts").digest
    broken_folder(lambda d: column(d, "rating").update(description="Stars."))
    contract.cache_clear()
    assert contract("posts").digest != before
