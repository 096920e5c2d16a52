"""The HTML pages: one self-contained report, and the index of all reports.

Every text of a post is hostile. Jinja escapes what goes into HTML, `script_json` what goes into the data block, and
the page's Content-Security-Policy lets nothing run but the two scripts that are named by their hash, without `eval`
(Vega interprets its expressions).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jobs.brands import ALL
from jobs.lake.table import fingerprint
from jobs.report.charts import charts, datasets, tone_of
from jobs.report.claims import NO_BASIS
from jobs.report.content import Content
from jobs.report.editions import Edition, HeadlineFigure, Told
from jobs.report.figures import FEW, Figures, records
from jobs.report.language import Voice
from jobs.report.moves import Move
from jobs.report.pooled import MEASURES
from jobs.report.posts import LONGEST_TEXT
from jobs.report.telling import (
    capfirst,
    extent,
    extent_before,
    extents,
    method,
    moved,
    span,
    spans,
    status,
    whole,
)
from jobs.report.waterfall import Waterfall, topic_bars
from jobs.settings import Settings
from models.files import write_whole
from models.sentiment import Mattered

TEMPLATES = Path(__file__).parent / "templates"
ENTRY = "window.vegaEmbed = vegaEmbed;"
"""What the script of Vega gives to that of the page."""
MOVED = 5
"""At most so many restated days are told."""

BRIEF = 220
"""A longer text is shortened, with the whole of it one click away."""

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SIGNS = {"better": "▲", "worse": "▼", "unclear": "■", "incomparable": "■"}


def render_page(content: Content, voice: Voice) -> str:
    """The report as one HTML document that loads nothing from anywhere."""
    figures, behind, quality = content.figures, content.behind, content.quality
    vega, script = vega_bundle(), (TEMPLATES / "page.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    drawings = {"charts": charts(figures, voice), "datasets": datasets(figures, behind.words, voice)}
    daily = {name: records(figures.daily[figures.daily["brand"] == name]) for name in figures.names}
    absent = [row["day"] for row in daily[ALL] if row["status"] == "absent"]
    return _render(
        "page.html.j2",
        say=voice,
        title=title(content.settings, voice),
        policy=_policy(style, vega, script),
        style=_safe(style),
        vega=_safe(vega),
        script=_safe(script),
        drawings=_safe(script_json(drawings)),
        window=figures.window,
        previous=figures.previous,
        names=figures.names,
        lead=lead(figures, behind.words, voice),
        cards=[_card(row, figures, voice) for row in records(figures.brands)],
        daily=daily,
        moves={name: [move for move in figures.moves if move.brand == name] for name in figures.names},
        surges={name: [surge for surge in figures.surges if surge.brand == name] for name in figures.names},
        bridges=[Waterfall.of(bridge) for bridge in figures.bridges],
        checked=figures.checked,
        talk=content.talk,
        why=content.why,
        topic_bars=topic_bars,
        steps=figures.steps,
        rule_steps=figures.rule_steps,
        words=behind.words,
        behind=behind,
        groups=_groups(figures, voice),
        feeds=records(quality.feeds),
        feed_extents={row["feed"]: extent(row, voice) for row in records(figures.feeds) if row["brand"] == ALL},
        quality=quality,
        pins=content.pins,
        restated=figures.restated[:MOVED],
        more=len(figures.restated) - MOVED,
        moved=moved,
        method=method,
        gaps=figures.gaps,
        scarce=figures.scarce,
        unlooked=figures.unlooked,
        absent=", ".join(voice.short(day) for day in absent),
        held=", ".join(voice.short(day) for day in figures.held),
        timezone=content.settings.timezone,
        few=FEW,
        longest=LONGEST_TEXT,
        status=status,
        has_uncounted=bool((figures.daily["status"] == "uncounted").any()),
        capfirst=capfirst,
        span=span,
        spans=spans,
        extents=lambda row: extents(row, figures, voice),
        tone=lambda polarity: "positive" if polarity > 0.1 else "negative" if polarity < -0.1 else "neutral",
        x=lambda value: f"{100 + 100 * value:.1f}",
        wide=lambda low, high: f"{100 * (high - low):.1f}",
        clean=clean,
        shorten=shorten,
        pieces=lambda post, shown: pieces(post.text, shown, content.mattered.get((post.feed, post.post_id), ())),
        has_words=any(content.mattered.values()),
        link=link,
    )


def render_index(editions: Sequence[Edition], voice: Voice) -> str:
    """The page that lists `editions`, in the order given."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return _render("index.html.j2", say=voice, policy=_policy(style), style=_safe(style), editions=editions)


