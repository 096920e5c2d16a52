"""Episodes of several writers at once on one lake, some of them killed, and readers that look on.

An item's text names the item and its version, so a reader can tell whether what it sees belongs together.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from data_contracts import contract
from jobs import tidy
from jobs.coverage import looked_for
from jobs.ingest import ingest
from jobs.lake.query import View
from jobs.lake.state import State
from jobs.lake.table import UNDATED, Lake
from jobs.pipeline import restate
from jobs.quarantine import replay
from jobs.revisions import view_current
from jobs.settings import Brand, Columns, Feed, Scoring, Settings, Window
from jobs.validate import validate

FEEDS = ("one", "two")
DAYS = Window(start=date(2026, 5, 1), end=date(2026, 5, 8))
LAST_DAY = Window(start=DAYS.end, end=DAYS.end)
"""What every run is for: other days are carried because items touch them, and marks are all that tells of those."""
ITEMS, CHANGED, PHASES = 70, 25, 3
BEGAN = datetime(2026, 5, 10, 12, tzinfo=UTC)
TEXTS = (
    "Adorei o café de hoje",
    "The worst queue ever at this place",
    "El servicio es muy lento hoy",
    "Abre aos domingos?",
)
VERSION = re.compile(r"\((\w+-\d+) v(\d+)\)")
LEFT_OUT = {"fetched_at", "first_seen_at", "recorded_at", "cause", "made_from"}
"""What two lakes with the same items may differ in: when something was fetched and written down, and why."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.integration.forked"])


def settings(folder: Path, lake: str) -> Settings:
    """Two feeds of JSON lines in `folder`, read into `lake` by the quickest model."""
    columns = Columns(post_id="id", published_at="at", updated_at="edited", text="text", author="who", rating="stars")
    feeds = tuple(
        Feed(name=name, kind="post", reader="jsonl", path=str(folder / "feeds" / f"{name}-*.jsonl"), columns=columns)
        for name in FEEDS
    )
    return Settings(
        lake=lake,
        reports=str(folder / "reports"),
        feeds=feeds,
        brands=(Brand(name="Café", terms=("café",)),),
        scoring=Scoring(model="fast"),
    )


