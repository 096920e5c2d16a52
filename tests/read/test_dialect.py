from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.read.dialect import DELIMITERS, detect_delimiter, detect_encoding

REVIEWS = [
    "Não gostei do café, veio frio",
    "Atendimento péssimo; a atendente não pediu desculpas",
    "Ótimo lugar, pão de queijo maravilhoso",
    "Açúcar demais no pingado",
]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("wanted", [{"id"}, {"id", "text"}])
def test_the_delimiter_is_the_one_that_shows_the_columns(delimiter: str, wanted: set[str]) -> None:
    assert detect_delimiter(delimiter.join(["id", "text", "rating"]) + "\r\n", wanted) == delimiter


def test_delimiters_inside_quotes_do_not_count() -> None:
    assert detect_delimiter('id;"a,text,b,c";text\n', {"id", "text"}) == ";"


@pytest.mark.parametrize(
    "encoding", ["ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("count", [1, 2, 4, 400])
def test_the_encoding_that_is_found_gives_the_text_back(tmp_path: Path, encoding: str, count: int) -> None:
    lines = [line if encoding != "ascii" else "plain" for line in (REVIEWS * 100)[:count]]
    text = "id,text\n" + "\n".join(f"{n},{line}" for n, line in enumerate(lines))
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "file.csv").write_bytes((mark + text).encode(encoding))
    assert (tmp_path / "file.csv").read_text(encoding=detect_encoding(tmp_path / "file.csv")) == text


def test_windows_quotes_and_dashes_are_read(tmp_path: Path) -> None:
    text = "id,text\n1,“Que café!” — disse ela… e saiu por R$ 5 ou 5 €\n"
    (tmp_path / "file.csv").write_bytes(text.encode("cp1252"))
    assert (tmp_path / "file.csv").read_text(encoding=detect_encoding(tmp_path / "file.csv")) == text


def test_accents_late_in_a_large_file_count(tmp_path: Path) -> None:
    text = "id,text\n" + "1,plain words without any accent\n" * 60_000 + "2,ação à noite\n"
    (tmp_path / "file.csv").write_bytes(text.encode("latin-1"))
    assert (tmp_path / "file.csv").read_text(encoding=detect_encoding(tmp_path / "file.csv")) == text


def test_one_broken_character_does_not_change_the_encoding_of_all(tmp_path: Path) -> None:
    text = "id,text\n" + "".join(f"{n},{line}\n" for n, line in enumerate(REVIEWS * 10))
    (tmp_path / "file.csv").write_bytes(text.encode() + b"99,caf\xe3\n")
    read = (tmp_path / "file.csv").read_text(encoding=detect_encoding(tmp_path / "file.csv"), errors="replace")
    assert read == text + "99,caf\ufffd\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_in_utf_8_is_found_to_be_that(tmp_path: Path, text: str) -> None:
    text = text.removeprefix("\ufeff")
    (tmp_path / "file").write_bytes(text.encode())
    assert (tmp_path / "file").read_bytes().decode(detect_encoding(tmp_path / "file")) == text


@given(st.binary(max_size=200))
def test_any_bytes_have_an_encoding_that_python_knows(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    content.decode(detect_encoding(tmp_path / "file"), errors="replace")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("id,text\n1,café muito bom\n".encode(encoding))
    assert detect_encoding(tmp_path / "a.csv") == encoding
