"""The workbook: a sheet for each of two people, one that says how, and a hidden one with what was drawn.

The author and what the model says are not in it. What came back is read as it is: words of any language of ours, rows
in any order. Whether it fits the lake is not decided here.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.labels.phrases import Phrases, meanings
from jobs.labels.sample import Drawn, LabelsError, Sample
from jobs.lake.table import fingerprint
from jobs.settings import Window
from models.files import write_whole

DESIGN, FORMAT = "sentinela", 1
COLUMNS = ("number", "day", "text", "label", "link")
HEAD, FIRST = 2, 3
"""The rows, from 1, of the columns' names and of the first post."""
LABEL = COLUMNS.index("label")
CELL = 32_000
"""A cell of Excel holds 32,767 characters."""
LONGEST_LINK = 2_079
LONGEST_NAME = 60
TEXTS_A_MINUTE = 7
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
INK, NOTE, EDGE, ASKED = "#1b2530", "#5a6672", "#8a949e", "#fff6dd"


@dataclass(frozen=True)
class Answer:
    """What `labeller` says about a post of the sample: `label` is a label or cannot_say."""

    post: Drawn
    labeller: str
    label: str


@dataclass(frozen=True)
class Filled:
    """A workbook that came back: the sample it was made of (without its texts and links) and the answers, by sheet."""

    sample: Sample
    answers: tuple[tuple[Answer, ...], ...]


@dataclass(frozen=True)
class _Layout:
    """What the sheets of a workbook were called, and their columns, when it was written."""

    sheets: tuple[str, str]
    heads: tuple[str, ...]
    shown: Mapping[int, str]
    """Of each number, the hash of the text that stands beside it."""


def write(path: Path, sample: Sample, language: str) -> None:
    """Write the workbook of `sample` to `path`, the same bytes for the same sample.

    Raises LabelsError when there is something at `path`, which may have been filled in, or no folder for it.
    """
    if path.exists():
        raise LabelsError(f"{path}: there is such a file already, perhaps filled in; name another one with --out")
    if path.suffix != ".xlsx":
        raise LabelsError(f"{path}: a workbook ends in .xlsx")
    if not path.parent.is_dir():
        raise LabelsError(f"{path}: there is no folder {path.parent}; make it first")
    write_whole(path, _workbook(sample, Phrases(language)))


def read(path: Path, labeller: str | None = None, partial: bool = False) -> Filled:
    """What was filled in; a sheet without a name was filled in by `labeller`.

    With `partial` a sheet may be filled in from the top to somewhere: its order is random, so that is a smaller sample.
    Raises LabelsError, naming file, sheet and row.
    """
    book = _opened(path)
    sample, layout = _design(path, book)
    sheets = [_Sheet(path, book, title, layout, sample) for title in layout.sheets]
    orders = [{post.number: post.number for post in sample.posts}, {post.number: post.second for post in sample.posts}]
    answers = [
        sheet.answers(order, labeller, partial) for sheet, order in zip(sheets, orders, strict=True) if sheet.choices
    ]
    if not answers:
        raise LabelsError(f"{path}: nothing is filled in; choose a word in column {_letter(LABEL)} of each row")
    names = [given[0].labeller for given in answers]
    if len(names) > len({name.casefold() for name in names}):
        raise LabelsError(
            f"{path}: both sheets are filled in by {names[0]}, and a post takes one label of a person; the second "
            "sheet is for somebody else"
        )
    return Filled(sample, tuple(answers))