class World:
    """What happens at the sources: in every phase new items come, and some are edited, moved, broken or mended."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        chance = random.Random(seed)
        self.phases = [{feed: self._changes(chance, feed, phase) for feed in FEEDS} for phase in range(PHASES)]

    @staticmethod
    def _changes(chance: random.Random, feed: str, phase: int) -> list[dict[str, Any]]:
        known = ITEMS + phase * 5
        numbers = range(known) if phase == 0 else [*chance.sample(range(known - 5), CHANGED), *range(known - 5, known)]
        return [_item(chance, f"{feed}-{number}", phase) for number in numbers]

    def tell(self, phase: int) -> None:
        """Let the sources show what is new in `phase`."""
        for feed, items in self.phases[phase].items():
            path = self.folder / "feeds" / f"{feed}-{phase}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(".aside")
            aside.write_text("".join(json.dumps(item) + "\n" for item in items))
            aside.replace(path)

    def forget(self) -> None:
        """Take all of it away again."""
        shutil.rmtree(self.folder / "feeds", ignore_errors=True)


def _item(chance: random.Random, name: str, phase: int) -> dict[str, Any]:
    day = chance.choice([day for day in DAYS.days if not (day.endswith("04") and name.startswith("two"))])
    item = {
        "id": name,
        "at": f"{day}T12:00:00Z",
        "edited": (BEGAN - timedelta(hours=PHASES - phase)).isoformat(),
        "text": f"{chance.choice(TEXTS)} ({name} v{phase})",
        "who": f"ana-{chance.randrange(9)}",
        "stars": chance.randrange(1, 6),
    }
    broken = chance.random()
    if broken < 0.08:
        item["stars"] = 500
    elif broken < 0.14:
        item["at"] = "someday"
    elif broken < 0.18:
        del item["at"]
    return item


@dataclass(frozen=True)
class Work:
    """What one process is to do, and how far its clock is."""

    action: str
    settings: Settings
    window: Window
    moment: int


def work(task: Work, failed: Path) -> None:
    """Do `task`; a fault is written to the file `failed`."""
    os.environ["SOURCE_DATE_EPOCH"] = str(int(BEGAN.timestamp()) + task.moment)
    try:
        ACTIONS[task.action](task)
    except BaseException:
        failed.write_text(f"{task.action} of {task.window}\n{traceback.format_exc()}")
        raise


def _run(task: Work) -> None:
    _, failures = restate(task.settings, task.window)
    if failures:
        raise AssertionError(failures)


def _ingest(task: Work) -> None:
    for name in FEEDS:
        ingest(task.settings, name, task.window)


def _validate(task: Work) -> None:
    chance = random.Random(task.moment)
    validate(task.settings, [*chance.sample(DAYS.days, 4), UNDATED])


def _replay(task: Work) -> None:
    replay(task.settings, None)


def _tidy(task: Work) -> None:
    tidy.tidy(task.settings)


ACTIONS: dict[str, Callable[[Work], None]] = {
    "run": _run, "ingest": _ingest, "validate": _validate, "replay": _replay, "tidy": _tidy,
}  # fmt: skip


@dataclass
class Watcher(threading.Thread):
    """Reads one view after the other; an item that was once published is in exactly one place, whole, and no older."""

    lake: Lake
    wrong: list[str] = field(default_factory=list)
    reads: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self.newest: dict[str, dict[str, int]] = {"judged": {}, "scored": {}}

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Look until stopped."""
        while not self.stopped.is_set() and not self.wrong:
            try:
                self._look()
            except Exception:
                self.wrong.append(traceback.format_exc())
            self.reads += 1
            time.sleep(0.05)

    def _look(self) -> None:
        view = View(self.lake)
        with view.query() as query:
            for name in ("posts", "quarantine", "scored_posts"):
                query.read(name)
            rows = query.rows("""
                SELECT 'judged' AS place, post_id, text FROM posts
                UNION ALL SELECT 'judged', post_id, text FROM quarantine
                UNION ALL SELECT 'scored', post_id, text FROM scored_posts
            """)
        for place, newest in self.newest.items():
            self._compare(place, newest, [row for row in rows if row["place"] == place], str(view.versions()))

    def _compare(self, place: str, newest: dict[str, int], rows: Sequence[dict[str, Any]], at: str) -> None:
        seen: dict[str, int] = {}
        for row in rows:
            told = VERSION.search(row["text"])
            if not told or told[1] != row["post_id"]:
                self.wrong.append(f"{place}: the text of {row['post_id']} is {row['text']!r} at {at}")
            elif row["post_id"] in seen:
                self.wrong.append(f"{place}: {row['post_id']} is there twice at {at}")
            else:
                seen[row["post_id"]] = int(told[2])
        for item, version in newest.items():
            if place == "judged" and item not in seen:
                self.wrong.append(f"{place}: {item} is missing at {at}")
            elif seen.get(item, version) < version:
                self.wrong.append(f"{place}: {item} fell back from version {version} to {seen[item]} at {at}")
        newest.update(seen)

    def stop(self) -> None:
        """Look no more."""
        self.stopped.set()
        self.join()


def undisturbed(world: World, lake: str) -> dict[str, Any]:
    """The rows of a lake that one writer kept, phase by phase."""
    kept = settings(world.folder, lake)
    world.forget()
    for phase in range(PHASES):
        world.tell(phase)
        finished(start(world.folder, Work("run", kept, LAST_DAY, phase)))
    return contents(Lake(lake))


def start(folder: Path, task: Work) -> BaseProcess:
    """A process of its own for `task`."""
    process = processes.Process(target=work, args=(task, folder / "failed"))
    process.start()
    return process


