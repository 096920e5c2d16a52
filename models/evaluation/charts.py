"""The charts of the leaderboard as SVG, in the colours of the page: CSS variables serve light and dark alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from models.evaluation.leaderboard import Entry

FONT = "system-ui, sans-serif"

_INK, _MUTED, _GRID, _MODEL, _BASELINE = "var(--ink)", "var(--muted)", "var(--grid)", "var(--model)", "var(--muted)"
_MEAN = "mean macro-F1, percent"
_TICKS = [step * 10**power for power in range(-1, 6) for step in (1, 3)]
# Pixels: the chart of scores, half a point, from a point to its name, a letter and a line of names.
_WIDTH, _HEIGHT, _DOT, _BESIDE, _LETTER, _LINE = 600, 320, 6, 9, 7.2, 15
_STEPS = (0, -0.5, 0.5, -1, 1, -1.5, 1.5, -2, 2, -3, 3)
_KINDS = {"a model of ours": _MODEL, "a baseline": _BASELINE}


def score_against_speed(entries: Sequence[Entry]) -> str:
    """Mean macro-F1, with its interval, against texts a second on a logarithmic scale."""
    import altair as alt

    points = [_point(entry) for entry in entries]
    rates, scores = _decades([point["rate"] for point in points]), _fives(points)
    place_names(points, rates, scores)
    height = alt.Scale(domain=scores, nice=False, zero=False)
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("rate:Q", title="texts a second on one core, of about 100 characters")
        .scale(type="log", domain=rates, nice=False)
        .axis(format="~s", values=_TICKS),
        color=alt.Color("kind:N", legend=None).scale(domain=list(_KINDS), range=list(_KINDS.values())),
    )
    score = alt.Y("score:Q", title=_MEAN, scale=height)
    spans = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=_MEAN, scale=height), y2="high:Q")
    names = [
        base.transform_filter(alt.datum.side == side)
        .mark_text(dx=dx, align=align, fontSize=12, fontWeight=600)
        .encode(y=alt.Y("named:Q", scale=height), text="name:N")
        for side, dx, align in (("right", _BESIDE, "left"), ("left", -_BESIDE, "right"))
    ]
    chart = alt.layer(spans, base.mark_circle(size=110, opacity=1).encode(y=score), *names)
    return _svg(chart.properties(width=_WIDTH, height=_HEIGHT))


def reliability(entries: Sequence[Entry]) -> str:
    """How often a label is right against the probability it was given, one panel a model; perfect is the diagonal."""
    import altair as alt

    panels = [_panel(entry) for entry in entries]
    return _svg(alt.concat(*panels, columns=3, spacing=28))


def cascade(curve: pd.DataFrame) -> str:
    """Mean macro-F1 of the cascade against the share of texts that is rescored."""
    import altair as alt

    points = alt.Data(values=curve.to_dict("records"))
    chart = (
        alt.Chart(points)
        .mark_line(color=_MODEL, strokeWidth=2.5, point=alt.OverlayMarkDef(color=_MODEL, size=45))
        .encode(
            x=alt.X("share:Q", title="share of texts that the accurate model scores again").axis(format="%"),
            y=alt.Y("macro_f1:Q", title=_MEAN).scale(zero=False),
        )
    )
    return _svg(chart.properties(width=600, height=240))


def _decades(rates: Sequence[float]) -> list[float]:
    """The powers of ten that the rates lie between."""
    return [10 ** math.floor(math.log10(min(rates))), 10 ** math.floor(math.log10(max(rates)) + 1)]


def _fives(points: Sequence[dict[str, Any]]) -> list[float]:
    """The multiples of five that the intervals lie between."""
    low, high = min(one["low"] for one in points), max(one["high"] for one in points)
    return [5 * math.floor(low / 5), 5 * math.floor(high / 5 + 1)]


def place_names(points: Sequence[dict[str, Any]], rates: Sequence[float], scores: Sequence[float]) -> None:
    """Set where each name stands, clear of the points and of the other names, as near to its point as can be.

    Args:
        points: each with ``name``, ``rate`` (texts a second) and ``score`` (percent); each is given ``side`` (``right``
            or ``left`` of the point) and ``named``, the height of its name in percent.
        rates: the least and the greatest rate of the chart, whose axis is logarithmic.
        scores: the least and the greatest score of the chart.
    """
    across, up = _WIDTH / math.log10(rates[1] / rates[0]), _HEIGHT / (scores[1] - scores[0])
    spots = [(across * math.log10(one["rate"] / rates[0]), up * (one["score"] - scores[0])) for one in points]
    taken = [_Box(x - _DOT, x + _DOT, y - _DOT, y + _DOT) for x, y in spots]
    for point, (x, y) in sorted(zip(points, spots, strict=True), key=lambda one: -one[1][1]):
        width = _LETTER * len(point["name"])
        ways = {
            (side, step): _Box(left, left + width, y + (step - 0.5) * _LINE, y + (step + 0.5) * _LINE)
            for step in _STEPS
            for side, left in (("right", x + _BESIDE), ("left", x - _BESIDE - width))
        }
        inside = {way: box for way, box in ways.items() if box.left >= 0 and box.right <= _WIDTH}
        free = [way for way, box in inside.items() if not any(map(box.meets, taken))]
        side, step = next(iter(free), next(iter(ways)))
        taken.append(ways[side, step])
        point |= {"side": side, "named": point["score"] + step * _LINE / up}


class _Box(NamedTuple):
    left: float
    right: float
    low: float
    high: float

    def meets(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high


def _point(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.contestant.version,
        "kind": list(_KINDS)[entry.contestant.baseline],
        "rate": next(iter(entry.speed.docs_per_second.values())),
        "score": float(entry.mean["macro_f1"]),
        "low": float(entry.mean["low"]),
        "high": float(entry.mean["high"]),
    }


def _panel(entry: Entry) -> Any:
    import altair as alt

    colour = _BASELINE if entry.contestant.baseline else _MODEL
    whole = alt.Scale(domain=[0.3, 1.0], nice=False)
    ticks = alt.Axis(format="%", values=[0.4, 0.6, 0.8, 1.0])
    diagonal = alt.Chart(alt.Data(values=[{"p": 0.3}, {"p": 1.0}])).mark_line(color=_MUTED, strokeDash=[3, 4])
    bins = alt.Chart(alt.Data(values=entry.reliability.to_dict("records")))
    place = {
        "x": alt.X("confidence:Q", title="probability", scale=whole, axis=ticks),
        "y": alt.Y("accuracy:Q", title="right", scale=whole, axis=ticks),
    }
    line = bins.mark_line(color=colour, strokeWidth=2).encode(**place)
    dots = bins.mark_circle(color=colour, opacity=1).encode(
        **place, size=alt.Size("rows:Q", legend=None).scale(range=[12, 160])
    )
    under = diagonal.encode(x=alt.X("p:Q", scale=whole, axis=ticks), y=alt.Y("p:Q", scale=whole, axis=ticks))
    return (under + line + dots).properties(width=190, height=190, title=entry.contestant.version)


def _svg(chart: Any) -> str:
    """Draw a chart; it scales with the page and its words are in the page's colours."""
    import vl_convert

    text = {"labelColor": _MUTED, "titleColor": _MUTED, "labelFont": FONT, "titleFont": FONT, "titleFontWeight": 400}
    config = {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": text | {"gridColor": _GRID, "domainColor": _GRID, "tickColor": _GRID, "labelFontSize": 12},
        "title": {"color": _INK, "font": FONT, "fontSize": 13, "anchor": "start", "limit": 260},
    }
    return str(vl_convert.vegalite_to_svg(chart.to_dict() | {"config": config}))
