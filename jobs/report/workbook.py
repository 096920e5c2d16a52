"""The spreadsheet: the figures of the report with native charts, for people who count on."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from jobs.brands import ALL
from jobs.report.content import Content
from jobs.report.figures import Figures, records
from jobs.report.language import Voice
from jobs.report.mattered import Words
from jobs.report.page import clean, link, title, told
from jobs.report.pins import Pins
from jobs.report.pooled import MEASURES
from jobs.report.posts import Behind, Example, Examples
from jobs.report.quality import Quality
from jobs.report.talk import Talk
from jobs.report.telling import causes, extent, extent_before, method, spans, status
from jobs.report.why import Why
from jobs.settings import Settings

CELL = 32_000
"""Excel keeps at most 32,767 characters in a cell."""

INK, NEGATIVE, NEUTRAL, POSITIVE, EDGE = "#1b2530", "#D55E00", "#9AA4AE", "#0072B2", "#8a949e"

Row = Sequence[Any]


def workbook(content: Content, voice: Voice) -> bytes:
    """The workbook as bytes, the same for the same figures: it is dated with the end of the window.

    Texts are written as strings, never as formulas or links.
    """
    import xlsxwriter

    figures = content.figures
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties(
            {
                "title": clean(title(content.settings, voice)),
                "author": "Sentinela",
                "created": datetime.combine(figures.window.end, time(), UTC).replace(tzinfo=None),
            }
        )
        sheets = Sheets(book, voice)
        _summary(sheets, content.settings, figures, content.pins)
        places = _daily(sheets, figures)
        _charts(sheets, figures, places)
        _groups(sheets, figures)
        _moved(sheets, figures, content.why, content.mattered)
        _talk(sheets, content.talk)
        _posts(sheets, figures, content.behind, content.mattered)
        _quality(sheets, figures, content.quality)
    return buffer.getvalue()


class Sheets:
    """A workbook with its formats, and tables written cell by cell with the right type."""

    def __init__(self, book: Any, voice: Voice) -> None:
        self.book, self.voice = book, voice
        self.plain = book.add_format({"valign": "top"})
        self.formats = {
            "title": book.add_format({"bold": True, "font_size": 16, "font_color": INK}),
            "head": book.add_format(
                {"bold": True, "font_color": INK, "bottom": 1, "border_color": EDGE, "text_wrap": True, "valign": "top"}
            ),
            "note": book.add_format({"font_color": "#5a6672"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "align": "left"}),
            "polarity": book.add_format({"num_format": "+0.00;-0.00;0.00", "valign": "top"}),
            "part": book.add_format({"num_format": "+0.000;-0.000;0.000", "valign": "top"}),
            "count": book.add_format({"num_format": "#,##0", "valign": "top"}),
            "share": book.add_format({"num_format": "0%", "valign": "top"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
        }

    def add(self, key: str) -> Any:
        """A new sheet called by the phrase `key`."""
        sheet = self.book.add_worksheet(self.voice(key))
        sheet.hide_gridlines(2)
        return sheet

    def table(self, sheet: Any, top: int, heads: Row, kinds: Sequence[str], rows: Iterable[Row]) -> int:
        """Write a table at row `top`; returns the row after its last. `kinds` names the format of each column."""
        for column, head in enumerate(heads):
            sheet.write_string(top, column, head, self.formats["head"])
        last = top
        for last, row in enumerate(rows, start=top + 1):
            for column, (value, kind) in enumerate(zip(row, kinds, strict=True)):
                self.cell(sheet, last, column, value, kind)
        return last + 1

    def cell(self, sheet: Any, row: int, column: int, value: Any, kind: str) -> None:
        """Write one value as what it is: text never as a formula or link, NaN and None as nothing."""
        shape = self.formats.get(kind, self.plain)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            sheet.write_blank(row, column, None, shape)
        elif isinstance(value, str):
            sheet.write_string(row, column, clean(value)[:CELL], shape)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, datetime.combine(value, time()), shape)
        else:
            sheet.write_number(row, column, value, shape)


CHANGES = ("mean_before", "change", "change_low", "change_high")
SHARES = tuple(name for name in MEASURES if name != "mean")


def _ends(of: str, voice: Voice) -> list[str]:
    """Heads of the two ends of a width."""
    return [f"{of}: {voice(end).lower()}" for end in ("low", "high")]


def _compared_heads(voice: Voice) -> list[str]:
    heads = [voice("mean_polarity"), *_ends(voice("people_width"), voice), voice("basis")]
    heads += _ends(voice("model_width"), voice)
    heads += [voice("before"), voice("change"), *_ends(voice("change"), voice), voice("status_change")]
    heads += [voice("posts"), f"{voice('posts')}: {voice('before').lower()}"]
    for name in SHARES:
        heads += [voice(name), *_ends(f"{voice(name)}, {voice('people_width').lower()}", voice)]
    return [*heads, voice("extent"), voice("extent_before")]


COMPARED_KINDS = [
    *["polarity"] * 3, "", *["polarity"] * 6, "", "count", "count", *["share"] * 3 * len(SHARES), "", "",
]  # fmt: skip


def _compared(row: Any, figures: Figures, voice: Voice) -> list[Any]:
    mean = told(row, "mean")
    cells = [mean.value, mean.people_low, mean.people_high, voice(f"basis_{mean.basis}")]
    cells += [mean.model_low, mean.model_high, *(row[name] for name in CHANGES)]
    cells += [voice(voice.verdict(row["change_low"], row["change_high"])), row["posts"], row["posts_before"]]
    for share in (told(row, name) for name in SHARES):
        cells += [share.value, share.people_low, share.people_high]
    return [*cells, extent(row, voice), extent_before(row, figures, voice)]


def _summary(sheets: Sheets, settings: Settings, figures: Figures, pins: Pins) -> None:
    voice, sheet = sheets.voice, sheets.add("sheet_summary")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, len(COMPARED_KINDS) - 2, 13)
    sheet.set_column(len(COMPARED_KINDS) - 1, len(COMPARED_KINDS), 34)
    sheet.write_string(0, 0, clean(title(settings, voice)), sheets.formats["title"])
    previous = voice("compared_with", period=voice.days(figures.previous.start, figures.previous.end))
    sheet.write_string(
        1, 0, f"{voice.days(figures.window.start, figures.window.end)}, {previous}", sheets.formats["note"]
    )
    if pins.as_of:
        sheet.write_string(2, 0, f"{voice('as_of', moment=voice.moment(pins.as_of))} {voice('as_of_note')}")
    rows = [[voice.brand(row["brand"]), *_compared(row, figures, voice)] for row in records(figures.brands)]
    end = sheets.table(sheet, 3, [voice("brand"), *_compared_heads(voice)], ["", *COMPARED_KINDS], rows)
    versions = {name: "–" if version is None else version for name, version in pins.versions.items()}
    notes = [
        (voice("versions"), ", ".join(f"{name} {version}" for name, version in versions.items())),
        (voice("model"), ", ".join(pins.models)),
        (voice("settings"), pins.digest),
        (voice("contracts"), ", ".join(f"{name} {version}" for name, version in pins.contracts.items())),
    ]
    for place, (label, value) in enumerate(notes, start=end + 38):
        sheet.write_string(place, 0, label, sheets.formats["note"])
        sheet.write_string(place, 1, value, sheets.formats["note"])
    for place, key in enumerate(("polarity", "widths", "change", "why", "words", "limits"), start=end + 43):
        sheet.write_string(place, 0, method(key, voice), sheets.formats["note"])


def _daily(sheets: Sheets, figures: Figures) -> dict[str, tuple[int, int]]:
    """Write the days, one block a brand; returns the first and last row of each brand."""
    voice, sheet = sheets.voice, sheets.add("sheet_daily")
    counts = ("negative", "neutral", "positive", "unscored", "unsure")
    keys = ("posts", "distinct", *counts, "status")
    width = _ends(voice("model_width"), voice)
    heads = [voice("date"), voice("brand"), voice("mean_polarity"), *width, *(voice(key) for key in keys)]
    columns = ["mean", "mean_model_low", "mean_model_high", "posts", "distinct_texts", *counts]
    kinds = ["day", "", *["polarity"] * 3, *["count"] * 7, ""]
    rows = [
        [row["day"], voice.brand(row["brand"]), *(row[c] for c in columns), status(row, voice)]
        for row in records(figures.daily)
    ]
    end = sheets.table(sheet, 0, heads, kinds, rows)
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 20)
    sheet.set_column(2, 11, 11)
    sheet.set_column(12, 12, 28)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, end - 1, len(heads) - 1)
    length = len(figures.window.days)
    return {name: (1 + place * length, (place + 1) * length) for place, name in enumerate(figures.names)}


def _charts(sheets: Sheets, figures: Figures, places: dict[str, tuple[int, int]]) -> None:
    """Polarity over time for every brand below each other on the first sheet's right, volume of all posts beside it."""
    voice, data = sheets.voice, sheets.voice("sheet_daily")
    summary = sheets.book.get_worksheet_by_name(voice("sheet_summary"))
    top = 5 + len(figures.names)
    first, last = places[ALL]
    summary.insert_chart(top, 0, _polarity_chart(sheets.book, voice, data, first, last, ALL))
    summary.insert_chart(top + 18, 0, _volume_chart(sheets.book, voice, data, first, last))
    for place, name in enumerate(figures.names[1:]):
        chart = _polarity_chart(sheets.book, voice, data, *places[name], name)
        summary.insert_chart(top + 18 * place, 8, chart)


