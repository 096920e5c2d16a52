"""What may be told of a library's fault: its kind and its place, never its text, which may hold what was read.

What is to be done about it, the reader says that knows what it reads.
"""

from __future__ import annotations

import json
from types import TracebackType


def json_fault(fault: Exception) -> str:
    """Where bytes or a text are no JSON."""
    match fault:
        case json.JSONDecodeError():
            return f"broken at character {fault.pos + 1}"
        case UnicodeDecodeError():
            return f"byte {fault.start + 1} is not UTF-8"
        case RecursionError():
            return "nested too deeply"
    return "a number in it has too many digits"


def kind_and_place(fault: Exception) -> str:
    """The kind of `fault`, and the module and line that raised it."""
    place: TracebackType | None = fault.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" in {place.tb_frame.f_globals.get('__name__')}, line {place.tb_lineno}" if place else ""
    return f"{type(fault).__name__}{where}"
