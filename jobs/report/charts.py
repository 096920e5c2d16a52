"""The charts of the page, as Vega-Lite specifications and the small datasets they share.

Colours are CSS variables, so one drawing serves light, dark and print. Every chart listens to the parameter `brand`,
which the page's buttons set. Specifications are plain data, as Vega-Lite has them: a tenth of the time that a report
takes went to a library that writes them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from jobs.brands import ALL
from jobs.report.figures import Figures, records
from jobs.report.language import Voice
from jobs.report.moves import Move
from jobs.report.telling import extents, status, whole

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
HALF_DAY = 12 * 3_600_000
WORDS_FIT = 620
"""From this width in pixels on there is room for words beside a move."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SIGNED = "datum.value ? format(datum.value, '+.2~f') : '0'"

Json = dict[str, Any]

STYLE: Json = {
    "background": "transparent",
    "font": FONT,
    "aria": False,
    "padding": {"left": 0, "right": 4, "top": 6, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "tickColor": "var(--axis)",
        "domain": False,
        "labelFontSize": 12,
    },
    "mark": {"invalid": "break-paths-filter-domains"},
}
"""What the charts have in common, a Vega-Lite config."""


def datasets(figures: Figures, words: dict[Move, tuple[str, ...]], voice: Voice) -> dict[str, list[Json]]:
    """The named datasets of all charts: days, moves, groups."""
    groups = [
        *_groups("brand", [(row, voice.brand(row["brand"])) for row in records(figures.brands)], figures, voice),
        *_groups("feed", [(row, row["feed"]) for row in records(figures.feeds)], figures, voice),
        *_groups(
            "language",
            [(row, voice.tongue(row["language"])) for row in records(figures.languages)],
            figures,
            voice,
        ),
    ]
    return {
        "days": [_day(row, voice) for row in records(figures.daily)],
        "moves": [_move(move, words.get(move, ()), figures) for move in figures.moves],
        "groups": groups,
    }


def charts(figures: Figures, voice: Voice) -> dict[str, Json]:
    """Vega-Lite specifications by the id of their place in the page, without data."""
    return {
        "chart-polarity": _polarity(figures, voice),
        "chart-volume": _volume(figures, voice),
        "chart-brands": _compared("brand", figures.brands, voice, filtered=False),
        "chart-feeds": _compared("feed", figures.feeds, voice, filtered=True),
        "chart-languages": _compared("language", figures.languages, voice, filtered=True),
    }


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def tone_of(low: float, high: float) -> str:
    """What is known of the sign of a polarity between `low` and `high`."""
    return "positive" if low > 0 else "negative" if high < 0 else "mixed"


def _day(row: Json, voice: Voice) -> Json:
    known, line = not math.isnan(row["mean"]), row["status"] == "ok"
    steps = [0]
    for name in ("negative", "neutral", "positive", "unscored"):
        steps.append(steps[-1] + whole(row[name]))
    tip = [voice.weekday(row["day"])]
    if known:
        tip.append(f"{voice.polarity(row['mean'])}  ({voice.span(row['mean_model_low'], row['mean_model_high'])})")
    if row["posts"] > 0:
        mix = {name: voice.count(row[name]) for name in ("negative", "neutral", "positive")}
        tip += [voice("posts_n", n=voice.count(row["posts"])), voice("mix", **mix)]
    if not line or row["partial"] or row["missing"]:
        tip.append(status(row, voice))
    moment = _milliseconds(row["day"])
    return {
        "b": row["brand"],
        "t": moment,
        "t0": moment - HALF_DAY,
        "t1": moment + HALF_DAY,
        "m": _rounded(row["mean"]) if line else None,
        "l": _rounded(row["mean_model_low"]) if line else None,
        "h": _rounded(row["mean_model_high"]) if line else None,
        "few": _rounded(row["mean"]) if known and not line else None,
        "base": _rounded(row["base"]),
        "tone": tone_of(row["mean_model_low"], row["mean_model_high"]),
        "s": row["status"],
        "part": bool(row["partial"]),
        **{f"n{place}": step for place, step in enumerate(steps)},
        "tip": "\n".join(tip),
    }


def _move(move: Move, words: tuple[str, ...], figures: Figures) -> Json:
    share = ((move.day - figures.window.start).days + 0.5) / len(figures.window.days)
    up = move.change > 0
    return {
        "b": move.brand,
        "t": _milliseconds(move.day),
        "y": _rounded(move.high if up else move.low),
        "up": up,
        "right": share <= 0.6,
        "n": str(move.number),
        "words": [word if len(word) <= 28 else f"{word[:27]}…" for word in words[:3]],
    }