def _polarity_chart(book: Any, voice: Voice, data: str, first: int, last: int, brand: str) -> Any:
    chart = book.add_chart({"type": "line"})
    series = ((2, INK, 2.0, "solid"), (3, EDGE, 1.0, "dash"), (4, EDGE, 1.0, "dash"))
    for column, colour, width, dash in series:
        chart.add_series(
            {
                "name": [data, 0, column],
                "categories": [data, first, 0, last, 0],
                "values": [data, first, column, last, column],
                "line": {"color": colour, "width": width, "dash_type": dash},
            }
        )
    chart.set_title({"name": f"{voice('over_time')}: {clean(voice.brand(brand))}", "name_font": {"size": 12}})
    chart.set_x_axis({"date_axis": True, "num_format": "dd/mm", "label_position": "low"})
    chart.set_y_axis(
        {
            "min": -1,
            "max": 1,
            "num_format": "+0.0;-0.0;0.0",
            "major_gridlines": {"visible": True, "line": {"color": "#e8ebee"}},
        }
    )
    chart.set_legend({"position": "bottom"})
    chart.show_blanks_as("gap")
    chart.set_size({"width": 720, "height": 340})
    return chart


def _volume_chart(book: Any, voice: Voice, data: str, first: int, last: int) -> Any:
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    for column, colour in ((7, NEGATIVE), (8, NEUTRAL), (9, POSITIVE)):
        chart.add_series(
            {
                "name": [data, 0, column],
                "categories": [data, first, 0, last, 0],
                "values": [data, first, column, last, column],
                "fill": {"color": colour},
                "gap": 30,
            }
        )
    chart.set_title({"name": voice("volume"), "name_font": {"size": 12}})
    chart.set_x_axis({"date_axis": True, "num_format": "dd/mm"})
    chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": "#e8ebee"}}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 720, "height": 340})
    return chart


