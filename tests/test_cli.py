"""The command line `sentinela`: exit codes, messages, what is on a terminal and what in a file."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from jobs.cli import app
from jobs.lake.query import View
from tests.command_line import Done
from tests.command_line import sentinela as sentinela
from tests.place import EN, FETCHED, PT, Place, item
from tests.sheets import fill

DAYS = ["2026-06-01", "2026-06-02", "2026-06-03"]
HOSTILE = "mau \x1b[2J\x1b]0;dono\x07 [bold red]texto[/] [/nada] \u202e\x9b31m fim\\"
PROGRAM = str(Path(sys.executable).with_name("sentinela"))
HEAVY = ("tensorflow", "great_expectations", "airflow", "pandas", "duckdb", "pyarrow", "deltalake", "pyspark")
STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (INFO|WARNING|ERROR) jobs\.")


def call(*arguments: str, **environment: str) -> Done:
    """Run the command line as a process of its own, outside a terminal."""
    entry = [sys.executable, PROGRAM]
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(int(FETCHED.timestamp())), "COLUMNS": "100", **environment}
    done = subprocess.run([*entry, *arguments], capture_output=True, text=True, env=env, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments: str) -> str:
    """What a terminal of 200 columns receives from the command line."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "200", "TERM": "xterm-256color"}
    entry = [sys.executable, PROGRAM]
    with subprocess.Popen([*entry, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=env) as process:
        os.close(theirs)
        received = b""
        try:
            while piece := os.read(ours, 4096):
                received += piece
        except OSError:  # Linux says so when the other side has closed
            pass
    os.close(ours)
    assert process.returncode == 0, received.decode()
    return received.decode()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Feed files for three days, the third of which cannot be published."""
    named = [{"name": "Café", "terms": ["café", "coffee"]}]
    place = Place(tmp_path_factory.mktemp("cli"), brands=named, topics=[{"name": "Service", "terms": ["atendimento"]}])
    flood = [item(f"flood-{n}", DAYS[2], f"{PT} {n}", stars=500) for n in range(20)]
    hostile = item("hostile", DAYS[0], HOSTILE, stars=500)
    place.write([item("a", DAYS[0]), item("b", DAYS[1], EN), hostile, *flood, item("u", None)])
    return place


# Every step by hand, in order


def test_the_steps_run_one_after_the_other(place: Place, sentinela: Callable[..., Done]) -> None:
    config = ("--config", str(place.config))
    fetched = sentinela("ingest", *config)
    assert (fetched.code, fetched.out) == (0, "posts: complete, 24 items seen, 24 new\n")

    judged = sentinela("validate", *config)
    assert judged.code == 1
    assert "3 days up to date, 3 posts and 1 quarantined items written" in judged.out
    assert f"{DAYS[2]} held back" in judged.err
    assert f"sentinela quarantine list --held --date {DAYS[2]}" in judged.err

    scored = sentinela("score", "--from", DAYS[0], "--to", DAYS[1], *config)
    assert (scored.code, scored.out) == (0, "2 days up to date, 2 posts written, 0 of them not scored\n")
    scored = sentinela("score", *config)
    assert (scored.code, scored.out) == (0, "3 days up to date, 1 posts written, 0 of them not scored\n")

    compared = sentinela("twins", *config)
    assert (compared.code, compared.out) == (0, "2 days up to date, 2 posts compared, 0 of them copies\n")
    told = sentinela("topics", *config)
    assert (told.code, told.out) == (0, "3 days up to date, 3 posts read, 2 have a topic or theme\n")

    added = sentinela("aggregate", *config)
    assert (added.code, added.out) == (0, "2 days up to date, 16 rows written\n")

    written = sentinela("report", "--date", DAYS[1], *config)
    assert written.code == 0
    assert Path(written.out.strip()).is_file()

    again = [sentinela(step, *config) for step in ("ingest", "score", "aggregate", "twins", "topics")]
    assert [done.code for done in again] == [0] * 5
    assert "0 new" in again[0].out
    assert "0 posts written" in again[1].out
    assert "0 rows written" in again[2].out
    assert "0 posts compared" in again[3].out
    assert "0 posts read" in again[4].out


def test_status_shows_what_the_lake_holds(place: Place, sentinela: Callable[..., Done]) -> None:
    shown = sentinela("status", "--config", str(place.config))
    assert shown.code == 0
    (feed,) = (line for line in shown.out.splitlines() if "posts" in line and "complete" in line)
    assert f"{DAYS[0]} to {DAYS[1]}" in feed
    (first,) = (line for line in shown.out.splitlines() if re.search(rf"{DAYS[0]}\W+\d", line))
    assert "1 (+1)" in first
    assert f"held back: {DAYS[2]}" in shown.out
    assert "nothing on" not in shown.out
    assert DAYS[0] not in sentinela("status", "--days", "0", "--config", str(place.config)).out.replace(
        f"{DAYS[0]} to {DAYS[1]}", ""
    )


def test_status_shows_what_the_last_runs_did(place: Place, sentinela: Callable[..., Done], tmp_path: Path) -> None:
    shown = sentinela("status", "--runs", "--config", str(place.config))
    assert shown.code == 0
    scored = rf" score \S+ +scored_posts \d+ +{DAYS[0]} to {DAYS[1]} +2 .* done +judged_posts \d+"
    assert re.search(scored, shown.out), shown.out
    empty = Place(tmp_path)
    assert sentinela("status", "--runs", "--config", str(empty.config)).out == "nothing was committed yet\n"


def test_a_report_is_made_again_from_its_pins_whatever_the_settings_say_now(
    place: Place, sentinela: Callable[..., Done], bad_settings: Path
) -> None:
    page = Path(sentinela("report", "--date", DAYS[1], "--config", str(place.config)).out.strip())
    pins, before = page.with_name("pins.json"), page.read_bytes()
    page.unlink()
    again = sentinela("report", "--pinned", str(pins), "--config", str(bad_settings))
    assert (again.code, again.out) == (0, f"{page}\n")
    assert page.read_bytes() == before

    kept = pins.read_text(encoding="utf-8")
    pins.write_text(re.sub(r'"scored_posts": \d+', '"scored_posts": 999', kept, count=1), encoding="utf-8")
    gone = sentinela("report", "--pinned", str(pins))
    assert (gone.code, gone.out, gone.err.count("\n")) == (1, "", 1)
    assert "scored_posts" in gone.err
    assert page.read_bytes() == before

    pins.write_text("{}", encoding="utf-8")
    assert sentinela("report", "--pinned", str(pins)).code == 1
    assert sentinela("report", "--pinned", str(pins), "--date", DAYS[1]).code == 2
    assert sentinela("report", "--pinned", str(pins.with_name("absent.json"))).code == 2


def test_figures_of_a_moment(place: Place, sentinela: Callable[..., Done]) -> None:
    config, moment = ("--config", str(place.config)), FETCHED + timedelta(hours=1)
    written = sentinela("report", "--date", DAYS[1], "--as-of", moment.isoformat(), *config)
    assert (written.code, written.err.count("UTC")) == (0, 0)
    assert Path(written.out.strip()).parent.name.endswith(f"_as-of-{moment:%Y%m%dT%H%M%SZ}")
    shown = sentinela("status", "--as-of", f"{moment:%Y-%m-%dT%H:%M}", *config)
    assert "names no zone: it is taken as UTC" in shown.err
    assert f"as of {moment.isoformat()}" in shown.out
    assert re.search(rf"{DAYS[0]}\W+1 \(\+1\)", shown.out)
    for command in ("report", "status"):
        early = sentinela(command, "--as-of", "2026-06-01", *config)
        assert early.code == (1 if command == "report" else 0)
        assert sentinela(command, "--as-of", "soon", *config).code == 2


def test_quarantine_is_listed_and_narrowed(place: Place, sentinela: Callable[..., Done]) -> None:
    config = ("--config", str(place.config))
    listed = sentinela("quarantine", "list", *config)
    assert listed.code == 0
    assert "hostile" in listed.out
    assert "rating_in_scale" in listed.out
    assert "flood-1" not in listed.out
    assert "flood-1" in sentinela("quarantine", "list", "--held", "--date", DAYS[2], *config).out
    assert "nothing in quarantine" in sentinela("quarantine", "list", "--date", DAYS[1], *config).out
    assert "nothing in quarantine" in sentinela("quarantine", "list", "--rule", "text_present", *config).out
    assert sentinela("quarantine", "list", "--held", "--limit", "3", *config).out.count("rating_in_scale") == 3


def test_an_item_is_shown_and_an_unknown_one_is_wrong_use(place: Place, sentinela: Callable[..., Done]) -> None:
    config = ("--config", str(place.config))
    shown = sentinela("quarantine", "show", "hostile", *config)
    assert shown.code == 0
    assert "payload: {" in shown.out
    unknown = sentinela("quarantine", "show", "nobody", *config)
    assert unknown.code == 2
    assert "'nobody'" in unknown.err


def test_labels_are_drawn_filled_in_imported_listed_and_exported(
    place: Place, sentinela: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, days = ("--config", str(place.config)), ("--feed", "posts", "--from", DAYS[0], "--to", DAYS[1])
    assert sentinela("labels", "list", *config).out == "no labels\n"
    drawn = sentinela("labels", "sample", *days, "-n", "5", *config)
    sheet = tmp_path / f"labels-posts-{DAYS[0]}-{DAYS[1]}.xlsx"
    assert (drawn.code, drawn.out) == (
        0, f"{sheet.name}: 2 of 2 different texts, some 1 min to label\nthese are all: 5 were asked for\n"
    )  # fmt: skip
    other = sentinela("labels", "sample", *days, "-n", "1", "--seed", "7", "--by", "month", "--out", "b.xlsx", *config)
    assert (other.code, other.out) == (0, "b.xlsx: 1 of 2 different texts, some 1 min to label\n")

    empty = sentinela("labels", "import", str(sheet), *config)
    assert (empty.code, empty.out) == (2, "")
    fill(sheet, "Labels", None, ["positive", None])
    fill(sheet, "Second person", "[bold]Zé[/]", ["cannot say", "negative"])
    assert sentinela("labels", "import", str(sheet), *config).code == 2
    done = sentinela("labels", "import", str(sheet), "--labeller", "Ana", "--partial", *config)
    assert done.code == 0
    assert done.out.splitlines()[0].endswith(": 3 labels, 3 of them new, 1 cannot say")
    assert done.out.splitlines()[1].startswith("agreement: ")
    fill(sheet, "Labels", "Ana", ["negative", "negative"])
    assert "--replace" in sentinela("labels", "import", str(sheet), *config).err
    assert "2 of them new" in sentinela("labels", "import", str(sheet), "--replace", *config).out

    listed = sentinela("labels", "list", *config)
    assert listed.code == 0
    assert re.search(rf"posts\W+{DAYS[0]}\W+{DAYS[1]}\W+2 ", listed.out)
    assert "2 by Ana" in listed.out
    assert "2 by [bold]Zé[/]" in listed.out
    written = sentinela("labels", "export", "labels.parquet", "--feed", "posts", *config)
    assert (written.code, written.out) == (0, "2 labelled texts in labels.parquet\n")


def test_replay_says_what_is_held_still(place: Place, sentinela: Callable[..., Done]) -> None:
    done = sentinela("quarantine", "replay", "--config", str(place.config))
    assert done.code == 1
    assert "1 items in quarantine before, 1 now" in done.out
    assert f"{DAYS[2]} held back" in done.err


def test_tidying_says_what_it_did_to_each_table(tmp_path: Path, sentinela: Callable[..., Done]) -> None:
    polled = Place(tmp_path)
    for number in range(3):
        polled.add([item(str(number), DAYS[0])], file=str(number))
    for mark in (tmp_path / "lake" / "_state" / "pending").iterdir():
        mark.unlink()
    done = sentinela("lake", "tidy", "--config", str(polled.config))
    assert done.code == 0
    cells = [re.findall(r"\w+", line) for line in done.out.splitlines()]
    assert ["raw_posts", "3", "1", "0", "0"] in cells
    assert ["scored_posts", "0", "0", "0", "0"] in cells


def test_a_lake_that_cannot_be_read_is_one_sentence(tmp_path: Path, sentinela: Callable[..., Done]) -> None:
    spoilt = Place(tmp_path)
    (tmp_path / "lake" / "judged_posts" / "_delta_log").mkdir(parents=True)
    (tmp_path / "lake" / "judged_posts" / "_delta_log" / "00000000000000000000.json").write_text("no JSON")
    for command in (["status"], ["lake", "rebuild"], ["lake", "tidy"]):
        done = sentinela(*command, "--config", str(spoilt.config))
        assert done.code == 1
        assert done.err.splitlines()[-1].startswith(f"{tmp_path}/lake/judged_posts: cannot be read: ")
        assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [["list", "--date", DAYS[0]], ["show", "hostile"]], ids=["list", "show"])
def test_posts_cannot_steer_a_terminal(place: Place, command: list[str]) -> None:
    shown = on_terminal("quarantine", *command, "--config", str(place.config))
    for evil in ("\x1b[2J", "\x1b]0;", "\x07", "\x9b", "\u202e"):
        assert evil not in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert "[bold red]texto[/] [/nada]" in plain
    assert "fim\\" in plain


# A run with a failing feed


@pytest.fixture(scope="module")
def failed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Done]:
    place = Place(tmp_path_factory.mktemp("run"), feeds=("absent", "posts"))
    place.write([item("a", DAYS[0]), item("b", DAYS[1], EN)])
    return place, call("run", "--date", DAYS[1], "--config", str(place.config))


def test_a_missing_feed_fails_the_run_after_the_rest_is_published(failed_run: tuple[Place, Done]) -> None:
    place, done = failed_run
    assert done.code == 1
    assert {row["post_id"] for row in place.rows("scored_posts")} == {"a", "b"}
    assert View(place.lake).days("daily_polarity") == DAYS[:2]
    assert Path(done.out.strip()).is_file()
    message = done.err.splitlines()[-1]
    assert "'absent'" in message
    assert str(place.root / "feeds/absent") in message
    assert [row["status"] for row in place.rows("coverage")] == ["failed", "complete"]


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("ingest", "</height>"),
        ("ingest", '{"version": "https://jsonfeed.org/version/1", "items": 5}'),
        ("run", "<gml:pos>1 2</gml:pos>"),
    ],
)
def test_a_malformed_feed_fails_alone(tmp_path: Path, sentinela: Callable[..., Done], command: str, body: str) -> None:
    news = {"name": "news", "kind": "news", "reader": "rss", "path": "feeds/news.xml"}
    place = Place(tmp_path)
    place.configure([news, "posts"])
    place.write([item("a", DAYS[0])])
    (tmp_path / "feeds" / "news.xml").write_text(body)
    done = sentinela(command, "--date", DAYS[0], "--config", str(place.config))
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith(f"feed 'news': {tmp_path}/feeds/news.xml: ")
    assert [row["post_id"] for row in place.rows("raw_posts")] == ["a"]
    assert {row["feed"]: row["status"] for row in place.rows("coverage")} == {"news": "failed", "posts": "complete"}


def test_log_lines_stand_where_a_terminal_would_have_bars(failed_run: tuple[Place, Done]) -> None:
    _, done = failed_run
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.err + done.out)
    ours = [line for line in done.err.splitlines() if " jobs." in line]
    assert len(ours) >= 4
    assert all(STAMP.match(line) for line in ours)


def test_quiet_leaves_warnings_and_errors(failed_run: tuple[Place, Done], sentinela: Callable[..., Done]) -> None:
    place, _ = failed_run
    done = sentinela("--quiet", "validate", "--config", str(place.config))
    assert (done.code, done.err) == (0, "")


# Wrong use: exit code 2, at once, with a message on stderr


@pytest.fixture(scope="module")
def bad_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "sentinela.yaml"
    path.write_text("timezone: UTC\nfeedz: []\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "nonsense"),
        (["score", "--nonsense"], "--nonsense"),
        (["score", "--date", "1/6/2026"], "1/6/2026"),
        (["score", "--date", "2026-02-30"], "2026-02-30"),
        (["score", "--from", "2026-06-01"], "--from and --to"),
        (["score", "--from", "2026-06-02", "--to", "2026-06-01"], "--from lies after --to"),
        (["score", "--date", "2026-06-01", "--to", "2026-06-01"], "--date"),
        (["run", "--date", "2026-06-01", "--from", "2026-06-01"], "--date"),
        (["ingest", "--feed", "absent"], "'absent'"),
        (["quarantine", "list", "--limit", "0"], "--limit"),
        (["labels", "sample", "--feed", "absent", "--from", "2026-06-01", "--to", "2026-06-02"], "'absent'"),
        (["labels", "sample", "--feed", "a", "--from", "2026-06-02", "--to", "2026-06-01"], "--from lies after --to"),
        (["labels", "sample", "--feed", "posts", "--from", "2026-06-01", "--to", "2026-06-02", "-n", "0"], "-n"),
        (["labels", "import", "absent.xlsx"], "absent.xlsx"),
        (["labels", "export", "labels.csv"], ".parquet"),
        (["predict", "absent.csv", "out.csv"], "absent.csv"),
        (["predict", "in.doc", "out.csv"], "'.doc'"),
        (["predict", "in.csv", "out.csv", "--model", "absent"], "'absent'"),
        (["predict", "in.csv"], "OUT"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_apart(
    place: Place,
    arguments: list[str],
    told: str,
    sentinela: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place.root)
    (place.root / "in.csv").write_text("text\noi\n", encoding="utf-8")
    done = sentinela(*arguments)
    assert (done.code, done.out) == (2, "")
    assert told in re.sub(r"\x1b\[[\d;]*m", "", done.err)
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", [["score", "--nonsense"], ["run", "--date", "soon"]], ids=" ".join)
def test_the_process_says_wrong_use_with_its_exit_code(arguments: list[str]) -> None:
    done = call(*arguments)
    assert (done.code, done.out) == (2, "")
    assert arguments[-1] in done.err


def test_bad_settings_are_wrong_use_and_name_file_line_and_setting(bad_settings: Path) -> None:
    done = call("status", "--config", str(bad_settings))
    assert (done.code, done.out) == (2, "")
    assert f"{bad_settings}:2: feedz: unknown setting" in done.err
    assert "Traceback" not in done.err


def test_absent_settings_are_wrong_use(tmp_path: Path) -> None:
    done = call("status", SENTINELA_CONFIG=str(tmp_path / "absent.yaml"))
    assert done.code == 2
    assert "absent.yaml: no such settings file" in done.err


def test_the_environment_names_the_settings(place: Place) -> None:
    assert call("status", SENTINELA_CONFIG=str(place.config)).code == 0


def test_a_report_of_nothing_fails_with_what_to_do(tmp_path: Path, sentinela: Callable[..., Done]) -> None:
    done = sentinela("report", "--config", str(Place(tmp_path).config))
    assert (done.code, done.out) == (1, "")
    assert "aggregate" in done.err
    assert "Traceback" not in done.err


def test_predict_scores_a_file(tmp_path: Path, sentinela: Callable[..., Done]) -> None:
    (tmp_path / "in.csv").write_text("text\noi\ntchau\n", encoding="utf-8")
    target = tmp_path / "out.jsonl"
    done = sentinela("predict", str(tmp_path / "in.csv"), str(target))
    assert (done.code, done.out) == (0, f"2 rows scored into {target}\n")
    assert len(target.read_text(encoding="utf-8").splitlines()) == 2


def test_predict_into_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path, sentinela: Callable[..., Done]) -> None:
    (tmp_path / "in.csv").write_text("text\noi\n", encoding="utf-8")
    done = sentinela("predict", str(tmp_path / "in.csv"), str(tmp_path / "nowhere/out.csv"))
    assert done.code == 2
    assert "nowhere" in done.err


# Help


def commands() -> list[list[str]]:
    """Every command and group, as the words that call it."""

    def walk(group: Any, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, command in getattr(group, "commands", {}).items():
            yield from walk(command, [*words, name])

    return list(walk(typer.main.get_command(app), []))


def test_help_of_every_command_loads_nothing_heavy() -> None:
    program = f"""
import sys
from jobs.cli import app
for words in {commands()!r}:
    try:
        app([*words, "--help"])
    except SystemExit as ended:
        assert not ended.code, words
print("HEAVY", sorted(set({HEAVY!r}) & {{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage:") == len(commands())
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_every_command_says_what_it_does(sentinela: Callable[..., Done]) -> None:
    for words in commands():
        command = typer.main.get_command(app)
        for word in words:
            command = command.commands[word]  # type: ignore[attr-defined]
        assert command.help, words


def test_every_step_takes_a_day_a_range_and_a_settings_file() -> None:
    root = typer.main.get_command(app)
    for step in ("ingest", "validate", "score", "twins", "topics", "aggregate", "report", "run"):
        options = {option for parameter in root.commands[step].params for option in parameter.opts}  # type: ignore[attr-defined]
        assert {"--date", "--from", "--to", "--config"} <= options


def test_a_window_of_days_is_what_the_steps_work_on(
    place: Place, tmp_path: Path, sentinela: Callable[..., Done]
) -> None:
    other = Place(tmp_path)
    other.add([item("a", DAYS[0]), item("b", DAYS[1])], at=FETCHED + timedelta(days=1))
    done = sentinela("validate", "--date", DAYS[0], "--config", str(other.config))
    assert done.code == 0
    assert [row["post_id"] for row in other.rows("posts")] == ["a"]