def title(settings: Settings, voice: Voice) -> str:
    """The report's title: the settings' own, else one that names the brands."""
    if settings.report.title:
        return settings.report.title
    names = ", ".join(brand.name for brand in settings.brands)
    return f"{voice('title')}: {names}" if names else voice("title")


def lead(figures: Figures, words: dict[Move, tuple[str, ...]], voice: Voice) -> str:
    """The report in three sentences: the mood, its change, its sharpest turn with its words."""
    total = next(row for row in records(figures.brands) if row["brand"] == ALL)
    if not total["counted"]:
        return voice("lead_uncounted")
    if not total["scored"]:
        return voice("lead_none")
    verdict = voice.verdict(total["change_low"], total["change_high"])
    said = [
        _mood(told(total, "mean"), _scored(total, voice), voice),
        voice(f"lead_{verdict}", change=voice.polarity(total["change"])),
    ]
    if total["counted_before"]:
        said += [f"{capfirst(lacks)}." for lacks in [extent_before(total, figures, voice)] if lacks]
    if figures.moves:
        named = [move for move in figures.moves if move.brand != ALL] or list(figures.moves)
        move = max(named, key=lambda move: abs(move.change))
        key = f"lead_{'rise' if move.change > 0 else 'fall'}{'_all' if move.brand == ALL else ''}"
        turn = voice(
            key,
            brand=move.brand,
            day=voice.weekday(move.day),
            mean=voice.polarity(move.mean),
            base=voice.polarity(move.base),
        )
        talk = ", ".join(f"“{clean(word)}”" for word in words.get(move, ())[:4])
        said.append(f"{turn}, {voice('lead_words', words=talk)}." if talk else f"{turn}.")
    return " ".join(said)


def _scored(total: dict[str, Any], voice: Voice) -> str:
    """How many posts a mean is of, and of how many where some could not be scored: as the cards count them."""
    scored, posts = voice.count(total["scored"]), voice.count(total["posts"])
    return scored if total["scored"] == total["posts"] else voice("lead_some", n=scored, all=posts)


def _mood(mean: Told, count: str, voice: Voice) -> str:
    if mean.basis == NO_BASIS:
        return voice("lead_mood_unclaimed", n=count, mean=voice.polarity(mean.value))
    ends = {"low": voice.polarity(mean.people_low), "high": voice.polarity(mean.people_high)}
    return voice("lead_mood", n=count, mean=voice.polarity(mean.value), **ends)


def headline(figures: Figures, voice: Voice) -> tuple[HeadlineFigure, ...]:
    """What the index tells of each brand."""
    return tuple(
        HeadlineFigure(
            brand=row["brand"],
            **{name: told(row, name) for name in MEASURES},
            verdict=voice.verdict(row["change_low"], row["change_high"]),
            posts=whole(row["posts"]) if row["counted"] else None,
        )
        for row in records(figures.brands)
    )


def told(row: dict[str, Any], name: str) -> Told:
    """The figure `name` of a group with both its widths."""
    return Told(
        value=row[name] if row["basis"] == NO_BASIS else row[f"{name}_people"],
        model=row[name],
        model_low=row[f"{name}_model_low"],
        model_high=row[f"{name}_model_high"],
        people_low=row[f"{name}_people_low"],
        people_high=row[f"{name}_people_high"],
        basis=row["basis"],
    )