def _groups(by: str, rows: list[tuple[Json, str]], figures: Figures, voice: Voice) -> list[Json]:
    found = []
    for row, label in rows:
        if not _is_drawn(row):
            continue
        known = not math.isnan(row["mean"])
        tip = [label]
        if known:
            tip.append(f"{voice('now')}: {voice.polarity(row['mean'])}")
            tip += [f"{voice(f'{width}_width')}: {_width(row, width, voice)}" for width in ("model", "people")]
            tip.append(f"{voice('before')}: {voice.polarity(row['mean_before'])}")
            tip.append(voice("posts_n", n=voice.count(row["posts"])))
        tip += extents(row, figures, voice)
        found.append(
            {
                "by": by,
                "b": row["brand"],
                "g": label if len(label) <= 22 else f"{label[:21]}…",
                "m": _rounded(row["mean"]),
                "l": _rounded(row["mean_model_low"]),
                "h": _rounded(row["mean_model_high"]),
                "pl": _rounded(row["mean_people_low"]),
                "ph": _rounded(row["mean_people_high"]),
                "m0": _rounded(row["mean_before"]),
                "tone": tone_of(row["mean_people_low"], row["mean_people_high"]),
                "says": voice.polarity(row["mean"]) if known else "",
                "lacks": "" if known else voice("status_uncounted"),
                "tip": "\n".join(tip),
            }
        )
    return found


def _width(row: Json, width: str, voice: Voice) -> str:
    return voice.span(row[f"mean_{width}_low"], row[f"mean_{width}_high"])


def _is_drawn(row: Json) -> bool:
    """Whether a group has a row in its chart: a mean, or that it was not looked for."""
    return not row["counted"] or not math.isnan(row["mean"])


def _most(groups: pd.DataFrame) -> int:
    """The number of drawn groups of the brand that has the most."""
    drawn = [row["brand"] for row in records(groups) if _is_drawn(row)]
    return max(1, *Counter(drawn).values()) if drawn else 1


def _span(groups: pd.DataFrame) -> list[float]:
    """Ends of the polarity axis that all brands share: zero, and every width and mean of both periods."""
    ends = groups[["mean_model_low", "mean_model_high", "mean_people_low", "mean_people_high", "mean_before"]].to_numpy(
        dtype=float
    )
    known = [0.0, *ends[~np.isnan(ends)].tolist()]
    return [min(known), max(known)] if len(known) > 1 else [-1.0, 1.0]


def _reach(figures: Figures) -> list[float]:
    """Ends of the polarity axis: the intervals of full days, and room for the words beyond the moves."""
    full = figures.daily[figures.daily["status"] == "ok"]
    most = min(1.0, math.ceil(max([0.4, *full["mean_model_low"].abs(), *full["mean_model_high"].abs()]) * 4) / 4)
    room = 0.6 * most
    lowest = min([-most - 0.1, *(move.low - room for move in figures.moves if move.change < 0)])
    highest = max([most + 0.1, *(move.high + room for move in figures.moves if move.change > 0)])
    return [round(lowest, 2), round(highest, 2)]


def _polarity(figures: Figures, voice: Voice) -> Json:
    x = _time(figures, voice, labels=False)
    scale = {"domain": _reach(figures), "nice": False}
    marks = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]
    y = {"title": None, "scale": scale, "axis": {"labelExpr": SIGNED, "values": marks, **EVEN}}
    shape = _one_of("part", [False, True], ["circle", "diamond"])
    size = _one_of("part", [False, True], [46, 95]) | {"type": "ordinal"}
    t = _number("t", x)
    layers = [
        *_hidden(x),
        _layer("days", _mark("rule", color="var(--axis)"), {"y": {"datum": 0, "scale": scale}}),
        _of_brand(
            "days",
            _mark("area", color="var(--band)", opacity=1, line=False),
            {"x": t, "y": _number("l", y), "y2": {"field": "h"}},
        ),
        _of_brand(
            "days",
            _mark("line", color="var(--muted)", strokeDash=[2, 3], strokeWidth=1.5),
            {"x": t, "y": _number("base", y)},
        ),
        _of_brand("days", _mark("line", color="var(--ink)", strokeWidth=1.5), {"x": t, "y": _number("m", y)}),
        _of_brand(
            "days",
            _mark("point", filled=False, size=34, opacity=0.9, fill="var(--bg)", strokeWidth=1.2),
            {"x": t, "y": _number("few", y), "stroke": TONE, "shape": shape},
            "datum.few !== null",
        ),
        _of_brand(
            "days",
            _mark("point", filled=True, opacity=1, stroke="var(--bg)", strokeWidth=1),
            {"x": t, "y": _number("m", y), "fill": TONE, "shape": shape, "size": size},
            "datum.m !== null",
        ),
        _of_brand("days", HOVER, _whole_day(x) | TIP),
        *_notes(t, _number("y", y)),
    ]
    return _chart(layers, 300, voice)


