"""What page, charts and workbook say alike of a day or a group: what it is, and how far it was counted."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from jobs.report.counted import Unlooked
from jobs.report.figures import Figures
from jobs.report.language import Voice
from jobs.report.restated import Restated
from jobs.statistics.changes import SLOPE

Row = dict[str, Any]


def status(row: Row, voice: Voice) -> str:
    """What the day of `row` is, and what it lacks."""
    lacks = [voice("status_partial")] if row["partial"] else []
    lacks += [voice("status_missing", feeds=", ".join(row["missing"]))] if row["missing"] else []
    whole = row["status"] == "ok" and lacks
    return "; ".join(lacks if whole else [voice(f"status_{row['status']}"), *lacks])


def extent(row: Row, voice: Voice) -> str:
    """From when or on how many days the group of `row` was counted; nothing where it was on all."""
    if row["counted"] == row["computed"]:
        return ""
    if not row["counted"]:
        return voice("status_uncounted")
    if row["since"]:
        return voice("counted_since", day=voice.short(row["since"]))
    return voice("counted_on", n=voice.count(row["counted"]), total=voice.count(row["computed"]))


def extent_before(row: Row, figures: Figures, voice: Voice) -> str:
    """How far the period before was counted, and which feeds were not; nothing where it was on all days in all."""
    total = len(figures.window.days)
    said = []
    if not row["counted_before"]:
        said.append(voice("before_uncounted"))
    elif row["counted_before"] < total:
        said.append(voice("before_counted_on", n=voice.count(row["counted_before"]), total=voice.count(total)))
    if row["new_feeds"]:
        said.append(voice("before_missing", feeds=", ".join(row["new_feeds"])))
    return "; ".join(said)


def extents(row: Row, figures: Figures, voice: Voice) -> list[str]:
    """What there is to say of `extent` and `extent_before`."""
    return [said for said in (extent(row, voice), extent_before(row, figures, voice)) if said]


def causes(day: Restated, voice: Voice) -> str:
    """Why a restated day moved."""
    return ", ".join(voice(f"cause_{cause.replace(' ', '_')}") for cause in day.causes)


def moved(day: Restated, voice: Voice) -> str:
    """By how much a restated day moved, why, and by how many posts."""
    said = voice("restated_day", day=voice.short(day.day), change=voice.polarity(day.change), causes=causes(day, voice))
    said += voice("restated_posts", n=voice.signed(day.posts)) if day.posts else ""
    if day.is_lost:
        return f"{said} ({voice('restated_lost')})"
    parts = [f"{voice(f'part_{name}')} {voice.thousandths(value)}" for name, value in day.parts.items() if value]
    return f"{said} ({', '.join(parts)})" if parts else said


def method(key: str, voice: Voice) -> str:
    """How to read a part of the report."""
    slopes = {"slope": SLOPE.printed, "slope_low": SLOPE.low, "slope_high": SLOPE.high}
    named = {name: voice(name) for name in ("model_width", "people_width")}
    return voice(f"method_{key}", **named, **{name: voice.percent(share) for name, share in slopes.items()})


def spans(unlooked: Unlooked, voice: Voice) -> str:
    """The days of `unlooked`, neighbours drawn together."""
    return ", ".join(span(*ends, voice) for ends in unlooked.spans)


def span(start: date, end: date, voice: Voice) -> str:
    """One day, or the first and the last of several, abbreviated."""
    return voice.short(start) if start == end else f"{voice.short(start)}–{voice.short(end)}"


def whole(value: float) -> int:
    """A count, 0 where nothing was counted."""
    return 0 if math.isnan(value) else int(value)


def capfirst(said: str) -> str:
    """`said` as the beginning of a sentence."""
    return said[:1].upper() + said[1:]
