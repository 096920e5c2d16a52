"""Every command of docs/runbooks.md is carried out, in the case that it is for."""

from __future__ import annotations

import os
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
from tests.compose import DOCKER, ROOT, runbook
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


def run_the_day(place: Place) -> list[str]:
    """Run DAY; the failures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(FETCHED.timestamp())))
        return restate(place.settings, Window(start=date.fromisoformat(DAY), end=date.fromisoformat(DAY)))[1]


def fail_a_run(place: Place) -> None:
    """A run fails of a feed that cannot be read for a while."""
    feed = place.root / "feeds" / "shop" / "1.jsonl"
    feed.unlink()
    assert run_the_day(place)
    place.write(many(stars=5), "shop")


def break_the_contract(place: Place) -> None:
    place.write(many(stars=500), "shop")
    run_the_day(place)
    assert View(place.lake).held() == [DAY]


def mend_what_was_quarantined(place: Place) -> None:
    break_the_contract(place)
    place.add(many(stars=5), "shop", at=FETCHED + timedelta(minutes=1))


def half(place: Place) -> Path:
    return next((place.root / "lake" / "raw_posts").rglob("*.parquet")).with_name("half-0123456789ab.parquet")


def leave_rubbish(place: Place) -> None:
    """A killed process left half a file, long ago."""
    left = half(place)
    left.write_bytes(b"half a file")
    os.utime(left, (0, 0))


def has_more_items(place: Place) -> None:
    assert sum(row["post_id"].startswith("more-") for row in place.rows("scored_posts")) == 20


def has_no_rubbish(place: Place) -> None:
    assert not half(place).exists()


def is_read_by_the_new_model(place: Place) -> None:
    assert {row["label"] for row in place.rows("scored_posts")} == {"negative"}


def lose(place: Place) -> None:
    shutil.rmtree(place.root / "lake")


def lose_what_is_made(place: Place) -> None:
    for name in ("judged_posts", "scored_posts"):
        shutil.rmtree(place.root / "lake" / name)


BEFORE: dict[str, Callable[[Place], None]] = {
    "a run failed": fail_a_run,
    "a contract broke": break_the_contract,
    "backfill after a model upgrade": lambda place: read_by(place, "2"),
    "a feed changed its format": break_the_contract,
    "replay a quarantine": mend_what_was_quarantined,
    "restore from a lost lake, sentinela lake backup": lambda place: None,
    "restore from a lost lake, sentinela lake restore": lose,
    "restore from a lost lake, sentinela lake rebuild": lose_what_is_made,
    "a disk is full": leave_rubbish,
}
"""What is wrong in each case, or in the case of that first command."""
AFTER: dict[str, Callable[[Place], None]] = {
    "a run failed": has_more_items,
    "backfill after a model upgrade": is_read_by_the_new_model,
    "replay a quarantine": has_more_items,
    "a disk is full": has_no_rubbish,
}
"""What is so then, beyond that the day is there."""
NOT_FOLLOWED = {"Start", "The days before", "A proxy with TLS"}
"""The first is what the trial does in a way of its own, the second with days of its own."""
FOLLOWED = ("tests/integration/test_deployment.py", "scripts/try_deployment.sh")


def test_each_of_the_ten_cases_has_its_runbook() -> None:
    found = sections()
    assert tuple(found) == CASES
    for heading, text in found.items():
        assert "```sh" in text or "](../docker/README.md#" in text, heading


def headings() -> list[str]:
    """Those of docker/README.md."""
    page = (DOCKER / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_what_the_runbooks_leave_to_the_deployment_is_there() -> None:
    linked = re.findall(r"\]\(\.\./docker/README\.md#([\w-]+)\)", PAGE.read_text(encoding="utf-8"))
    assert {*linked} <= {*map(anchor, headings())}


def test_every_section_of_the_deployment_that_has_commands_is_followed() -> None:
    followed = "".join((ROOT / file).read_text(encoding="utf-8") for file in FOLLOWED)
    assert {one for one in headings() if runbook(one) and f'"{one}"' not in followed} == NOT_FOLLOWED


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
    (BEFORE.get(heading) or BEFORE[f"{heading}, {first}"])(place)
    for command in commands:
        if " ingest " in command:  # somebody mended the feed
            place.write(many(stars=5), "shop")
        program, *words = shlex.split(command.replace("2026-09-", "2026-06-"))
        assert program == "sentinela"
        done = sentinela(*words)
        assert done.code == 0, f"{command}: {done.out}{done.err}"
    assert View(place.lake).held() == []
    assert DAY in View(place.lake).days("daily_polarity")
    AFTER.get(heading, lambda _: None)(place)
