"""A preview as a page with nothing to load from anywhere, as JSON beside it, and as lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.reprocess.preview import Preview
from jobs.settings import Settings
from jobs.shelf import Shelf

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FOLDER = "reprocess"
SHOWN = 30
"""At most so many days and brands are shown; all of them are in the JSON."""


def publish(settings: Settings, preview: Preview) -> Path | str:
    """Write `<reports>/reprocess/<first day>_<last day>.html` and the JSON beside it; returns where the page lies."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader

    loader = ChoiceLoader([PackageLoader("jobs.reprocess"), PackageLoader("jobs.validate")])
    pages = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    window = preview.request.window
    name = f"{window.start}_{window.end}"
    above = preview.above(settings.reprocess.approve_above)
    told = pages.get_template("preview.html.j2").render(
        preview=preview, request=preview.request, above=above, shown=SHOWN, lines=dict(lines(preview))
    )
    known = json.dumps(as_json(preview), indent=1, default=_plain) + "\n"
    shelf = Shelf(settings.reports)
    shelf.publish(FOLDER, {f"{name}.json": known.encode(), f"{name}.html": told.encode()})
    return shelf.place(f"{FOLDER}/{name}.html")


def lines(preview: Preview) -> Iterator[tuple[str, str]]:
    """What a preview says, as short as it can be: what it is about, and what is known of it."""
    tried = f"{preview.tried_posts:,} items of {len(preview.tried)} days"
    of = f"tried on {tried}" if preview.is_sample else "all of them tried"
    yield "days that would be made", f"{len(preview.days)}, with {preview.posts:,} items; {of}"
    parts = ", ".join(f"{name} {count}" for name, count in preview.partitions.items())
    yield "partitions, by step", parts
    yield "labels that would move", f"{preview.labels_moved:.1%}" + "".join(f"; {told}" for told in _labels(preview))
    yield "into quarantine, out of it", f"{preview.came('posts', 'quarantine')}, {preview.came('quarantine', 'posts')}"
    yield "days that would be held back", ", ".join(preview.held) or "none"
    yield "days and brands that would move", "; ".join(_furthest(preview)) or "none"
    flips = [f"{f.brand}, {f.start} to {f.end}: {f.before} to {f.after}" for f in preview.flips]
    yield "verdicts that would flip", "; ".join(flips) or "none"
    yield "time", f"about {preview.minutes:.1f} minutes on this machine"


def as_json(preview: Preview) -> dict[str, Any]:
    """Everything that a preview knows."""
    asked = preview.request
    request = {
        "from": asked.window.start, "to": asked.window.end, "steps": asked.steps, "feeds": asked.feeds,
        "reason": asked.reason, "made_before": asked.made_before,
    }  # fmt: skip
    known = {field.name: getattr(preview, field.name) for field in fields(preview)}
    drawn = {"is_sample": preview.is_sample, "labels_moved": preview.labels_moved}
    return {**known, "request": request, **drawn}


def _labels(preview: Preview) -> list[str]:
    return [f"{m.items:,} {m.before} to {m.after}" for m in preview.labels if m.before != m.after]


def _furthest(preview: Preview) -> list[str]:
    told = [f"{m.day} {m.brand} {m.before:+.3f} to {m.after:+.3f}" for m in preview.moved[:3]]
    return [f"{len(preview.moved)}, the furthest {told[0]}", *told[1:]] if told else []


def _plain(value: date | DataclassInstance) -> Any:
    """What JSON has no word for: a day or moment as text, a part of a preview by its fields."""
    return value.isoformat() if isinstance(value, date) else asdict(value)
