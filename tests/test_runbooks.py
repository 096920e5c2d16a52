"""Every command of docs/runbooks.md is carried out, in the case that it is for."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.lake.query import View
from jobs.pipeline import restate
from jobs.settings import Window
from tests.artefacts import by_rules
from tests.command_line import Done
from tests.command_line import sentinela as sentinela
from tests.place import FETCHED, PT, Place, item

PAGE = Path(__file__).parents[1] / "docs" / "runbooks.md"
DAY = "2026-06-29"
CASES = (
    "a run failed", "a contract broke", "backfill after a model upgrade", "a feed changed its format",
    "replay a quarantine", "restore from a lost lake", "restore from a lost database", "upgrade airflow",
    "rotate every secret", "a disk is full",
)  # fmt: skip


def sections() -> dict[str, str]:
    """What stands under each heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {heading.lower(): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def blocks() -> Iterator[Any]:
    for heading, text in sections().items():
        for number, block in enumerate(re.findall(r"```sh\n(.*?)```", text, re.DOTALL), start=1):
            yield pytest.param(heading, block.splitlines(), id=f"{heading}, {number}")


def good() -> list[dict[str, object]]:
    return [item(f"{day}-{n}", day, f"{PT} {n}") for day in (DAY, "2026-06-28") for n in range(3)]


def many(stars: int) -> list[dict[str, object]]:
    """A day of more items, all with these stars; the contract allows five at most."""
    return [*good(), *(item(f"more-{n}", DAY, f"{PT}, {n}", stars=stars) for n in range(20))]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A shop whose days are made, backed up, and read by the first of two models."""
    place = Place(tmp_path_factory.mktemp("runbooks") / "place")
    for version, words in (("1", {"delicioso": 3.0}), ("2", {"delicioso": -3.0})):
        by_rules(place.root / "models", "words", version, words)
    read_by(place, "1")
    place.write(good(), "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        yesterday = FETCHED.date() - timedelta(days=1)
        assert restate(place.settings, Window(start=yesterday, end=yesterday))[1] == []
    return place


def read_by(place: Place, version: str) -> None:
    place.configure(("shop",), scoring={"model": f"models/words/{version}"})


def break_the_contract(place: Place) -> None:
    place.write(many(stars=500), "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        restate(place.settings, Window(start=date.fromisoformat(DAY), end=date.fromisoformat(DAY)))
    assert View(place.lake).held() == [DAY]


def lose(place: Place) -> None:
    shutil.rmtree(place.root / "lake")


def lose_what_is_made(place: Place) -> None:
    for name in ("judged_posts", "scored_posts"):
        shutil.rmtree(place.root / "lake" / name)


BEFORE: dict[str, Callable[[Place], None]] = {
    "a contract broke": break_the_contract,
    "backfill after a model upgrade": lambda place: read_by(place, "2"),
    "a feed changed its format": break_the_contract,
    "restore from a lost lake, sentinela lake restore": lose,
    "restore from a lost lake, sentinela lake rebuild": lose_what_is_made,
}
"""What is wrong in each case, or in the case of that first command."""


def test_each_of_the_ten_cases_has_its_runbook() -> None:
    found = sections()
    assert tuple(found) == CASES
    for heading, text in found.items():
        assert "```sh" in text or "](../docker/README.md#" in text, heading


@pytest.mark.parametrize(("heading", "commands"), blocks())
def test_the_commands_of_a_case_do_what_it_needs(
    heading: str,
    commands: list[str],
    sound: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sentinela: Callable[..., Done],
) -> None:
    place = sound.copy(tmp_path / "place")
    monkeypatch.chdir(place.root)
    monkeypatch.delenv("SENTINELA_CONFIG", raising=False)
    backup = sentinela("lake", "backup", "backups")
    assert backup.code == 0, backup.err
    first = " ".join(commands[0].split()[:3])
    BEFORE.get(heading, BEFORE.get(f"{heading}, {first}", lambda _: None))(place)
    for command in commands:
        if " ingest " in command:  # somebody mended the feed
            place.write(many(stars=5), "shop")
        program, *words = shlex.split(command.replace("2026-09-", "2026-06-"))
        assert program == "sentinela"
        done = sentinela(*words)
        assert done.code == 0, f"{command}: {done.out}{done.err}"
    assert View(place.lake).held() == []
    assert DAY in View(place.lake).days("daily_polarity")
    if "model" in heading:
        assert {row["label"] for row in place.rows("scored_posts")} == {"negative"}
