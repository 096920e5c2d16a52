from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from jobs.labels import LabelsError
from jobs.labels.phrases import FOLDER, Phrases, languages, meanings
from jobs.labels.sample import Drawn, Sample
from jobs.labels.sheet import CELL, read, write
from jobs.report.language import PHRASES
from jobs.settings import Window
from tests.sheets import FIRST, LABEL, NUMBER, TEXT, fill, numbers, opened

HOSTILE = (
    '=HYPERLINK("http://evil.example","grátis")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "nulo \x00\x07\ufffe\x1b[2J fim\r\n\tde linha _x0041_ _x000D_",
    "a" * (CELL + 9),
    "'aspas' & <b>negrito</b> ]]> \u2028 \u202e gpj.exe 😀",
    " espaços  à volta ",
)
WORDS = ["negative", "neutral", "positive", "cannot say", "negative", "positive"]


@pytest.fixture(scope="module")
def sample() -> Sample:
    seconds = (3, 1, 6, 2, 5, 4)
    posts = [
        Drawn(n, second, f"id {n} \x01 ç", date(2026, 6, n), text, f"https://x.example/{n}", f"c{n}", 10 / 6)
        for n, (second, text) in enumerate(zip(seconds, HOSTILE, strict=True), start=1)
    ]
    return Sample("posts", Window(start=date(2026, 6, 1), end=date(2026, 6, 10)), None, 7, 10, tuple(posts))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Path:
    """A folder with the sample's workbook in English, empty and filled in by Ana."""
    folder = tmp_path_factory.mktemp("sheets")
    write(folder / "empty.xlsx", sample, "en")
    shutil.copy(folder / "empty.xlsx", folder / "filled.xlsx")
    fill(folder / "filled.xlsx", "Labels", "Ana", WORDS)
    return folder


@pytest.fixture
def book(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(written / "empty.xlsx", tmp_path / "labels.xlsx"))


@pytest.fixture
def filled(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(written / "filled.xlsx", tmp_path / "labels.xlsx"))


def said(path: Path, **how: Any) -> list[tuple[str, int, str]]:
    return [(a.labeller, a.post.number, a.label) for answers in read(path, **how).answers for a in answers]


# What a person gets


def test_the_sheets_are_for_reading_and_choosing(book: Path) -> None:
    opened_book = load_workbook(book)
    assert opened_book.sheetnames == ["How to", "Labels", "Second person", "sentinela"]
    assert opened_book.active.title == "Labels"
    assert opened_book["sentinela"].sheet_state == "veryHidden"
    assert all(opened_book[name].protection.sheet for name in opened_book.sheetnames)
    sheet = opened_book["Labels"]
    assert [cell.value for cell in sheet[2]] == ["No.", "Day", "Text", "What does it say?", "Link"]
    assert numbers(book, "Labels") == [1, 2, 3, 4, 5, 6]
    assert numbers(book, "Second person") == [2, 4, 1, 6, 5, 3]
    (choice,) = sheet.data_validations.dataValidation
    assert (choice.formula1, str(choice.sqref)) == ('"negative,neutral,positive,cannot say"', "D3:D8")
    asked = [sheet.cell(row, LABEL) for row in (1, *range(FIRST, FIRST + 6))]
    assert not any(cell.value or cell.protection.locked for cell in asked)
    assert sheet.cell(FIRST, TEXT).protection.locked
    assert sheet.cell(FIRST, TEXT).data_type == "s"
    assert sheet.cell(FIRST, 5).hyperlink.target == "https://x.example/1"


def test_links_that_lead_nowhere_are_left_out(tmp_path: Path, sample: Sample) -> None:
    urls = (None, "javascript:alert(1)", "http://[broken", "https://x.example/" + "a" * 3000, "file:///etc/passwd", "")
    posts = tuple(replace(post, url=url) for post, url in zip(sample.posts, urls, strict=True))
    write(tmp_path / "links.xlsx", replace(sample, posts=posts), "en")
    assert [cell.value for (cell,) in load_workbook(tmp_path / "links.xlsx")["Labels"]["E3:E8"]] == [None] * 6


def test_the_same_sample_gives_the_same_bytes(book: Path, sample: Sample) -> None:
    write(book.with_name("again.xlsx"), sample, "en")
    assert book.with_name("again.xlsx").read_bytes() == book.read_bytes()