class _Sheet:
    """One person's sheet: `choices` are what was filled in, by the number of the post, with its row."""

    def __init__(self, path: Path, book: Any, title: str, layout: _Layout, sample: Sample) -> None:
        if title not in book.sheetnames:
            raise LabelsError(f"{path}: there is no sheet {title!r}; call it that again")
        self.place = f"{path}, sheet {title!r}"
        self.posts = {post.number: post for post in sample.posts}
        rows = [tuple(row) for row in book[title].iter_rows(values_only=True)]
        width = len(COLUMNS)
        self.rows = [row[:width] + (None,) * (width - len(row)) for row in rows]
        self.name = " ".join(str(self.rows[0][LABEL] or "").split()) if self.rows else ""
        self._check_heads(layout)
        self.choices = dict(self._choices(layout))

    def answers(self, order: Mapping[int, int], labeller: str | None, partial: bool) -> tuple[Answer, ...]:
        """The labels of the sheet in its own `order`, by number."""
        name = self.name or " ".join((labeller or "").split())
        if not name:
            raise LabelsError(f"{self.place}, row 1: whose labels are these? Write the name there or give --labeller")
        if len(name) > LONGEST_NAME:
            raise LabelsError(f"{self.place}, row 1: a name has at most {LONGEST_NAME} characters")
        numbers = sorted(self.choices, key=lambda number: order[number])
        missing = len(self.posts) - len(numbers)
        if missing and not partial:
            raise LabelsError(
                f"{self.place}: {missing} of {len(self.posts)} posts have no label; fill them in, or import what is "
                "there with --partial"
            )
        for place, number in enumerate(numbers, start=1):
            if order[number] != place:
                row = self.choices[number][0]
                raise LabelsError(
                    f"{self.place}, row {row}: a post above is left out, and only the first ones of a random order are "
                    "a random sample; fill the gaps in, with `cannot say` where nothing else fits"
                )
        return tuple(Answer(self.posts[number], name, self.choices[number][1]) for number in numbers)

    def _check_heads(self, layout: _Layout) -> None:
        heads = tuple(str(head or "").strip() for head in self.rows[HEAD - 1]) if len(self.rows) >= HEAD else ()
        for place, wanted in enumerate(layout.heads):
            found = heads[place] if heads else ""
            if found != wanted:
                raise LabelsError(
                    f"{self.place}, row {HEAD}: column {_letter(place)} is {found!r} and was {wanted!r}; put the "
                    "columns back where they were"
                )

    def _choices(self, layout: _Layout) -> Iterator[tuple[int, tuple[int, str]]]:
        seen: dict[int, int] = {}
        for row, cells in enumerate(self.rows[FIRST - 1 :], start=FIRST):
            if cells[0] is None and cells[LABEL] is None:
                continue
            number = _whole_number(cells[0])
            if number not in self.posts:
                raise LabelsError(f"{self.place}, row {row}: {cells[0]!r} is no number of this sample; delete the row")
            if number in seen:
                raise LabelsError(
                    f"{self.place}, rows {seen[number]} and {row}: both are post {number}, and a person gives one "
                    "label to a post; delete one of them"
                )
            seen[number] = row
            if _shown(str(cells[2] or "")) != layout.shown[number]:
                raise LabelsError(
                    f"{self.place}, row {row}: the text is not that of post {number}; rows were mixed up or changed, "
                    "take the file as it was drawn"
                )
            word = " ".join(str(cells[LABEL] or "").split())
            if not word:
                continue
            if word.casefold() not in meanings():
                raise LabelsError(f"{self.place}, row {row}: {word!r} is none of the choices {', '.join(meanings())}")
            yield number, (row, meanings()[word.casefold()])


def _opened(path: Path) -> Any:
    from openpyxl import load_workbook

    if not path.is_file():
        raise LabelsError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise LabelsError(f"{path}: this is no workbook of `sentinela labels sample` (.xlsx)")
    try:
        return load_workbook(path, data_only=True)
    except Exception as fault:  # openpyxl lets through whatever its parsing meets
        raise LabelsError(f"{path}: cannot be read as a workbook ({fault}); save it as .xlsx again") from fault


def _design(path: Path, book: Any) -> tuple[Sample, _Layout]:
    """What was drawn and how it was laid out, read from the hidden sheet."""
    if DESIGN not in book.sheetnames:
        raise LabelsError(f"{path}: no sheet {DESIGN!r}; this is no workbook of `sentinela labels sample`")
    lines = [str(row[0]) for row in book[DESIGN].iter_rows(max_col=1, values_only=True) if row[0]]
    if not lines or lines.pop(0) != fingerprint(*lines):
        raise LabelsError(f"{path}, sheet {DESIGN!r}: what was drawn has been changed; take the file as it was drawn")
    told, *posts = map(json.loads, lines)
    if told["format"] != FORMAT:
        raise LabelsError(f"{path}: written by another version of Sentinela (format {told['format']}); draw anew")
    window = Window(start=told["start"], end=told["end"])
    drawn = [
        Drawn(number, second, post_id, date.fromisoformat(day), "", None, content, weight)
        for number, second, post_id, day, content, weight, _ in posts
    ]
    sample = Sample(told["feed"], window, told["by"], told["seed"], told["population"], tuple(drawn))
    first, second = told["sheets"]
    return sample, _Layout((first, second), tuple(told["heads"]), {post[0]: post[-1] for post in posts})


def _workbook(sample: Sample, phrases: Phrases) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False
    }  # fmt: skip
    with xlsxwriter.Workbook(buffer, options) as book:
        created = datetime.combine(sample.window.end, time(), UTC).replace(tzinfo=None)
        book.set_properties({"title": phrases("title"), "author": "Sentinela", "created": created})
        titles = (phrases("sheet_first"), phrases("sheet_second"))
        _write_how_to(book, sample, phrases)
        _write_posts(book, titles[0], sample.posts, phrases)
        _write_posts(book, titles[1], sorted(sample.posts, key=lambda post: post.second), phrases)
        book.get_worksheet_by_name(titles[0]).activate()
        _write_design(book, sample, titles, phrases)
    return buffer.getvalue()


