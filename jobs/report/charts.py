"""The charts of the page, as Vega-Lite specifications and the small datasets they share.

Colours are CSS variables, so one drawing serves light, dark and print. Every chart listens to the parameter `brand`,
which the page's buttons set.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
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
"""What the charts have in common, a Vega-Lite config; as plain data, since Altair copies its objects at every call."""


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
    import altair as alt

    x = _time_axis(figures, voice, labels=False)
    y = alt.Y(
        "m:Q",
        title=None,
        scale=alt.Scale(domain=_reach(figures), nice=False),
        axis=alt.Axis(
            labelExpr=SIGNED, values=[-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1], minExtent=38, maxExtent=38
        ),
    )
    days = alt.Chart(alt.NamedData(name="days")).transform_filter("datum.b === brand")
    size = alt.Size("part:O", scale=alt.Scale(domain=[False, True], range=[46, 95]), legend=None)
    shape = alt.Shape("part:N", scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]), legend=None)
    hidden = _hidden(days, x)
    zero = (
        alt.Chart(alt.NamedData(name="days")).mark_rule(color="var(--axis)").encode(y=alt.YDatum(0, scale=y["scale"]))
    )
    band = days.mark_area(color="var(--band)", opacity=1, line=False).encode(x=x, y=_as(y, "l:Q"), y2=alt.Y2("h:Q"))
    base = days.mark_line(color="var(--muted)", strokeDash=[2, 3], strokeWidth=1.5).encode(x=x, y=_as(y, "base:Q"))
    line = days.mark_line(color="var(--ink)", strokeWidth=1.5).encode(x=x, y=y)
    points = (
        days.transform_filter("datum.m !== null")
        .mark_point(filled=True, opacity=1, stroke="var(--bg)", strokeWidth=1)
        .encode(x=x, y=y, fill=_tone_scale(alt.Fill), shape=shape, size=size)
    )
    few = (
        days.transform_filter("datum.few !== null")
        .mark_point(filled=False, size=34, opacity=0.9, fill="var(--bg)", strokeWidth=1.2)
        .encode(x=x, y=_as(y, "few:Q"), stroke=_tone_scale(alt.Stroke), shape=shape)
    )
    hover = _hover(days.mark_rect, x=_as(x, "t0:Q"), x2=alt.X2("t1:Q"))
    layers = [*hidden, zero, band, base, line, few, points, hover, *_notes(x, y)]
    return _finish(alt.layer(*layers).properties(width="container", height=300), voice)


def _notes(x: Any, y: Any) -> list[Any]:
    """Numbered marks at the moves, with their words where there is room."""
    import altair as alt

    def either(question: str, yes: str, no: str) -> Any:
        return alt.ExprRef(f"datum.{question} ? {yes} : {no}")

    moves = alt.Chart(alt.NamedData(name="moves")).transform_filter("datum.b === brand").encode(x=x, y=_as(y, "y:Q"))
    style = {
        "align": either("right", "'left'", "'right'"),
        "baseline": either("up", "'line-bottom'", "'line-top'"),
        "dx": either("right", "14", "-14"),
        "dy": either("up", "-8", "8"),
        "fontSize": 12,
        "fontWeight": 600,
        "lineHeight": 15,
        "opacity": alt.ExprRef(f"width < {WORDS_FIT} ? 0 : 1"),
    }
    return [
        moves.mark_text(**style, stroke="var(--bg)", strokeWidth=4, strokeJoin="round").encode(
            text=alt.Text("words:N")
        ),
        moves.mark_text(**style, color="var(--ink)").encode(text=alt.Text("words:N")),
        moves.mark_point(
            shape="circle", filled=True, size=300, opacity=1, fill="var(--ink)", yOffset=either("up", "-15", "15")
        ),
        moves.mark_text(color="var(--bg)", fontSize=11, fontWeight=700, dy=either("up", "-14.5", "15.5")).encode(
            text=alt.Text("n:N")
        ),
    ]


def _volume(figures: Figures, voice: Voice) -> Json:
    import altair as alt

    x = _time_axis(figures, voice, labels=True)
    days = alt.Chart(alt.NamedData(name="days")).transform_filter("datum.b === brand")
    y = alt.Y(
        "n0:Q", title=None, scale=alt.Scale(nice=True, domainMin=0),
        axis=alt.Axis(tickCount=3, tickMinStep=1, format=",d", minExtent=38, maxExtent=38),
    )  # fmt: skip
    bars = [
        days.mark_rect(fill=f"var(--{name}-bar)", stroke="var(--bg)", strokeWidth=0.6).encode(
            x=_as(x, "t0:Q"), x2=alt.X2("t1:Q"), y=_as(y, f"n{place}:Q"), y2=alt.Y2(f"n{place + 1}:Q")
        )
        for place, name in enumerate(("negative", "neutral", "positive", "unscored"))
    ]
    none = (
        days.transform_filter("datum.s === 'zero'")
        .mark_text(text="0", dy=-7, color="var(--muted)", fontSize=11, fontWeight=700)
        .encode(x=x, y=alt.YDatum(0))
    )
    unknown = (
        days.transform_filter("datum.s === 'unseen' || datum.s === 'absent'")
        .mark_text(text="?", dy=-9, color="var(--ink)", fontSize=12, fontWeight=700)
        .encode(x=x, y=alt.YDatum(0))
    )
    unlooked = (
        days.transform_filter("datum.s === 'uncounted'")
        .mark_text(text="–", dy=-7, color="var(--muted)", fontSize=11, fontWeight=700)
        .encode(x=x, y=alt.YDatum(0))
    )
    hover = _hover(days.mark_rect, x=_as(x, "t0:Q"), x2=alt.X2("t1:Q"))
    layers = [*_hidden(days, x), *bars, none, unknown, unlooked, hover]
    return _finish(alt.layer(*layers).properties(width="container", height=110), voice)


def _compared(by: str, groups: pd.DataFrame, voice: Voice, *, filtered: bool) -> Json:
    import altair as alt

    rows = alt.Chart(alt.NamedData(name="groups")).transform_filter(f"datum.by === '{by}'")
    if filtered:
        rows = rows.transform_filter("datum.b === brand")
    y = alt.Y("g:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=150, labelPadding=8))
    x = alt.X(
        "m:Q",
        title=None,
        scale=alt.Scale(domain=_span(groups), nice=True),
        axis=alt.Axis(labelExpr=SIGNED, tickCount=4, labelOverlap="parity", labelSeparation=8),
    )
    tone = _tone_scale(alt.Color)
    zero = alt.Chart(alt.NamedData(name="groups")).mark_rule(color="var(--axis)").encode(x=alt.XDatum(0))
    spans = rows.mark_rule(strokeWidth=5, opacity=0.35, strokeCap="round").encode(
        y=y, x=_as(x, "l:Q"), x2=alt.X2("h:Q"), color=tone
    )
    people = rows.mark_rule(strokeWidth=1.5, opacity=0.7).encode(y=y, x=_as(x, "pl:Q"), x2=alt.X2("ph:Q"), color=tone)
    before = (
        rows.transform_filter("datum.m0 !== null")
        .mark_point(size=70, filled=False, stroke="var(--muted)", strokeWidth=1.5, opacity=1)
        .encode(y=y, x=_as(x, "m0:Q"))
    )
    points = rows.mark_point(size=90, filled=True, opacity=1).encode(y=y, x=x, color=tone)
    figures = rows.mark_text(align="left", dx=10, color="var(--ink)", fontWeight=600, fontSize=12).encode(
        y=y, x=alt.value("width"), text=alt.Text("says:N")
    )
    lacking = [
        rows.mark_text(align="center", fontStyle="italic", fontSize=12, **style).encode(
            y=y, x=alt.value(alt.expr("width / 2")), text=alt.Text("lacks:N")
        )
        for style in ({"stroke": "var(--bg)", "strokeWidth": 4, "strokeJoin": "round"}, {"color": "var(--muted)"})
    ]
    hover = _hover(rows.mark_bar, y=y, x=alt.value(0), x2=alt.value("width"))
    chart = alt.layer(zero, people, spans, before, points, figures, *lacking, hover)
    return _finish(
        chart.properties(width="container", height=24 + 34 * (_most(groups) if filtered else len(groups))), voice
    )


def _time_axis(figures: Figures, voice: Voice, *, labels: bool) -> Any:
    """Days as numbers: Vega-Lite takes the ends of a time scale for dates on x, for numbers on x2, and warns."""
    import altair as alt

    days = [date.fromisoformat(day) for day in figures.window.days]
    step = next((n for n in (1, 2, 7, 14, 28) if len(days) <= 16 * n), 56)
    marked = {_milliseconds(day): voice.short(day) for day in days[::step]}
    return alt.X(
        "t:Q",
        title=None,
        scale=alt.Scale(
            domain=[_milliseconds(days[0]) - HALF_DAY, _milliseconds(days[-1]) + HALF_DAY], nice=False, zero=False
        ),
        axis=alt.Axis(
            values=list(marked), labelExpr=f"({json.dumps(marked)})[datum.value]", labels=labels, ticks=labels,
            grid=False, labelFlush=True, labelOverlap="parity", labelSeparation=6, domainColor="var(--axis)",
        ),
    )  # fmt: skip


def _as(channel: Any, shorthand: str) -> Any:
    """The same channel, scale and axis, of another field."""
    copy = channel.copy()
    copy.shorthand = shorthand
    return copy


def _hidden(days: Any, x: Any) -> list[Any]:
    """The grounds of days that could not be seen, and of those that were not looked for."""
    import altair as alt

    unseen = days.transform_filter("datum.s === 'unseen' || datum.s === 'absent'").mark_rect(
        fill="url(#unseen)", stroke="var(--muted)", strokeWidth=0.5, strokeDash=[2, 2], opacity=1
    )
    uncounted = days.transform_filter("datum.s === 'uncounted'").mark_rect(fill="url(#uncounted)", opacity=1)
    return [marks.encode(x=_as(x, "t0:Q"), x2=alt.X2("t1:Q")) for marks in (unseen, uncounted)]


def _hover(mark: Callable[..., Any], **places: Any) -> Any:
    """What cannot be seen and tells of the row below the pointer."""
    import altair as alt

    return mark(opacity=0, fill="#000").encode(tooltip=alt.Tooltip("tip:N"), **places)


def _tone_scale(channel: Any) -> Any:
    import altair as alt

    return channel(
        "tone:N",
        scale=alt.Scale(
            domain=["negative", "mixed", "positive"], range=["var(--negative)", "var(--neutral)", "var(--positive)"]
        ),
        legend=None,
    )


def _finish(chart: Any, voice: Voice) -> Json:
    import altair as alt

    # Tests check the specifications against Vega-Lite's schema; here it would cost a second.
    specification: Json = chart.add_params(alt.param(name="brand", value=ALL)).to_dict(validate=False)
    return specification | {"config": STYLE | {"locale": voice.vega_locale()}}
