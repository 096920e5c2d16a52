"""The charts: valid Vega-Lite, safe data, one drawing for every brand."""

from __future__ import annotations

import json
import re

import altair as alt
import pytest

from jobs.report import Report

PLACES = ("chart-polarity", "chart-volume", "chart-brands", "chart-feeds", "chart-languages")


@pytest.fixture(scope="module")
def drawings(made: Report) -> dict:
    page = made.path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="drawings">(.*?)</script>', page, re.DOTALL).group(1))


@pytest.mark.parametrize("place", PLACES)
def test_every_chart_is_valid_vega_lite_that_names_its_data(drawings: dict, place: str) -> None:
    chart = drawings["charts"][place]
    alt.LayerChart.from_dict(chart, validate=True)
    assert {layer["data"]["name"] for layer in chart["layer"] if "data" in layer} | {
        chart.get("data", {}).get("name", "days")
    } <= set(drawings["datasets"])
    assert "url" not in json.dumps(chart).replace("url(#unseen)", "").replace("url(#uncounted)", "")


def test_a_day_without_a_mean_breaks_the_line(drawings: dict) -> None:
    for day in drawings["datasets"]["days"]:
        assert (day["m"] is None) == (day["s"] != "ok")
        assert (day["few"] is not None) <= (day["s"] == "few")


def test_bars_stack_without_a_gap(drawings: dict) -> None:
    for day in drawings["datasets"]["days"]:
        assert 0 == day["n0"] <= day["n1"] <= day["n2"] <= day["n3"] <= day["n4"]


def test_the_polarity_axis_holds_every_interval_and_note(drawings: dict) -> None:
    layers = drawings["charts"]["chart-polarity"]["layer"]
    (low, high) = next(layer["encoding"]["y"]["scale"]["domain"] for layer in layers if layer["mark"]["type"] == "area")
    ends = [day[end] for day in drawings["datasets"]["days"] for end in ("l", "h") if day[end] is not None]
    assert low < min(ends)
    assert max(ends) < high
    assert all(low < move["y"] < high for move in drawings["datasets"]["moves"])