def _write_how_to(book: Any, sample: Sample, phrases: Phrases) -> None:
    sheet = book.add_worksheet(phrases("sheet_how_to"))
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 100)
    title = book.add_format({"bold": True, "font_size": 16, "font_color": INK})
    text = book.add_format({"text_wrap": True, "valign": "top", "font_color": INK})
    values = {
        "feed": sample.feed,
        "n": phrases.count(len(sample.posts)),
        "population": phrases.count(sample.population),
        "period": phrases.days(sample.window),
        "minutes": phrases.count(minutes(sample)),
        "first": phrases("sheet_first"),
        "second": phrases("sheet_second"),
    }
    sheet.write_string(0, 0, phrases("title"), title)
    told = ("what", "steps", *phrases.choices, "judge", "keep", "second")
    for row, key in enumerate(told, start=2):
        sheet.write_string(row, 0, phrases(key, **values), text)
    sheet.protect()


def _write_posts(book: Any, title: str, posts: Sequence[Drawn], phrases: Phrases) -> None:
    sheet, last = book.add_worksheet(title), FIRST + len(posts) - 2
    head = book.add_format({"bold": True, "font_color": INK, "bottom": 1, "border_color": EDGE, "valign": "top"})
    plain = book.add_format({"valign": "top", "font_color": NOTE})
    day = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "align": "left", "font_color": NOTE})
    text = book.add_format({"text_wrap": True, "valign": "top", "font_color": INK})
    asked = book.add_format({"locked": False, "valign": "top", "bg_color": ASKED, "border": 1, "border_color": EDGE})
    right = book.add_format({"align": "right", "font_color": NOTE})
    for column, width in enumerate((5, 11, 90, 20, 44)):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 2, phrases("name"), right)
    sheet.write_blank(0, LABEL, None, asked)
    letter = _letter(LABEL)
    done = phrases("done", n=len(posts))
    sheet.write_formula(0, 4, f'=COUNTA({letter}{FIRST}:{letter}{last + 1})&" {done}"', plain, f"0 {done}")
    for column, key in enumerate(COLUMNS):
        sheet.write_string(HEAD - 1, column, phrases(key), head)
    for row, post in enumerate(posts, start=FIRST - 1):
        sheet.write_number(row, 0, post.number, plain)
        sheet.write_datetime(row, 1, datetime.combine(post.day, time()), day)
        sheet.write_string(row, 2, _printable(post.text), text)
        sheet.write_blank(row, LABEL, None, asked)
        if post.url and _leads_somewhere(post.url):
            sheet.write_url(row, 4, post.url, string=post.url)
    sheet.data_validation(
        FIRST - 1, LABEL, last, LABEL,
        {"validate": "list", "source": list(phrases.choices.values()), "error_message": phrases("pick")},
    )  # fmt: skip
    sheet.freeze_panes(HEAD, 0)
    sheet.protect("", {"format_columns": True, "format_rows": True})


def _write_design(book: Any, sample: Sample, titles: tuple[str, str], phrases: Phrases) -> None:
    told = {
        "format": FORMAT, "feed": sample.feed, "start": sample.window.start.isoformat(),
        "end": sample.window.end.isoformat(), "by": sample.by, "seed": sample.seed, "population": sample.population,
        "sheets": titles, "heads": [phrases(key) for key in COLUMNS],
    }  # fmt: skip
    posts = [
        [p.number, p.second, p.post_id, p.day.isoformat(), p.content, p.weight, _shown(_printable(p.text))]
        for p in sample.posts
    ]
    lines = [json.dumps(line) for line in (told, *posts)]
    sheet = book.add_worksheet(DESIGN)
    for row, line in enumerate((fingerprint(*lines), *lines)):
        sheet.write_string(row, 0, line)
    sheet.protect()
    sheet.very_hidden()


def minutes(sample: Sample) -> int:
    """About how long it takes to label `sample`."""
    return max(1, round(len(sample.posts) / TEXTS_A_MINUTE))


def _printable(text: str) -> str:
    """`text` as a cell can hold it."""
    return UNPRINTABLE.sub("\ufffd", text)[:CELL]


def _shown(text: str) -> str:
    """What tells the text of a cell from others, however a program that saved it spaced it."""
    return fingerprint(*text.split())


def _leads_somewhere(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and len(url) <= LONGEST_LINK and _printable(url) == url


def _whole_number(cell: object) -> int | None:
    return int(cell) if isinstance(cell, int) or (isinstance(cell, float) and cell.is_integer()) else None


def _letter(column: int) -> str:
    return "ABCDE"[column]