def _groups(sheets: Sheets, figures: Figures) -> None:
    voice, sheet = sheets.voice, sheets.add("sheet_groups")
    rows: list[Row] = []
    for key, frame in (("feed", figures.feeds), ("language", figures.languages)):
        for row in records(frame):
            label = voice.tongue(row[key]) if key == "language" else row[key]
            rows.append([voice.brand(row["brand"]), voice(key), label, *_compared(row, figures, voice)])
    heads = [voice("brand"), voice("kind"), f"{voice('feed')} / {voice('language').lower()}", *_compared_heads(voice)]
    end = sheets.table(sheet, 0, heads, ["", "", "", *COMPARED_KINDS], rows)
    sheet.set_column(0, 2, 20)
    sheet.set_column(3, 13, 13)
    sheet.set_column(14, 15, 34)
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, end - 1, len(heads) - 1)


def _moved(sheets: Sheets, figures: Figures, why: Mapping[str, Why], mattered: Words) -> None:
    """Why each brand's mean moved, and the days that stand out."""
    voice, sheet = sheets.voice, sheets.add("sheet_moved")
    sheet.set_column(0, 2, 20)
    sheet.set_column(3, 6, 13)
    heads = [voice(key) for key in ("brand", "feed", "language", "step_mix", "step_within")]
    steps = [
        [voice.brand(bridge.brand), step.feed, voice.tongue(step.language), step.mix, step.within]
        for bridge in figures.bridges
        for step in bridge.steps
    ]
    end = sheets.table(sheet, 0, heads, ["", "", "", "part", "part"], steps)
    end = _why(sheets, sheet, end + 2, why, mattered)
    heads = [voice(key) for key in ("brand", "day", "mean_polarity", "legend_base", "posts")]
    days = [[voice.brand(move.brand), move.day, move.mean, move.base, move.posts] for move in figures.moves]
    end = sheets.table(sheet, end + 2, heads, ["", "day", "polarity", "polarity", "count"], days)
    heads = [voice("brand"), voice("day"), voice("distinct"), voice("legend_base")]
    rows = [[voice.brand(surge.brand), surge.day, surge.texts, surge.usual] for surge in figures.surges]
    sheets.table(sheet, end + 2, heads, ["", "day", "count", "count"], rows)