def _notes(x: Json, y: Json) -> list[Json]:
    """Numbered marks at the moves, with their words where there is room."""
    style = {
        "align": _either("right", "'left'", "'right'"),
        "baseline": _either("up", "'line-bottom'", "'line-top'"),
        "dx": _either("right", "14", "-14"),
        "dy": _either("up", "-8", "8"),
        "fontSize": 12,
        "fontWeight": 600,
        "lineHeight": 15,
        "opacity": {"expr": f"width < {WORDS_FIT} ? 0 : 1"},
    }
    place, dot = {"x": x, "y": y}, _either("up", "-15", "15")
    halo = _mark("text", **style, stroke="var(--bg)", strokeWidth=4, strokeJoin="round")
    number = _mark("text", color="var(--bg)", fontSize=11, fontWeight=700, dy=_either("up", "-14.5", "15.5"))
    return [
        _of_brand("moves", halo, place | {"text": _name("words")}),
        _of_brand("moves", _mark("text", **style, color="var(--ink)"), place | {"text": _name("words")}),
        _of_brand(
            "moves",
            _mark("point", shape="circle", filled=True, size=300, opacity=1, fill="var(--ink)", yOffset=dot),
            place,
        ),
        _of_brand("moves", number, place | {"text": _name("n")}),
    ]


def _volume(figures: Figures, voice: Voice) -> Json:
    x = _time(figures, voice, labels=True)
    y = {
        "title": None,
        "scale": {"nice": True, "domainMin": 0},
        "axis": {"tickCount": 3, "tickMinStep": 1, "format": ",d", **EVEN},
    }
    bars = [
        _of_brand(
            "days",
            _mark("rect", fill=f"var(--{name}-bar)", stroke="var(--bg)", strokeWidth=0.6),
            _whole_day(x) | {"y": _number(f"n{place}", y), "y2": {"field": f"n{place + 1}"}},
        )
        for place, name in enumerate(("negative", "neutral", "positive", "unscored"))
    ]
    signs = [
        _of_brand("days", _mark("text", fontWeight=700, **style), {"x": _number("t", x), "y": {"datum": 0}}, status)
        for status, style in (
            ("datum.s === 'zero'", {"text": "0", "dy": -7, "color": "var(--muted)", "fontSize": 11}),
            (NOT_SEEN, {"text": "?", "dy": -9, "color": "var(--ink)", "fontSize": 12}),
            (NOT_COUNTED, {"text": "–", "dy": -7, "color": "var(--muted)", "fontSize": 11}),
        )
    ]
    return _chart([*_hidden(x), *bars, *signs, _of_brand("days", HOVER, _whole_day(x) | TIP)], 110, voice)


def _compared(by: str, groups: pd.DataFrame, voice: Voice, *, filtered: bool) -> Json:
    chosen = (f"datum.by === '{by}'", *([OF_BRAND] if filtered else []))
    x = {
        "title": None,
        "scale": {"domain": _span(groups), "nice": True},
        "axis": {"labelExpr": SIGNED, "tickCount": 4, "labelOverlap": "parity", "labelSeparation": 8},
    }
    axis = {"ticks": False, "domain": False, "labelLimit": 150, "labelPadding": 8}
    y = {"y": _name("g") | {"sort": None, "title": None, "axis": axis}}

    def rows(mark: Json, encoding: Json, *filters: str) -> Json:
        return _layer("groups", mark, y | encoding, *chosen, *filters)

    def width(low: str, high: str) -> Json:
        return {"x": _number(low, x), "x2": {"field": high}, "color": TONE}

    lacks = {"x": {"value": {"expr": "width / 2"}}, "text": _name("lacks")}
    layers = [
        _layer("groups", _mark("rule", color="var(--axis)"), {"x": {"datum": 0}}),
        rows(_mark("rule", strokeWidth=1.5, opacity=0.7), width("pl", "ph")),
        rows(_mark("rule", strokeWidth=5, opacity=0.35, strokeCap="round"), width("l", "h")),
        rows(
            _mark("point", size=70, filled=False, stroke="var(--muted)", strokeWidth=1.5, opacity=1),
            {"x": _number("m0", x)},
            "datum.m0 !== null",
        ),
        rows(_mark("point", size=90, filled=True, opacity=1), {"x": _number("m", x), "color": TONE}),
        rows(
            _mark("text", align="left", dx=10, color="var(--ink)", fontWeight=600, fontSize=12),
            {"x": {"value": "width"}, "text": _name("says")},
        ),
        *(
            rows(_mark("text", align="center", fontStyle="italic", fontSize=12, **style), lacks)
            for style in ({"stroke": "var(--bg)", "strokeWidth": 4, "strokeJoin": "round"}, {"color": "var(--muted)"})
        ),
        rows(_mark("bar", **INVISIBLE), {"x": {"value": 0}, "x2": {"value": "width"}} | TIP),
    ]
    return _chart(layers, 24 + 34 * (_most(groups) if filtered else len(groups)), voice)


