"""Addresses as log, ledger and errors may tell them: without query, fragment and password, where keys stand."""

from __future__ import annotations

import logging
import re

SECRETS = (
    (re.compile(r"[?#]\S+"), "?..."),
    (re.compile(r"//[^/\s]*@"), "//"),
)
TALKATIVE = ("requests", "urllib3")


def redacted(text: str) -> str:
    """`text` without what follows the path of an address in it, and without the user and password before a host."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


class _Redact(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let `record` tell its own words and numbers alone: all else may be part of an address."""
        given = record.args if isinstance(record.args, tuple) else ()
        told = tuple(value if isinstance(value, int | float) else "..." for value in given)
        record.msg = redacted(str(record.msg) % told if told else str(record.msg))
        record.args, record.exc_info = None, None
        return True


_REDACT = _Redact()


def redact_logs() -> None:
    """Make the libraries that speak HTTP log addresses as they may be told, whatever the level; needed once."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".", 1)[0] in TALKATIVE:
            logging.getLogger(name).addFilter(_REDACT)
