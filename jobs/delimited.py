"""What a delimited text file does not say of itself: its encoding and its delimiter."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection
from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
LONGEST_FIELD = 10_000_000
CHUNK_BYTES = 1 << 20
WESTERN = ["latin_1", "cp1252", "cp1250", "mac_roman", "cp850"]


def detect_delimiter(header_line: str, wanted: Collection[str]) -> str:
    """The delimiter under which the header has most of the `wanted` columns."""

    def found(delimiter: str) -> int:
        return len(set(wanted) & set(next(csv.reader([header_line], delimiter=delimiter), [])))

    return max(DELIMITERS, key=found)


def detect_encoding(path: Path) -> str:
    """UTF-8 when the whole file is, else what charset-normalizer makes of its non-ASCII lines, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        with path.open("rb") as source:
            if source.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                return "utf-16"
            source.seek(0)
            while chunk := source.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        return _western(path)


def _western(path: Path) -> str:
    from charset_normalizer import from_bytes

    with path.open("rb") as source:
        lines = [line for line in source.readlines(CHUNK_BYTES) if not line.isascii()]
    best = from_bytes(b"".join(lines), cp_isolation=WESTERN).best()
    return best.encoding if best else "cp1252"
