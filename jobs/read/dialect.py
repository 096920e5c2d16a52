"""What a delimited text file does not say of itself: its encoding and its delimiter."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
CHUNK_BYTES = 1 << 20
SHOWN_BYTES = 4_096
SAMPLE_LINES = 5_000
WESTERN = ("cp1252", "mac_roman", "cp850")
LETTERS = frozenset("áàâãäåçéèêëíìîïñóòôõöúùûüÁÀÂÃÄÅÇÉÈÊËÍÌÎÏÑÓÒÔÕÖÚÙÛÜºª°“”‘’–—…€¿¡")


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written."""

    encoding: str
    delimiter: str


def dialect_of(
    path: Path, wanted: Collection[str], encoding: str | None = None, delimiter: str | None = None
) -> Dialect:
    """How `path` is written, whose header should have the columns `wanted`; what is given is not detected."""
    encoding = encoding or detect_encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as source:
        return Dialect(encoding, delimiter or detect_delimiter(source.readline(CHUNK_BYTES), wanted))


def detect_delimiter(header_line: str, wanted: Collection[str]) -> str:
    """The delimiter under which the header has most of the `wanted` columns."""

    def found(delimiter: str) -> int:
        return len(set(wanted) & set(next(csv.reader([header_line], delimiter=delimiter), [])))

    return max(DELIMITERS, key=found)


def detect_encoding(path: Path) -> str:
    """UTF-8 when the file is, but for a broken character here and there; UTF-16; else a Western encoding."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        with path.open("rb") as source:
            start = source.read(SHOWN_BYTES)
            if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if start[1::2].count(0) > len(start) / 8 or start[::2].count(0) > len(start) / 8:
                return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
            source.seek(0)
            while chunk := source.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        return _western(path)


def _western(path: Path) -> str:
    """UTF-8 after all where most lines are; else the encoding that makes most letters of Western languages of them.

    Detectors that know many encodings take short Portuguese texts for Mac Roman or Central European ones.
    """
    with path.open("rb") as source:
        pieces = iter(partial(source.readline, SHOWN_BYTES), b"")
        lines = list(islice((piece for piece in pieces if not piece.isascii()), SAMPLE_LINES))
    if sum(map(_is_utf8, lines)) > len(lines) / 2:
        return "utf-8-sig"
    sample = b"".join(lines)
    return max(WESTERN, key=lambda encoding: sum(c in LETTERS for c in sample.decode(encoding, "replace")))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