def script_json(value: Any) -> str:
    """`value` as JSON that cannot end the script element it stands in, nor a line of JavaScript."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def link(url: str | None) -> str | None:
    """`url` when it leads to a web page by http or https, else None."""
    if url is None or clean(url) != url or any(character.isspace() for character in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def clean(text: str) -> str:
    """`text` with characters that no page or workbook can hold replaced by U+FFFD."""
    return _printable(text).strip()


def _printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text).replace("\u2028", "\n").replace("\u2029", "\n")


class Piece(NamedTuple):
    """A part of a text, and its evidence where it is a word that mattered."""

    text: str
    evidence: float | None = None


def pieces(text: str, shown: str, words: Iterable[Mattered]) -> Iterator[Piece]:
    """`shown`, which is `text` cleaned or its beginning, in pieces of which each of `words` is one."""
    before = _printable(text)
    stripped, done = len(before) - len(before.lstrip()), 0
    kept = len(shown) - (shown != before.strip())  # a beginning ends in dots
    for word in words:
        begin, end = word.begin - stripped, word.end - stripped
        if end > kept:
            break
        yield Piece(shown[done:begin])
        yield Piece(shown[begin:end], word.evidence)
        done = end
    yield Piece(shown[done:])


def shorten(text: str) -> str:
    """The first words of a long `text` in one line, a short one whole."""
    if len(text) <= BRIEF:
        return text
    head = text[:BRIEF]
    return f"{head.rsplit(maxsplit=1)[0] if ' ' in head[BRIEF // 2 :] else head}…"


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; from the installed package, without a network.

    Putting it together takes seconds, so it is kept in the user's cache, where there is one to write to.
    """
    import vl_convert

    name = f"vega-{version('vl-convert-python')}-{fingerprint(ENTRY)}.js"
    with suppress(OSError, RuntimeError):
        return (_cache() / name).read_bytes().decode()
    script = vl_convert.javascript_bundle(ENTRY)
    with suppress(OSError, RuntimeError):
        _cache().mkdir(parents=True, exist_ok=True)
        write_whole(_cache() / name, script)
    return script


def _cache() -> Path:
    """Where this user's programs keep what they can make again; RuntimeError for a user without a home."""
    return Path.home() / ".cache" / "sentinela"


def _render(name: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name).render(**values)


def _safe(source: str) -> Any:
    """Text of ours that goes into a script or style element as it is; it must not end the element."""
    from markupsafe import Markup

    if re.search(r"</(script|style)|<!--", source, re.IGNORECASE):
        raise ValueError("a script or style of the page holds text that would end its element")
    return Markup(source)


def _policy(style: str, *scripts: str) -> str:
    def named(source: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"

    allowed = " ".join(named(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {named(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _card(row: dict[str, Any], figures: Figures, voice: Voice) -> dict[str, Any]:
    verdict = voice.verdict(row["change_low"], row["change_high"])
    figures_told = {name: told(row, name) for name in MEASURES}
    return row | {
        "told": figures_told,
        "extent": extent(row, voice),
        "extent_before": extent_before(row, figures, voice),
        "tone": tone_of(row["mean_people_low"], row["mean_people_high"]),
        "verdict": verdict,
        "sign": SIGNS[verdict],
        "shares": [figures_told[f"{label}_share"].value for label in ("negative", "neutral", "positive")],
    }


def _groups(figures: Figures, voice: Voice) -> list[tuple[str, str, list[tuple[str, dict[str, Any]]]]]:
    return [
        ("by_brand", "chart-brands", [(voice.brand(row["brand"]), row) for row in records(figures.brands)]),
        ("by_feed", "chart-feeds", [(row["feed"], row) for row in records(figures.feeds)]),
        (
            "by_language",
            "chart-languages",
            [(voice.tongue(row["language"]), row) for row in records(figures.languages)],
        ),
    ]
