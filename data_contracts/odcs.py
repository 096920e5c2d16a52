"""ODCS files read: schema, key, partition and rules of a dataset, and its suite for Great Expectations."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from data_contracts.parse import parse

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

FOLDER = Path(__file__).parent
SUFFIX = ".odcs.yaml"
ENGINE = "greatExpectations"
SOURCES = "transformSourceObjects"

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "string": pa.string(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "date32": pa.date32(),
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    "list<string>": pa.list_(pa.string()),
}


class ContractError(ValueError):
    """A contract file says something that cannot be carried out."""


@dataclass(frozen=True)
class Rule:
    """One quality rule: the Great Expectations type and its arguments, with the name that reports use.

    `column` is None for a rule about the whole table. An `error` stops data, a `warning` is only reported.
    """

    name: str
    description: str
    severity: Literal["error", "warning"]
    type: str
    column: str | None
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Contract:
    """What one ODCS file says. `schema` has the partition columns too, in the order of the file.

    `table` is the Delta table that holds the rows, and `verdict` the rows of it that are meant: of all when None.
    `sources` tells of columns that are made from others which, as (dataset, column). What rows are made by is all but
    that: `digest` is a hash of it.
    """

    name: str
    version: str
    description: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition: tuple[str, ...]
    rules: tuple[Rule, ...]
    digest: str
    table: str
    verdict: str | None
    sources: Mapping[str, tuple[tuple[str, str], ...]]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in the order of the file."""
        return list(self.schema.names)

    @property
    def stored_schema(self) -> pa.Schema:
        """Schema inside the files: partition columns live in the table's log, not in the file."""
        return pa.schema([field for field in self.schema if field.name not in self.partition])


def names() -> list[str]:
    """Names of every dataset that has a contract, sorted."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


@cache
def contract(name: str) -> Contract:
    """The contract of dataset `name`.

    Raises ContractError for an unknown dataset, an unknown physical type or a quality rule of another engine.
    """
    path = FOLDER / f"{name}{SUFFIX}"
    if not path.exists():
        raise ContractError(f"no contract for dataset {name!r}; there are: {', '.join(names())}")
    document = parse(path)
    (table,) = document["schema"]
    properties = table["properties"]
    custom = {p["property"]: p["value"] for p in document.get("customProperties", [])}
    return Contract(
        name=document["name"],
        version=document["version"],
        description=document["description"]["purpose"],
        schema=pa.schema([_field(path, p) for p in properties]),
        key=_positions(properties, "primaryKey"),
        partition=_positions(properties, "partitionKey", flag="partitioned"),
        rules=tuple(
            _rule(path, rule, column)
            for column, owner in [(None, table), *((p["name"], p) for p in properties)]
            for rule in owner.get("quality", [])
        ),
        digest=_digest(path),
        table=custom.get("storedIn", document["name"]),
        verdict=custom.get("verdict"),
        sources={p["name"]: tuple(map(_source, p[SOURCES])) for p in properties if SOURCES in p},
    )


def schema(name: str) -> pa.Schema:
    """Arrow schema of dataset `name`, partition columns included."""
    return contract(name).schema


def suite(name: str) -> ExpectationSuite:
    """Great Expectations suite of dataset `name`: its rules, and not-null for every required column."""
    gx = great_expectations()
    from great_expectations.expectations.registry import get_expectation_impl

    agreed = contract(name)
    expectations = [
        get_expectation_impl("expect_column_values_to_not_be_null")(
            column=field.name, meta={"rule": f"{field.name}_required", "severity": "error"}
        )
        for field in agreed.schema
        if not field.nullable
    ]
    expectations += [
        get_expectation_impl(rule.type)(
            **({"column": rule.column} if rule.column else {}),
            **rule.kwargs,
            meta={"rule": rule.name, "severity": rule.severity},
            notes=rule.description,
        )
        for rule in agreed.rules
    ]
    return gx.ExpectationSuite(name=name, expectations=expectations)


def great_expectations() -> ModuleType:
    """Great Expectations, imported without the PySpark that it would import where there is one.

    That costs seconds, and PySpark's Connect ends a process started as `python -c` when it lacks a package of its own.
    """
    hidden = sys.modules.get("pyspark")
    sys.modules["pyspark"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("great_expectations")
    finally:
        del sys.modules["pyspark"]
        if hidden is not None:
            sys.modules["pyspark"] = hidden


def _digest(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return hashlib.sha256("".join(line for line in lines if SOURCES not in line).encode()).hexdigest()[:16]


def _source(said: str) -> tuple[str, str]:
    dataset, _, column = said.partition(".")
    return dataset, column


def _field(path: Path, prop: dict[str, Any]) -> pa.Field:
    physical = prop["physicalType"]
    if physical not in ARROW_TYPES:
        raise ContractError(
            f"{path.name}: column {prop['name']!r} has the unknown physicalType {physical!r}; "
            f"known are {', '.join(ARROW_TYPES)}"
        )
    return pa.field(prop["name"], ARROW_TYPES[physical], nullable=not prop.get("required", False))


def _positions(properties: list[dict[str, Any]], prefix: str, flag: str | None = None) -> tuple[str, ...]:
    marked = [p for p in properties if p.get(flag or prefix)]
    return tuple(p["name"] for p in sorted(marked, key=lambda p: p[f"{prefix}Position"]))


def _rule(path: Path, rule: dict[str, Any], column: str | None) -> Rule:
    if rule.get("engine") != ENGINE:
        raise ContractError(f"{path.name}: rule {rule.get('name')!r} must say `engine: {ENGINE}`")
    implementation = rule["implementation"]
    return Rule(
        name=rule["name"],
        description=rule["description"],
        severity=rule["severity"],
        type=implementation["type"],
        column=column,
        kwargs=dict(implementation.get("kwargs", {})),
    )
