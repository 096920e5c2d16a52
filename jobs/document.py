"""A YAML file that a person wrote -> one frozen model; what is wrong with it is told by file, line and field.

What such files may say lies with what they are about: settings, declarations of services.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class SettingsError(ValueError):
    """A file of settings, or of a service, is missing or wrong; the message names the file, the line and the field."""


class Frozen(BaseModel):
    """A part of such a file: refuses what it does not know, and cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""As `data_contracts.parse` has it, whose package loads Arrow; the help of commands and DAG files do without that."""

Model = TypeVar("Model", bound=BaseModel)
Document = dict[str, Any]


def read_document(
    file: Path, model: type[Model], expected: str, change: Callable[[Document], Document] = lambda document: document
) -> Model:
    """The `model` that `file` says, once `change` has seen to it; SettingsError where it does not say one."""
    try:
        loader = LOADER(file.read_text(encoding="utf-8"))
        tree = loader.get_single_node()
        document = loader.construct_document(tree) if tree else None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{file}: not valid YAML in UTF-8: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{file}: expected {expected}, found none")
    try:
        return model.model_validate(change(document))
    except ValidationError as error:
        faults = error.errors()
        faults = [e for e in faults if e["type"] != "too_short"] or faults  # what a faulty item leaves too few of
        raise SettingsError("\n".join(_explain(file, tree, e) for e in faults)) from None


def _explain(file: Path, tree: yaml.Node | None, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "settings"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown setting; check its spelling against the README"
    return f"{file}:{_line(tree, error['loc'])}: {place}: {message}"


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """Line (from 1) of the deepest node that `place` leads to."""
    line = node.start_mark.line if node else 0
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == part]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1