def _why(sheets: Sheets, sheet: Any, top: int, why: Mapping[str, Why], mattered: Words) -> int:
    """What topics, words and posts did, below each other; returns the row after the last."""
    voice = sheets.voice
    heads = [voice(key) for key in ("brand", "topic", "kind", "topic_mix", "step_within", "effect")]
    topics = [
        [
            voice.brand(name), voice("no_topic") if step.topic is None else step.topic,
            voice("theme") if step.is_theme else "", step.mix, step.within, step.effect,
        ]
        for name, told in why.items()
        for step in told.topics
    ]  # fmt: skip
    top = sheets.table(sheet, top, heads, ["", "", "", "part", "part", "part"], topics)
    counts = [f"{voice('distinct')}: {voice(key).lower()}" for key in ("before", "now")]
    words = [
        [voice.brand(name), one.word, one.texts_before, one.texts, one.effect]
        for name, told in why.items()
        for one in told.words
    ]
    heads = [voice("brand"), voice("why_words"), *counts, voice("effect")]
    top = sheets.table(sheet, top + 2, heads, ["", "", "count", "count", "part"], words)
    keys = ("brand", "feed", "date", "polarity", "effect", "posts", "link", "text", "words_that_mattered")
    posts = [
        [
            voice.brand(name), one.post.feed, one.post.day, one.post.polarity, one.effect, one.post.copies,
            link(one.post.url), one.post.text, _words(one.post, mattered),
        ]
        for name, told in why.items()
        for one in told.influences
    ]  # fmt: skip
    kinds = ["", "", "day", "polarity", "part", "count", "", "", ""]
    return sheets.table(sheet, top + 2, list(map(voice, keys)), kinds, posts)


def _talk(sheets: Sheets, talk: Mapping[str, Talk]) -> None:
    """Topics and campaigns of each brand."""
    voice, sheet = sheets.voice, sheets.add("sheet_talk")
    sheet.set_column(0, 1, 26)
    sheet.set_column(2, 8, 13)
    sheet.set_column(9, 9, 60)
    heads: tuple[str, ...]
    heads = ("brand", "topic", "posts", "share_of_voice", "distinct", "mean_polarity", "negative_share")
    kinds = ["", "", "count", "share", "count", "polarity", "share"]
    topics = [
        [voice.brand(name), one.name, one.posts, one.share, one.texts, one.means["polarity"], one.means["negative"]]
        for name, said in talk.items()
        for one in said.topics
    ]
    end = sheets.table(sheet, 0, list(map(voice, heads)), kinds, topics)
    heads = (
        "brand", "feeds", "posts", "share_of_voice", "authors", "mean_polarity", "first_day", "last_day", "without",
        "text",
    )  # fmt: skip
    kinds = ["", "", "count", "share", "count", "polarity", "day", "day", "part", ""]
    campaigns = [
        [
            voice.brand(name), ", ".join(one.feeds), one.posts, one.share, one.authors, one.mean, one.first_day,
            one.last_day, one.by_text.moved, one.example,
        ]
        for name, said in talk.items()
        for one in said.campaigns
    ]  # fmt: skip
    sheets.table(sheet, end + 2, list(map(voice, heads)), kinds, campaigns)


