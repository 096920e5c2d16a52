"""The documentation names every command, option and setting there is, and none that there is not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

import jobs.cli
import models.evaluation.cli
import models.training.cli
from jobs.declaration import Declaration
from jobs.settings import Settings
from models.training.config import trainings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("**/*.md")), ROOT / "docker" / "README.md"]
IN_A_CONTAINER = re.compile(r"^sentinela-compose (exec|run)( -T| --[\w-]+| --env \S+=\"[^\"]*\")* [\w-]+ ")
FENCED = re.compile(r"^(?P<fence>```+|~~~+)[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^([A-Za-z][\w.-]*(?:[ \t]+[A-Za-z][\w.-]*)*)[ \t]*:(?!=)", re.MULTILINE)
OPERATORS = {"|", "||", "&&", ";", ">", ">>", "<", "2>&1", "&"}


def code_of(page: Path) -> Iterator[tuple[int, str]]:
    """Every fenced line and inline piece of code of `page`, with the number of its line."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    for block in FENCED.finditer(text):
        first = text.count("\n", 0, block.start()) + 2
        joined = re.sub(r"\\\n", "  ", block["code"])
        yield from ((first + place, line.strip()) for place, line in enumerate(joined.splitlines()))
    for number, line in enumerate(FENCED.sub(lambda m: "\n" * m[0].count("\n"), text).splitlines(), start=1):
        yield from ((number, code) for code in INLINE.findall(line))


def calls(program: str) -> Iterator[tuple[str, list[str]]]:
    """Every call of `program` in the documentation: where it stands, and its words."""
    for page in PAGES:
        for number, line in code_of(page):
            words = re.split(r"\s+", IN_A_CONTAINER.sub("", line.removeprefix("$ ")), maxsplit=1)
            if words[0] == program and len(words) == 2:
                yield f"{page.relative_to(ROOT)}:{number}", list(until_operator(words[1]))


def until_operator(line: str) -> Iterator[str]:
    for word in shlex.split(line, comments=True):
        if word in OPERATORS:
            return
        yield word


def commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, the first of them the program."""
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


def settings_keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every setting as a dotted path; what a service's file says is explained by its schema."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel) and part is not Declaration:
                yield from settings_keys(part, f"{above}{name}.")


PROGRAMS = {
    "sentinela": jobs.cli.app,
    "sentinela-train": models.training.cli.app,
    "sentinela-evaluate": models.evaluation.cli.app,
}
COMMANDS = {
    words: command
    for program, app in PROGRAMS.items()
    for words, command in commands(typer.main.get_command(app), (program,))
}
OPTIONS = sorted(
    {
        (option, " ".join(words))
        for words, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
)
CODE = {page: [code for _, code in code_of(page)] for page in PAGES}


def in_code(word: str, pages: list[Path]) -> bool:
    found = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return any(found.search(code) for page in pages for code in CODE[page])


def test_there_is_a_readme() -> None:
    assert README.exists()
    assert README.read_text(encoding="utf-8").strip(), "README.md is empty"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme(words: tuple[str, ...]) -> None:
    command = " ".join(words)
    assert in_code(command, [README]), f"README.md does not mention `{command}`"


@pytest.mark.parametrize(("option", "command"), OPTIONS, ids=lambda value: value.replace(" ", "-"))
def test_every_option_is_in_the_readme(option: str, command: str) -> None:
    assert in_code(option, [README]), f"README.md does not mention {option} of `{command}`"


@pytest.mark.parametrize("key", list(settings_keys(Settings)))
def test_every_setting_is_documented(key: str) -> None:
    name = key.rsplit(".", 1)[-1]
    assert in_code(key, PAGES) or in_code(name, PAGES), f"neither README.md nor docs/ mentions the setting {key!r}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_documented_call_is_possible(program: str) -> None:
    wrong = []
    for place, given in calls(program):
        words: tuple[str, ...] = (program,)
        known = options_of(words)
        for word in given:
            if (*words, word) in COMMANDS:
                words = (*words, word)
                known = options_of(words)
            elif hasattr(COMMANDS[words], "commands") and re.match(r"[a-z]", word):
                wrong.append(f"{place}: there is no command `{' '.join((*words, word))}`")
                break
            elif word.startswith("--") and word.split("=", 1)[0] not in known:
                wrong.append(f"{place}: `{' '.join(words)}` has no option {word}")
    assert not wrong, "\n".join(wrong)


def options_of(words: tuple[str, ...]) -> set[str]:
    return {"--help", *(option for parameter in COMMANDS[words].params for option in parameter.opts)}


def test_every_documented_training_has_a_configuration() -> None:
    wrong = [
        f"{place}: there is no training called {given[0]}"
        for place, given in calls("sentinela-train")
        if not given[0].isupper() and not given[0].endswith(".toml") and given[0] not in trainings()
    ]
    assert not wrong, "\n".join(wrong)


def test_every_documented_make_target_exists() -> None:
    makefile = ROOT / "Makefile"
    assert makefile.exists(), "there is no Makefile"
    targets = {name for names in TARGET.findall(makefile.read_text(encoding="utf-8")) for name in names.split()}
    wrong = [
        f"{place}: `make {word}`: the Makefile has no target {word!r}"
        for place, words in calls("make")
        for word in words
        if re.fullmatch(r"[A-Za-z][\w.-]*", word) and word not in targets
    ]
    assert not wrong, "\n".join(wrong)


def test_the_readme_shows_the_two_commands() -> None:
    shown = {word for place, words in calls("make") if place.startswith("README.md") for word in words}
    assert {"run", "test"} <= shown, "README.md does not show `make run` and `make test`"


def test_every_file_that_the_documentation_links_to_exists() -> None:
    wrong = []
    for page in PAGES:
        text = FENCED.sub("", page.read_text(encoding="utf-8")) if page.exists() else ""
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:|#", link) and not (page.parent / link.split("#", 1)[0]).exists():
                wrong.append(f"{page.relative_to(ROOT)}: the link {link} leads nowhere")
    assert not wrong, "\n".join(wrong)