def test_it_speaks_the_languages_of_the_report(tmp_path: Path, sample: Sample) -> None:
    assert languages() == sorted(path.stem for path in PHRASES.glob("*.yaml"))
    for language in languages():
        write(tmp_path / f"{language}.xlsx", sample, language)
        how_to = load_workbook(tmp_path / f"{language}.xlsx").worksheets[0]
        told = "\n".join(str(cell.value) for (cell,) in how_to["A1:A11"])
        assert "{" not in told
        assert "2026" in told


def test_all_languages_have_the_same_phrases_and_no_word_means_two_things() -> None:
    english, *others = (Phrases(language) for language in ("en", *languages()))
    for other in others:
        assert other._phrases.keys() == english._phrases.keys()
        assert list(other.choices) == list(english.choices) == ["negative", "neutral", "positive", "cannot_say"]
    assert len(meanings()) == 4 * len(languages())
    assert len(list(FOLDER.glob("*"))) == len(languages())


def test_a_file_that_is_there_may_be_filled_in_and_is_left_alone(filled: Path, sample: Sample) -> None:
    before = filled.read_bytes()
    with pytest.raises(LabelsError, match=r"labels\.xlsx: there is such a file already"):
        write(filled, sample, "en")
    assert filled.read_bytes() == before
    with pytest.raises(LabelsError, match=r"ends in \.xlsx"):
        write(filled.with_suffix(".csv"), sample, "en")
    with pytest.raises(LabelsError, match="there is no folder"):
        write(filled.parent / "none" / "a.xlsx", sample, "en")


# What a person gives back


def test_what_was_filled_in_is_read(filled: Path, sample: Sample) -> None:
    back = read(filled)
    assert back.sample.id == sample.id
    assert back.sample.window == sample.window
    ((*answers,),) = back.answers
    assert [(a.labeller, a.label) for a in answers] == [("Ana", word.replace(" ", "_")) for word in WORDS]
    assert [(a.post.post_id, a.post.day, a.post.content, a.post.weight) for a in answers] == [
        (p.post_id, p.day, p.content, p.weight) for p in sample.posts
    ]


def test_words_of_any_language_count_however_they_are_written(filled: Path) -> None:
    written = ["NEGATIVO", " neutro", "Positivo ", "Não  sei dizer", "Negative", "positive"]
    meant = ["negative", "neutral", "positive", "cannot_say", "negative", "positive"]
    fill(filled, "Labels", " Ana  Luz ", written)
    assert said(filled) == [("Ana Luz", number, word) for number, word in enumerate(meant, start=1)]


def test_two_people_fill_in_a_sheet_each(filled: Path) -> None:
    fill(filled, "Second person", "Bia", ["neutral"] * 5 + ["positive"])
    assert [len(answers) for answers in read(filled).answers] == [6, 6]
    assert said(filled)[6:] == [("Bia", n, "positive" if n == 3 else "neutral") for n in (2, 4, 1, 6, 5, 3)]


def test_a_sheet_without_a_name_was_filled_in_by_the_labeller_given(filled: Path) -> None:
    assert {name for name, _, _ in said(filled, labeller="Zé")} == {"Ana"}
    fill(filled, "Labels", None, WORDS)
    assert {name for name, _, _ in said(filled, labeller=" Zé ")} == {"Zé"}
    with pytest.raises(LabelsError, match=r"labels\.xlsx, sheet 'Labels', row 1: whose labels .* --labeller"):
        read(filled)


def test_rows_may_be_sorted_otherwise(filled: Path) -> None:
    before = sorted(said(filled))
    with opened(filled) as book:
        sheet = book["Labels"]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=FIRST)]
        for place, row in enumerate(reversed(rows)):
            for column, value in enumerate(row, start=1):
                sheet.cell(FIRST + place, column).value = value
            sheet.cell(FIRST + place, TEXT).data_type = "s"
    assert sorted(said(filled)) == before


def test_a_sheet_that_was_filled_in_from_the_top_is_a_smaller_sample(filled: Path) -> None:
    fill(filled, "Labels", "Ana", [*WORDS[:2], None, None, None, None])
    fill(filled, "Second person", "Bia", [*WORDS[:3], None, None, None])
    with pytest.raises(LabelsError, match=r"sheet 'Labels': 4 of 6 posts have no label; .*--partial"):
        read(filled)
    assert [(name, n) for name, n, _ in said(filled, partial=True)] == [
        ("Ana", 1), ("Ana", 2), ("Bia", 2), ("Bia", 4), ("Bia", 1)
    ]  # fmt: skip


