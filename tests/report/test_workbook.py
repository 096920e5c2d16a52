"""The files beside the page: a workbook that opens clean and a CSV that equals the dataset."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from types import ModuleType

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_contracts import contract
from jobs.report import Report
from jobs.report.language import Voice
from jobs.report.table import CELL_STARTS
from jobs.report.workbook import CELL, Sheets


@pytest.fixture(scope="module")
def book(made: Report) -> openpyxl.Workbook:
    return openpyxl.load_workbook(made.path.with_name("polarity.xlsx"))


def test_the_sheets_are_named_frozen_filtered_and_charted(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == [
        "Resumo",
        "Diário",
        "Por fonte e idioma",
        "Por que mudou",
        "Assuntos e cópias",
        "Publicações",
        "Qualidade",
    ]
    assert book["Diário"].freeze_panes == "C2"
    assert book["Diário"].auto_filter.ref == "A1:M91"
    assert len(book["Resumo"]._charts) == 4


def test_the_days_carry_dates_and_numbers(book: openpyxl.Workbook, small_lake: ModuleType) -> None:
    rows = list(book["Diário"].iter_rows(min_row=2, max_col=13))
    assert len(rows) == 90
    assert isinstance(rows[0][0].value, datetime)
    assert isinstance(rows[0][2].value, float)
    assert rows[0][2].number_format == "+0.00;-0.00;0.00"
    silent = next(row for row in rows if row[0].value.date() == small_lake.SILENT)
    assert silent[2].value is None
    assert silent[5].value == 0
    assert silent[11].value == 0
    assert silent[12].value == "sem publicações"


def test_no_cell_is_a_formula_and_no_text_a_link(book: openpyxl.Workbook) -> None:
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert any(text.startswith("=HYPERLINK(") for text in texts)


def test_the_workbook_is_dated_with_the_end_of_the_period(book: openpyxl.Workbook, small_lake: ModuleType) -> None:
    assert book.properties.created.date() == small_lake.END


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_any_text_opens_again_as_a_string(texts: list[str]) -> None:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as written:
        sheets = Sheets(written, Voice("en"))
        sheet = sheets.add("sheet_posts")
        for row, text in enumerate(texts):
            sheets.cell(sheet, row, 0, text + "x" * (CELL if row == 0 else 0), "text")
    (opened,) = openpyxl.load_workbook(buffer)
    assert all(cell.data_type == "s" for (cell,) in opened.iter_rows(min_row=1, max_row=len(texts), max_col=1))


def test_the_csv_holds_the_rows_of_the_period_in_the_columns_of_the_contract(made: Report) -> None:
    with made.path.with_name("daily_polarity.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    assert list(rows[0]) == contract("daily_polarity").columns
    assert {row["published_date"] for row in rows} <= {f"2026-09-{day:02}" for day in range(1, 31)}
    assert sum(int(row["posts"]) for row in rows if row["brand"] == "all") == made.posts
    keys = [tuple(row[key] for key in contract("daily_polarity").key) for row in rows]
    assert keys == sorted(set(keys))
    assert not [value for row in rows for key, value in row.items() if key == "brand" and value.startswith(CELL_STARTS)]
