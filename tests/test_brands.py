from __future__ import annotations

from pathlib import Path

from jobs.brands import teach_brands
from jobs.lake.query import open_query
from jobs.lake.table import Lake
from jobs.settings import Brand

BRANDS = [Brand(name="Café Aurora", terms=("aurora",)), Brand(name="Brisa", terms=("brisa", "casa brisa"))]


def test_sql_can_ask_which_brands_a_text_names(tmp_path: Path) -> None:
    with open_query(Lake(str(tmp_path))) as query:
        teach_brands(query, BRANDS)
        rows = query.rows(
            "SELECT brands_named(text) AS b FROM (VALUES ('a BRISA, a Aurora'), ('nada'), (''), (NULL)) t(text)"
        )
    assert [row["b"] for row in rows] == [["Café Aurora", "Brisa"], [], [], None]


def test_without_brands_no_text_names_one(tmp_path: Path) -> None:
    with open_query(Lake(str(tmp_path))) as query:
        teach_brands(query, [])
        assert query.rows("SELECT brands_named('aurora') AS b") == [{"b": []}]


def test_many_texts_are_told_apart(tmp_path: Path) -> None:
    with open_query(Lake(str(tmp_path))) as query:
        teach_brands(query, BRANDS)
        (row,) = query.rows("""
            SELECT count(*) FILTER (list_contains(brands_named(text), 'Brisa') <> (n % 7 = 0)) AS wrong
            FROM (SELECT n, if(n % 7 = 0, 'a brisa ' || n, 'nada ' || n) AS text FROM range(10000) t(n))
        """)
    assert row["wrong"] == 0


def test_other_brands_can_be_taught_later(tmp_path: Path) -> None:
    with open_query(Lake(str(tmp_path))) as query:
        for brands in (BRANDS, BRANDS[1:], BRANDS[1:]):
            teach_brands(query, brands)
            assert query.rows("SELECT brands_named('aurora, brisa') AS b") == [{"b": [brand.name for brand in brands]}]
