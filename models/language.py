"""Which language a text is in: ``pt``, ``en``, ``es`` or ``other``.

The detector is eldc (sums of scores of words and parts of words, in C). docs/language.md says what it was measured
against and what it gets wrong. A text of one or two words is a guess by any detector.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version as package_version

import eldc

LANGUAGES = ("pt", "en", "es", "other")

_NAMED = frozenset(LANGUAGES[:3])
_RULES = 2
_HEAD = 500
# Shorter texts are held to languages that are often met: a word or two looks like something in one of all sixty.
_SHORT = 25
_OFTEN_MET = (
    *("pt", "en", "es", "ca", "de", "fr", "it", "nl", "pl", "ro"),
    *("ar", "el", "fa", "he", "hi", "ja", "ko", "ru", "th", "uk", "zh"),
)
# Addresses, mentions and markup say nothing of the language. The detector stops at a NUL and refuses a surrogate.
_NOT_WORDS = re.compile(r"(?:https?://|www\.)\S+|@[\w.]+|</?[A-Za-z][^<>]{0,80}>|[\0\ud800-\udfff]")


def identify(texts: Sequence[str]) -> list[str]:
    """Name the language of each text, in order; any string is accepted, and read by itself.

    Only the ``words`` of a text are read. A text without letters is ``other``.
    """
    of_any, of_short = _detector(), _detector(*_OFTEN_MET)
    found = []
    for text in texts:
        read = words(text)
        language = of_short(read) if len(read) < _SHORT else of_any(read)
        found.append(language if language in _NAMED else "other")
    return found


def version() -> str:
    """Name the detector, its version and our rules; scored rows keep it as their lineage."""
    return f"eldc-{package_version('eldc')}+rules-{_RULES}"


def words(text: str) -> str:
    """What the detector reads of a text: its first 500 characters without addresses, mentions and markup."""
    head = text[:_HEAD]
    return _NOT_WORDS.sub(" ", html.unescape(head) if "&" in head else head).strip()


@cache
def _detector(*languages: str) -> Callable[[str], str]:
    """The detector held to some languages; to all that it knows when none is named."""
    eldc.init()
    detector = eldc.instance()
    detector.set_languages(languages)
    detect: Callable[[str], str] = detector.detect
    return detect
