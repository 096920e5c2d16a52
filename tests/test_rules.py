"""Row rules: the masks say of every row what Great Expectations says of it."""

from __future__ import annotations

import math
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.registry import get_expectation_impl
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from data_contracts import Rule, contract, schema
from jobs.rules import BROKEN, UnknownRuleError, broken, broken_rules

LOST = "\ufffd"
WORDS = [
    "",
    " ",
    "news",
    "post",
    "café",
    "CAFÉ",
    "Ünï",
    "日本語",
    "123",
    "١٢٣",
    "a\nb",
    f"{LOST}a\n{LOST}b{LOST}",
    LOST * 2,
]
LENGTHS = ["é" * 2048, "😀" * 2049, "x" * 200_000, "y" * 200_001]
TEXTS = (
    st.none() | st.sampled_from(WORDS) | st.sampled_from(LENGTHS) | st.text(st.characters(codec="utf-8"), max_size=6)
)
NUMBERS = st.none() | st.sampled_from([0.0, -0.0, 100.0, 100.5, -1.0, math.nan, math.inf, -math.inf]) | st.floats()
THOROUGH = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
COUNTS = st.none() | st.integers(-3, 12)


def _row_rule(kind: str, column: str, **kwargs: Any) -> Rule:
    name = f"{kind}_{column}_{'_'.join(map(str, kwargs.values()))}"
    return Rule(name=name, description="", severity="error", type=kind, column=column, kwargs=kwargs)


OWN = list({rule.name: rule for name in ("raw_posts", "posts") for rule in contract(name).rules}.values())
OTHERS = [
    _row_rule("expect_column_values_to_not_be_null", "rating"),
    _row_rule("expect_column_values_to_be_null", "rating"),
    _row_rule("expect_column_values_to_not_be_null", "count"),
    _row_rule("expect_column_values_to_be_null", "text"),
    _row_rule("expect_column_values_to_be_in_set", "count", value_set=[1, 2, 3]),
    _row_rule("expect_column_values_to_not_be_in_set", "count", value_set=[0, 5]),
    _row_rule("expect_column_values_to_not_be_in_set", "text", value_set=["café", ""]),
    _row_rule("expect_column_values_to_be_in_set", "rating", value_set=[0.0, 100.0]),
    _row_rule("expect_column_values_to_be_between", "count", min_value=0),
    _row_rule("expect_column_values_to_be_between", "count", max_value=7),
    _row_rule("expect_column_values_to_be_between", "rating", min_value=-0.5, max_value=1e300),
    _row_rule("expect_column_value_lengths_to_be_between", "text", min_value=2),
    _row_rule("expect_column_value_lengths_to_be_between", "text", max_value=3),
    _row_rule("expect_column_values_to_match_regex", "text", regex=r"^\w+$"),
    _row_rule("expect_column_values_to_match_regex", "text", regex=r"(?i)CAF[ÉÈ]"),
    _row_rule("expect_column_values_to_not_match_regex", "text", regex=r"\d{2}|a\s"),
    _row_rule("expect_column_values_to_not_match_regex", "text", regex=r"^(?!post)[a-z]+"),
]
TYPES = {
    **{
        rule.column: schema(name).field(rule.column).type
        for name in ("raw_posts", "posts")
        for rule in contract(name).rules
    },
    "count": pa.int64(),
}
BY_TYPE = {pa.string(): TEXTS, pa.float64(): NUMBERS, pa.int64(): COUNTS}


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    rows = draw(st.integers(12, 24))
    return pa.record_batch(
        {
            column: pa.array(draw(st.lists(BY_TYPE[kind], min_size=rows, max_size=rows)), kind)
            for column, kind in TYPES.items()
        }
    )


@pytest.fixture(scope="module")
def judge() -> Any:
    """Great Expectations' verdict on `rules`, one list of offending row numbers a rule."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)

    def verdicts(rules: list[Rule], batch: pa.RecordBatch) -> dict[str, list[int]]:
        whole = (
            context.data_sources.add_or_update_pandas("drawn")
            .add_dataframe_asset("rows")
            .add_batch_definition_whole_dataframe("all")
            .get_batch(batch_parameters={"dataframe": pa.Table.from_batches([batch]).to_pandas()})
        )
        expectations = [
            get_expectation_impl(r.type)(column=r.column, **r.kwargs, meta={"rule": f"{n} {r.name}"})
            for n, r in enumerate(rules)
        ]
        results = whole.validate(
            gx.ExpectationSuite(name="rules", expectations=expectations), result_format={"result_format": "COMPLETE"}
        )
        for result in results.results:
            reports = result.exception_info
            assert not reports.get("raised_exception", False), reports
            assert not any(r["raised_exception"] for r in reports.values() if isinstance(r, dict)), reports
        return {
            r.expectation_config.meta["rule"]: sorted(r.result.get("unexpected_index_list") or [])
            for r in results.results
        }

    return verdicts


@THOROUGH
@given(batch=batches())
@example(batch=pa.record_batch({name: pa.array([], kind) for name, kind in TYPES.items()}))
@example(batch=pa.record_batch({name: pa.nulls(3, kind) for name, kind in TYPES.items()}))
def test_each_mask_agrees_with_great_expectations(batch: pa.RecordBatch, judge: Any) -> None:
    rules = [*OWN, *OTHERS]
    verdicts = judge(rules, batch)
    for number, rule in enumerate(rules):
        mask = broken(rule, batch)
        assert mask.type == pa.bool_()
        assert mask.null_count == 0
        ours = [place for place, value in enumerate(mask.to_pylist()) if value]
        assert ours == verdicts[f"{number} {rule.name}"], (rule, batch.column(rule.column))


@THOROUGH
@given(batch=batches())
def test_a_row_is_told_every_rule_it_breaks_and_each_of_them_once(batch: pa.RecordBatch) -> None:
    told = broken_rules(OWN, batch)
    assert told.type == pa.list_(pa.string())
    for place, names in enumerate(told.to_pylist()):
        expected = {rule.name for rule in OWN if broken(rule, batch)[place].as_py()}
        assert set(names) == expected
        assert len(names) == len(expected)


def test_every_kind_of_mask_is_held_against_great_expectations() -> None:
    assert {rule.type for rule in [*OWN, *OTHERS]} >= BROKEN.keys()


@pytest.mark.parametrize("rule", OWN, ids=lambda rule: f"{rule.column}-{rule.name}")
def test_every_row_rule_of_the_contracts_has_a_mask(rule: Rule) -> None:
    assert rule.column is not None
    assert rule.type in BROKEN


def test_a_rule_without_a_mask_is_refused_by_name() -> None:
    rule = _row_rule("expect_column_values_to_be_unique", "text")
    with pytest.raises(UnknownRuleError, match="expect_column_values_to_be_unique") as caught:
        broken(rule, pa.record_batch({"text": pa.array(["a"])}))
    assert rule.name in str(caught.value)