def _posts(sheets: Sheets, figures: Figures, behind: Behind, mattered: Words) -> None:
    voice, sheet = sheets.voice, sheets.add("sheet_posts")
    scopes = [(voice.brand(name), voice("whole_period"), behind.period[name]) for name in figures.names]
    scopes += [(voice.brand(move.brand), voice.short(move.day), behind.moves[move]) for move in figures.moves]
    keys = ("brand", "scope", "kind", "date", "feed", "language", "polarity", "text", "link", "words_that_mattered")
    rows = [row for brand, scope, examples in scopes for row in _examples(brand, scope, examples, mattered, voice)]
    kinds = ["", "", "", "day", "", "", "polarity", "text", "", "text"]
    end = sheets.table(sheet, 0, list(map(voice, keys)), kinds, rows)
    sheet.set_column(0, 5, 15)
    sheet.set_column(6, 6, 10)
    sheet.set_column(7, 7, 90)
    sheet.set_column(8, 9, 40)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, end - 1, len(keys) - 1)


def _examples(brand: str, scope: str, examples: Examples, mattered: Words, voice: Voice) -> Iterable[Row]:
    for key, group in (
        ("most_negative", examples.negative),
        ("most_positive", examples.positive),
        ("typical", examples.typical),
    ):
        for post in group:
            yield [
                brand, scope, voice(key), post.day, post.feed, voice.tongue(post.language), post.polarity, post.text,
                link(post.url), _words(post, mattered),
            ]  # fmt: skip


def _words(post: Example, mattered: Words) -> str | None:
    """What the model went by in `post`, and which way."""
    words = mattered.get((post.feed, post.post_id), ())
    told = (f"{'▲' if word.evidence > 0 else '▼'} {post.text[word.begin : word.end]}" for word in words)
    return "; ".join(told) or None


def _quality(sheets: Sheets, figures: Figures, quality: Quality) -> None:
    voice, sheet = sheets.voice, sheets.add("sheet_quality")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 8, 18)
    columns = ["items", "posts", "quarantined", "deleted", "unscored", "unsure", "undated"]
    heads = [voice("kept" if key == "posts" else key) for key in ("feed", *columns, "extent")]
    said = {row["feed"]: extent(row, voice) for row in records(figures.feeds) if row["brand"] == ALL}
    rows = [[row["feed"], *(row[c] for c in columns), said.get(row["feed"])] for row in records(quality.feeds)]
    rows.append([voice("total"), *(quality.totals[c] for c in columns), None])
    top = sheets.table(sheet, 0, heads, ["", *["count"] * len(columns), ""], rows)
    broken = [[rule.name, voice.rule(rule.name, rule.description), rule.items] for rule in quality.rules]
    top = sheets.table(sheet, top + 2, [voice("rule"), voice("meaning"), voice("items_n")], ["", "", "count"], broken)
    gaps = [[gap.feed, gap.start, gap.end, voice(f"outcome_{gap.status}"), gap.message] for gap in figures.gaps]
    heads = [voice(key) for key in ("feed", "first_day", "last_day", "outcome", "reason")]
    top = sheets.table(sheet, top + 2, heads, ["", "day", "day", "", ""], gaps)
    few = [[one.feed, one.day, voice("scarce_day", n=one.items, usual=f"{one.usual:g}")] for one in figures.scarce]
    heads = [f"{voice('scarce')}: {voice('feed').lower()}", voice("day"), voice("items")]
    top = sheets.table(sheet, top + 2, heads, ["", "day", ""], few)
    heads = [f"{voice('unlooked')}: {voice('feed').lower()} / {voice('brand').lower()}", voice("days")]
    unlooked = [[place.feed or place.brand, spans(place, voice)] for place in figures.unlooked]
    top = sheets.table(sheet, top + 2, heads, ["", ""], unlooked)
    heads = [voice("restated"), voice("change"), voice("before_moved"), voice("mean_polarity"), voice("cause")]
    moved = [[day.day, day.change, day.before, day.mean, causes(day, voice)] for day in figures.restated]
    sheets.table(sheet, top + 2, heads, ["day", *["polarity"] * 3, ""], moved)
