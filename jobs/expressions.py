"""What a service's declaration computes with: JMESPath over what a server answered, and names in braces.

A dotted path is JMESPath; so are a default (`a || b`), a choice that keeps what is empty (`not_null(a, b)`) and a join
(`join(' ', a[].b)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

PLACE = re.compile(r"\{([^{}]+)\}")


def _is_path(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"{text!r} is no JMESPath: {str(error).splitlines()[0]}") from None
    return text


def _is_template(text: str) -> str:
    if re.search("[{}]", PLACE.sub("", text)):
        raise ValueError(f"{text!r}: a brace stands alone; write {{name}}")
    return text


Path = Annotated[str, AfterValidator(_is_path)]
"""Where in a JSON document something lies, as JMESPath."""

Template = Annotated[str, AfterValidator(_is_template)]
"""Text with names in braces."""


@cache
def _compiled(path: str) -> Any:
    return jmespath.compile(path)


def found(path: str, document: Any) -> Any:
    """What lies at `path` in `document`; None where nothing does, or nothing that the path can be taken of."""
    try:
        return _compiled(path).search(document)
    except JMESPathError:
        return None


def holds(path: str | None, document: Any) -> bool:
    """Whether `path` leads to something in `document` that is not null, false or empty; never without a path."""
    value = found(path, document) if path else None
    return value is not None and value is not False and value not in ("", [], {})


def names(template: str) -> set[str]:
    """The names in braces."""
    return set(PLACE.findall(template))


def filled(template: str, value_of: Callable[[str], Any]) -> str | None:
    """`template` with every name in braces replaced by its value; None when one of them has none."""
    values = {name: value_of(name) for name in names(template)}
    if any(value is None or value == "" for value in values.values()):
        return None
    return PLACE.sub(lambda place: str(values[place[1]]), template)
