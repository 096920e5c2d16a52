"""The row rules of the contracts as vectorised masks.

Great Expectations judges batches well, but naming every broken row takes it over a minute where many rows fail. The
same rules, from the same contract, are evaluated here on whole Arrow columns. A test holds the two verdicts equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Rule


def _between(values: pa.Array, *, min_value: float | None = None, max_value: float | None = None) -> pa.Array:
    broken = pa.array([False] * len(values)) if len(values) else pa.array([], pa.bool_())
    if min_value is not None:
        broken = pc.or_kleene(broken, pc.less(values, min_value))
    if max_value is not None:
        broken = pc.or_kleene(broken, pc.greater(values, max_value))
    return broken


def _in_set(values: pa.Array, *, value_set: list[Any]) -> pa.Array:
    if pa.types.is_floating(values.type):
        values = pc.add(values, 0.0)  # makes -0.0 a 0.0, which Arrow's is_in tells apart
    return pc.is_in(values, value_set=pa.array(value_set, values.type))


def _lengths_between(values: pa.Array, **bounds: Any) -> pa.Array:
    return _between(pc.utf8_length(values), **bounds)


def _matches(values: pa.Array, regex: str) -> pa.Array:
    """Python's regular expressions, as Great Expectations has them: Arrow's know no letters beyond ASCII in `\\w`."""
    return pa.array(values.to_pandas().astype(str).str.contains(regex), pa.bool_())


BROKEN: dict[str, Callable[..., pa.Array]] = {
    "expect_column_values_to_not_be_null": lambda values: pc.is_null(values, nan_is_null=True),
    "expect_column_values_to_be_null": lambda values: pc.invert(pc.is_null(values, nan_is_null=True)),
    "expect_column_values_to_be_in_set": lambda values, **kw: pc.invert(_in_set(values, **kw)),
    "expect_column_values_to_not_be_in_set": _in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths_between,
    "expect_column_values_to_match_regex": lambda values, regex: pc.invert(_matches(values, regex)),
    "expect_column_values_to_not_match_regex": lambda values, regex: _matches(values, regex),
}
ABOUT_NULLS = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")


class UnknownRuleError(NotImplementedError):
    """A contract has a row rule of a type that has no mask in BROKEN."""


def broken(rule: Rule, batch: pa.RecordBatch) -> pa.Array:
    """Boolean array, one value a row of `batch`: whether the row breaks `rule`.

    As in Great Expectations a null (or NaN) breaks no rule but those about nulls. Raises UnknownRuleError.
    """
    if rule.type not in BROKEN:
        raise UnknownRuleError(f"rule {rule.name!r}: no mask for {rule.type}; add one to BROKEN in {__name__}")
    values = batch.column(rule.column)
    mask = BROKEN[rule.type](values, **rule.kwargs)
    if rule.type in ABOUT_NULLS:
        return mask
    return pc.and_not(pc.fill_null(mask, False), pc.is_null(values, nan_is_null=True))


def broken_rules(rules: Iterable[Rule], batch: pa.RecordBatch) -> pa.Array:
    """List array, one list of the names of the broken rules, each once, a row of `batch`, in the order of `rules`."""
    names: list[list[str]] = [[] for _ in range(batch.num_rows)]
    for rule in rules:
        for row in pc.indices_nonzero(broken(rule, batch)).to_pylist():
            if rule.name not in names[row]:
                names[row].append(rule.name)
    return pa.array(names, pa.list_(pa.string()))
