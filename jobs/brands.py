"""Where a text names a brand: one SQL condition, shared by the figures and by the posts that are shown."""

from __future__ import annotations

import re
import unicodedata

from jobs.lake.query import sql_text
from jobs.settings import Brand


def mentions(brand: Brand, column: str) -> str:
    """SQL that holds where the text `column` names `brand`: a whole term, ignoring case, accents and line breaks.

    The pattern is a constant, so that DuckDB compiles it once and not once a row.
    """
    return f"regexp_matches(strip_accents(lower({column})), {sql_text(_pattern(brand))})"


def _pattern(brand: Brand) -> str:
    """RE2 pattern of the terms of `brand` in folded text."""
    terms = "|".join(sorted(r"\s+".join(map(re.escape, _folded(term).split())) for term in brand.terms))
    return rf"(?:^|[^\pL\pN_])(?:{terms})(?:$|[^\pL\pN_])"


def _folded(term: str) -> str:
    """Lower case without accents, as DuckDB's strip_accents(lower(...)) makes it."""
    decomposed = unicodedata.normalize("NFD", "".join(c.lower() for c in term))
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if unicodedata.category(c)[0] != "M"))
