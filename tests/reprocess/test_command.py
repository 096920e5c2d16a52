"""`sentinela reprocess`: the preview first, then the work, and a person above the limits of the settings."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import stored
from tests.place import Place
from tests.reprocess.conftest import DAYS, read_by
from tests.test_cli import sentinela as sentinela
from tests.test_docs import FENCED, ROOT, calls

RANGE = ("--from", DAYS[0], "--to", DAYS[-1])
WIDE = {"days": 100, "posts": 1000, "moved": 1, "minutes": 60}
Command = Callable[..., Any]


def models(place: Place) -> set[str]:
    """The models that read the posts."""
    return {row["model_version"] for row in place.rows("scored_posts")}


def test_a_dry_run_tells_what_would_move_and_where_the_page_lies(place: Place, sentinela: Command) -> None:
    read_by(place, "2")
    before = stored.versions(place.lake)
    done = sentinela("reprocess", *RANGE, "--dry-run", "--config", str(place.config))
    assert done.code == 0, done.err
    assert "days that would be made: 12, with 72 items; all of them tried" in done.out
    assert "labels that would move: 33.3%; 24 neutral to negative" in done.out
    assert Path(done.out.splitlines()[-1].removeprefix("preview: ")).is_file()
    assert stored.versions(place.lake) == before


def test_above_the_limits_it_wants_a_yes_outside_a_terminal(place: Place, sentinela: Command) -> None:
    read_by(place, "2")
    before = stored.versions(place.lake)
    refused = sentinela("reprocess", *RANGE, "--config", str(place.config))
    assert refused.code == 1
    assert "33.3% of the labels would move, above moved: 0.05" in refused.err
    assert "nothing was reprocessed; look at the preview and say --yes" in refused.err
    assert stored.versions(place.lake) == before
    done = sentinela("reprocess", *RANGE, "--yes", "--chunk-days", "6", "--config", str(place.config))
    assert done.code == 0, done.err
    assert "12 days reprocessed" in done.out
    assert models(place) == {"words-2"}


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_on_a_terminal_it_asks(place: Place, sentinela: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    read_by(place, "2")
    for answer, code, read in (("n", 1, {"words-1"}), ("y", 0, {"words-2"})):
        monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
        done = sentinela("reprocess", *RANGE, "--steps", "score", "--config", str(place.config))
        assert (done.code, models(place)) == (code, read)
        assert "Go on all the same?" in done.err


@pytest.mark.slow
def test_below_the_limits_it_goes_straight_on_with_what_was_chosen(place: Place, sentinela: Command) -> None:
    read_by(place, "2", reprocess={"approve_above": WIDE})
    chosen = ("--steps", "score", "--feed", "shop", "--reason", "colder")
    done = sentinela("reprocess", *RANGE, *chosen, "--config", str(place.config))
    assert done.code == 0, done.err
    assert models(place) == {"words-1", "words-2"}
    again = sentinela("reprocess", *RANGE, *chosen, "--config", str(place.config))
    assert (again.code, "days that would be made: 0" in again.out) == (0, True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--from", "2020-01-01", "--to", "2020-01-02"), "nothing is stored of the days 2020-01-01 to 2020-01-02"),
        ((*RANGE, "--steps", "scores"), "no step 'scores'"),
        ((*RANGE, "--feed", "none"), "no feed 'none' in the settings; there are: posts, shop"),
        ((*RANGE, "--made-before", "2999-01-01T00:00Z"), "is yet to come"),
        ((*RANGE, "--made-before", "soon"), "--made-before 'soon' is no ISO 8601 time"),
    ],
)
def test_wrong_use_is_a_sentence(made: Place, sentinela: Command, given: tuple[str, ...], sentence: str) -> None:
    done = sentinela("reprocess", *given, "--config", str(made.config))
    assert done.code == 2
    assert sentence in done.err.replace("\n", " ")


@pytest.mark.slow
def test_the_commands_of_the_runbook_do_what_it_says(place: Place, sentinela: Command) -> None:
    text = (ROOT / "docs" / "runbook-data.md").read_text(encoding="utf-8")
    section = text.split("## Backfill after a model upgrade\n")[1].split("\n## ")[0]
    shown = [line for block in FENCED.finditer(section) for line in block["code"].splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in shown if line.startswith("sentinela")]
    assert [command[0] for command in commands] == ["reprocess", "reprocess", "report"]
    assert [words for _, words in calls("sentinela") if words == commands[0]]
    read_by(place, "2")
    for command in commands:
        done = sentinela(*command, "--config", str(place.config))
        assert done.code == 0, done.err
    assert models(place) == {"words-2"}