def test_a_gap_in_a_sheet_is_no_random_sample(filled: Path) -> None:
    fill(filled, "Labels", "Ana", [*WORDS[:2], None, WORDS[3], None, None])
    with pytest.raises(LabelsError, match=r"sheet 'Labels', row 6: a post above is left out.*fill the gaps in"):
        read(filled, partial=True)


Change = Callable[[Any], object]


def put(sheet: str, row: int, column: int, value: object) -> Change:
    return lambda book: setattr(book[sheet].cell(row, column), "value", value)


def swap_columns(book: Any) -> None:
    for row in book["Labels"].iter_rows(min_row=2):
        row[2].value, row[3].value = row[3].value, row[2].value


def copy_row(book: Any) -> None:
    for column in range(1, 6):
        book["Labels"].cell(FIRST + 6, column).value = book["Labels"].cell(FIRST, column).value


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("Labels", 4, LABEL, "good"), "sheet 'Labels', row 4: 'good' is none of the choices negative, neutral"),
        (put("Labels", 4, LABEL, 1), "row 4: '1' is none of the choices"),
        (put("Labels", 2, TEXT, "Texto"), "sheet 'Labels', row 2: column C is 'Texto' and was 'Text'; put the columns"),
        (put("Second person", 2, LABEL, None), "sheet 'Second person', row 2: column D is '' and was 'What does it"),
        (swap_columns, "row 2: column C is 'What does it say\\?' and was 'Text'"),
        (lambda book: book["Labels"].insert_cols(1), "row 2: column A is '' and was 'No.'"),
        (lambda book: book["Labels"].delete_rows(1, 2), "row 2: column A is '2' and was 'No.'"),
        (lambda book: book["Labels"].delete_rows(1, 99), "row 2: column A is '' and was 'No.'"),
        (lambda book: book["Labels"].delete_rows(FIRST + 2), "sheet 'Labels': 1 of 6 posts have no label"),
        (copy_row, "rows 3 and 9: both are post 1, and a person gives one label to a post"),
        (put("Labels", 5, NUMBER, 77), "row 5: 77 is no number of this sample; delete the row"),
        (put("Labels", 5, NUMBER, "x"), "row 5: 'x' is no number of this sample"),
        (put("Labels", 5, NUMBER, 3.5), "row 5: 3.5 is no number of this sample"),
        (put("Labels", 5, TEXT, "another text"), "row 5: the text is not that of post 3; rows were mixed up"),
        (put("Labels", 1, LABEL, "a" * 61), "row 1: a name has at most 60 characters"),
        (lambda book: setattr(book["Labels"], "title", "Mine"), "there is no sheet 'Labels'; call it that again"),
        (lambda book: book.remove(book["sentinela"]), "no sheet 'sentinela'; this is no workbook of"),
        (put("sentinela", 4, 1, "[]"), "sheet 'sentinela': what was drawn has been changed; take the file"),
        (put("sentinela", 1, 1, None), "sheet 'sentinela': what was drawn has been changed"),
        (lambda book: book["sentinela"].delete_rows(1, 99), "sheet 'sentinela': what was drawn has been changed"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(filled: Path, change: Change, told: str) -> None:
    with opened(filled) as book:
        change(book)
    with pytest.raises(LabelsError, match=told) as fault:
        read(filled)
    assert str(fault.value).startswith(str(filled))
    assert "\n" not in str(fault.value)


def test_nothing_filled_in_and_one_person_twice(book: Path) -> None:
    with pytest.raises(LabelsError, match=r"nothing is filled in; choose a word in column D"):
        read(book)
    for sheet, name in (("Labels", "Ana"), ("Second person", "ana")):
        fill(book, sheet, name, WORDS)
    with pytest.raises(LabelsError, match="both sheets are filled in by Ana, and a post takes one label of a person"):
        read(book)


def test_files_that_are_no_workbook_of_ours(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"a\.xlsx: no such file"):
        read(tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_text("text,label\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        archive.writestr("a.txt", "a")
    Workbook().save(tmp_path / "d.xlsx")
    faults = {"b": "this is no workbook", "c": "cannot be read as a workbook", "d": "no sheet 'sentinela'"}
    for name, told in faults.items():
        with pytest.raises(LabelsError, match=rf"{name}\.xlsx: {told}"):
            read(tmp_path / f"{name}.xlsx")