def _time(figures: Figures, voice: Voice, *, labels: bool) -> Json:
    """Days as numbers: Vega-Lite takes the ends of a time scale for dates on x, for numbers on x2, and warns."""
    days = [date.fromisoformat(day) for day in figures.window.days]
    step = next((n for n in (1, 2, 7, 14, 28) if len(days) <= 16 * n), 56)
    marked = {_milliseconds(day): voice.short(day) for day in days[::step]}
    ends = [_milliseconds(days[0]) - HALF_DAY, _milliseconds(days[-1]) + HALF_DAY]
    axis = {
        "values": list(marked), "labelExpr": f"({json.dumps(marked)})[datum.value]", "labels": labels, "ticks": labels,
        "grid": False, "labelFlush": True, "labelOverlap": "parity", "labelSeparation": 6, "domainColor": "var(--axis)",
    }  # fmt: skip
    return {"title": None, "scale": {"domain": ends, "nice": False, "zero": False}, "axis": axis}


def _hidden(x: Json) -> list[Json]:
    """The grounds of days that could not be seen, and of those that were not looked for."""
    unseen = {"stroke": "var(--muted)", "strokeWidth": 0.5, "strokeDash": [2, 2]}
    return [
        _of_brand("days", _mark("rect", fill="url(#unseen)", opacity=1, **unseen), _whole_day(x), NOT_SEEN),
        _of_brand("days", _mark("rect", fill="url(#uncounted)", opacity=1), _whole_day(x), NOT_COUNTED),
    ]


def _whole_day(x: Json) -> Json:
    return {"x": _number("t0", x), "x2": {"field": "t1"}}


def _mark(kind: str, **style: Any) -> Json:
    return {"type": kind, **style}


def _either(question: str, yes: str, no: str) -> Json:
    return {"expr": f"datum.{question} ? {yes} : {no}"}


def _number(field: str, channel: Json) -> Json:
    """The `channel`, scale and axis, of a field of numbers."""
    return {"field": field, "type": "quantitative", **channel}


def _name(field: str) -> Json:
    return {"field": field, "type": "nominal"}


def _one_of(field: str, domain: Sequence[Any], shown: Sequence[Any]) -> Json:
    return _name(field) | {"scale": {"domain": domain, "range": shown}, "legend": None}


def _layer(data: str, mark: Json, encoding: Json, *filters: str) -> Json:
    return {
        "data": {"name": data}, "mark": mark, "encoding": encoding, "transform": [{"filter": one} for one in filters]
    }  # fmt: skip


def _of_brand(data: str, mark: Json, encoding: Json, *filters: str) -> Json:
    """A layer of the rows of the brand that the page shows."""
    return _layer(data, mark, encoding, OF_BRAND, *filters)


def _chart(layers: Sequence[Json], height: int, voice: Voice) -> Json:
    return {
        "$schema": SCHEMA,
        "config": STYLE | {"locale": voice.vega_locale()},
        "params": [{"name": "brand", "value": ALL}],
        "width": "container",
        "height": height,
        "layer": list(layers),
    }


OF_BRAND = "datum.b === brand"
NOT_SEEN = "datum.s === 'unseen' || datum.s === 'absent'"
NOT_COUNTED = "datum.s === 'uncounted'"
EVEN = {"minExtent": 38, "maxExtent": 38}
"""Both charts of days begin at the same place."""
INVISIBLE = {"opacity": 0, "fill": "#000"}
TIP = {"tooltip": _name("tip")}
HOVER = _mark("rect", **INVISIBLE)
"""What cannot be seen and tells of the row below the pointer."""
TONE = _one_of("tone", ["negative", "mixed", "positive"], ["var(--negative)", "var(--neutral)", "var(--positive)"])