def finished(process: BaseProcess) -> None:
    """Wait for `process`, which must end well."""
    process.join()
    if process.exitcode:
        raise AssertionError(f"a writer ended with {process.exitcode}")


@dataclass
class Episode:
    """Two to four writers at once through all phases of a world."""

    world: World
    lake: str
    seed: int
    kills: bool
    killed: int = 0
    writers: int = 0
    reads: int = 0

    def play(self) -> dict[str, Any]:
        """The rows of the lake after that and a last clean run; AssertionError when a reader saw something wrong."""
        chance, failed = random.Random(self.seed), self.world.folder / "failed"
        failed.unlink(missing_ok=True)
        chosen, lake = settings(self.world.folder, self.lake), Lake(self.lake)
        watchers = [Watcher(lake) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        self.world.forget()
        running: list[BaseProcess] = []
        try:
            for phase in range(PHASES):
                self.world.tell(phase)
                actions = ["run", *chance.choices(sorted(ACTIONS), k=chance.randint(1, 3))]
                for number, action in enumerate(chance.sample(actions, len(actions))):
                    task = Work(action, chosen, LAST_DAY, phase * 10 + number)
                    running.append(start(self.world.folder, task))
                    self.writers += 1
                    time.sleep(chance.choice([0, 0, chance.uniform(0, 1)]))
                self._wait(chance, running)
            for process in running:
                process.join()
        finally:
            for process in running:
                process.kill()
        self._must_be_well(failed, watchers)
        finished(start(self.world.folder, Work("run", chosen, LAST_DAY, PHASES * 10)))
        for watcher in watchers:
            watcher.stop()
            self.reads += watcher.reads
        self._must_be_well(failed, watchers)
        assert State(lake).pending() == {}
        assert not View(lake).held()
        return contents(lake)

    def _wait(self, chance: random.Random, running: Sequence[BaseProcess]) -> None:
        """Let the writers work on, most of the time to their end; some are killed on the way."""
        for process in running:
            if self.kills and process.is_alive() and chance.random() < 0.6:
                process.join(chance.uniform(0, 2))
                if process.is_alive():
                    process.kill()
                    self.killed += 1
        if chance.random() < 0.7:
            for process in running:
                process.join()

    def _must_be_well(self, failed: Path, watchers: Sequence[Watcher]) -> None:
        if failed.exists():
            raise AssertionError(failed.read_text())
        for watcher in watchers:
            if watcher.wrong:
                raise AssertionError("\n".join(watcher.wrong[:20]))


def contents(lake: Lake) -> dict[str, Any]:
    """All rows of every dataset that must not depend on who wrote when, and the feeds looked at for each day."""
    view = View(lake)
    found: dict[str, Any] = {"coverage": looked_for(view, DAYS.days)}
    with view.query() as query:
        for name in ("raw_posts", "item_versions", "posts", "quarantine", "scored_posts", "twins", "daily_polarity"):
            columns = ", ".join(column for column in contract(name).columns if column not in LEFT_OUT)
            if name == "daily_polarity":
                view_current(query, view, None)
            else:
                query.read(name)
            found[name] = query.rows(f"SELECT {columns} FROM {name} ORDER BY ALL")
    return found


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What is otherwise in `found`, in words; empty when nothing is."""
    told = []
    for name, rows in wanted.items():
        if isinstance(rows, dict):
            told += [
                f"{name} of {key}: {found[name].get(key)}, not {value}"
                for key, value in rows.items()
                if found[name].get(key) != value
            ]
            continue
        told += [f"{name} lacks {row}" for row in rows if row not in found[name]][:5]
        told += [f"{name} has {row}" for row in found[name] if row not in rows][:5]
        told += [f"{name}: {len(found[name])} rows, not {len(rows)}"] if len(found[name]) != len(rows) else []
    return "\n".join(told)


def drop(lake: str) -> None:
    """Take a local lake away."""
    with suppress(FileNotFoundError):
        shutil.rmtree(lake)
