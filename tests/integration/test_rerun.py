"""Running again, in any order, or after a kill gives the same rows, and readers never see anything else."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.aggregate import aggregate
from jobs.enrich.topics import topics
from jobs.enrich.twins import twins
from jobs.ingest import ingest
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.pipeline import restate
from jobs.score import score
from jobs.settings import Brand, Columns, Feed, Scoring, Settings, Topic, Window
from jobs.validate import validate
from tests import stored

DATASETS = ("coverage", "raw_posts", "posts", "quarantine", "scored_posts", "twins", "topics", "daily_polarity")
DAYS = Window(start=date(2026, 5, 1), end=date(2026, 5, 8))
KILLS = 3
POINT = ("published_date", "brand", "feed", "language")
ABOUT_THE_REVISION = ("recorded_at", "cause", "made_from")
TEXTS = ["Adorei o café de hoje.", "The worst queue ever!", "Abre aos domingos?", "Lovely staff, terrible wifi.", ""]


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1780000000")
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "a key for tests")


def settings(folder: Path, lake: str = "lake") -> Settings:
    columns = Columns(post_id="id", published_at="at", updated_at="edited", text="text", author="who")
    feeds = tuple(
        Feed(name=name, kind="post", reader="jsonl", path=str(folder / f"{name}*.jsonl"), columns=columns)
        for name in ("one", "two")
    )
    return Settings(
        lake=str(folder / lake),
        reports=str(folder / "reports"),
        feeds=feeds,
        brands=(Brand(name="Café", terms=("café",)),),
        topics=(Topic(name="Filas", terms=("fila", "queue")),),
        scoring=Scoring(model="fast"),
    )


def write_feeds(folder: Path, version: str, seed: int, edited: bool) -> None:
    """Two feeds of eight days; `edited` ones change texts and days of a third of the items."""
    chance = random.Random(seed)
    for name in ("one", "two"):
        with (folder / f"{name}-{version}.jsonl").open("w") as sink:
            for number in range(120):
                day = DAYS.days[chance.randrange(len(DAYS.days))]
                item = {"id": f"{name}-{number}", "at": f"{day}T12:00:00Z", "text": chance.choice(TEXTS), "who": "ana"}
                if edited and number % 3 == 0:
                    item |= {"text": f"Mudei de ideia: {item['text']}", "edited": "2026-05-09T08:00:00Z"}
                if not edited or number % 3 == 0:
                    sink.write(json.dumps(item) + "\n")


def contents(lake: str) -> dict[str, Any]:
    """Columns and rows of every dataset; how often a day was written before does not show in them."""
    found = stored.tables(Lake(lake), *DATASETS)
    columns, rows = found["daily_polarity"]
    points = {tuple(row[name] for name in POINT): row for row in sorted(rows, key=lambda row: row["recorded_at"])}
    current = [{name: row[name] for name in columns if name not in ABOUT_THE_REVISION} for row in points.values()]
    found["daily_polarity"] = (columns, sorted(current, key=lambda row: tuple(map(str, (row[name] for name in POINT)))))
    return found


def test_running_again_changes_nothing(tmp_path: Path) -> None:
    write_feeds(tmp_path, "a", seed=1, edited=False)
    lake = Lake(settings(tmp_path).lake)
    restate(settings(tmp_path), DAYS)
    once, versions = stored.tables(lake, *DATASETS), stored.versions(lake)
    restate(settings(tmp_path), DAYS)
    assert stored.tables(lake, *DATASETS) == once
    assert stored.versions(lake) == versions
    assert all(rows for _, rows in once.values())


def test_the_order_and_grouping_of_days_do_not_matter(tmp_path: Path) -> None:
    write_feeds(tmp_path, "a", seed=1, edited=False)
    write_feeds(tmp_path, "b", seed=2, edited=True)
    restate(settings(tmp_path, "whole"), DAYS)
    piecemeal = settings(tmp_path, "piecemeal")
    for feed in ("two", "one"):
        ingest(piecemeal, feed, DAYS)
    days = [*DAYS.days, "undated"]
    random.Random(3).shuffle(days)
    for group in (days[:1], days[1:4], days[4:], days[2:3]):
        validate(piecemeal, group)
    for group in (days[5:], days[:5]):
        score(piecemeal, group)
        topics(piecemeal, group)
    for day in days:
        twins(piecemeal, [day])
    for day in reversed(days):
        aggregate(piecemeal, [day])
    assert contents(piecemeal.lake) == contents(settings(tmp_path, "whole").lake)


Ends = dict[tuple[str, str], tuple[str, str]]
"""Of each item, by feed and identity: the dataset that it ends in, and its text."""


def ends(lake: Path) -> tuple[Ends, int]:
    """Where the items are, all seen through one view, and the number of rows that this took."""
    with View(Lake(str(lake))).query() as query:
        query.read("posts")
        query.read("quarantine")
        rows = query.rows("""
            SELECT feed, post_id, 'posts' AS dataset, text FROM posts
            UNION ALL SELECT feed, post_id, 'quarantine', text FROM quarantine
        """)
    return {(row["feed"], row["post_id"]): (row["dataset"], row["text"]) for row in rows}, len(rows)


class Reader(threading.Thread):
    """Reads posts and quarantine over and over: every item is in one of them, once, in its old or its new version."""

    def __init__(self, lake: Path, old: Ends, new: Ends) -> None:
        super().__init__(daemon=True)
        self.lake, self.old, self.new, self.stopped, self.wrong, self.reads = lake, old, new, threading.Event(), [], 0

    def run(self) -> None:
        while not self.stopped.is_set() and not self.wrong:
            try:
                self._read()
            except Exception as fault:
                self.wrong.append(repr(fault))

    def _read(self) -> None:
        found, count = ends(self.lake)
        self.reads += 1
        if count != len(found):
            self.wrong.append("an item is there twice")
        if found.keys() != self.old.keys():
            self.wrong.append(f"items are missing or too many: {sorted(found.keys() ^ self.old.keys())}")
        self.wrong += [f"{key}: neither old nor new" for key, end in found.items() if end not in self._versions(key)]

    def _versions(self, key: tuple[str, str]) -> tuple[tuple[str, str], tuple[str, str]]:
        return self.old[key], self.new[key]


def test_a_killed_run_leaves_a_readable_lake_that_the_next_run_completes(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.integration.forked"])

    write_feeds(tmp_path, "a", seed=1, edited=False)
    before = tmp_path / "before"
    restate(settings(tmp_path, "before"), DAYS)
    old, _ = ends(before)
    write_feeds(tmp_path, "b", seed=2, edited=True)
    shutil.copytree(before, tmp_path / "after")
    target = processes.Process(target=restate, args=(settings(tmp_path, "after"), DAYS))
    started = time.monotonic()
    target.start()
    target.join()
    duration = time.monotonic() - started
    new, _ = ends(tmp_path / "after")
    assert new != old
    assert new.keys() == old.keys()
    undisturbed = contents(str(tmp_path / "after"))

    chance, interrupted = random.Random(4), 0
    for attempt in range(KILLS):
        lake = tmp_path / f"lake-{attempt}"
        shutil.copytree(before, lake)
        reader = Reader(lake, old, new)
        reader.start()
        target = processes.Process(target=restate, args=(settings(tmp_path, lake.name), DAYS))
        started = time.monotonic()
        target.start()
        target.join(chance.uniform(0, duration))
        if target.is_alive():
            interrupted += 1
        else:  # the next kills come early enough, however quick the machine is by now
            duration = time.monotonic() - started
        target.kill()
        target.join()
        reader.stopped.set()
        reader.join()
        assert reader.wrong == []
        assert reader.reads > 0
        restate(settings(tmp_path, lake.name), DAYS)
        assert contents(str(lake)) == undisturbed
        assert View(Lake(str(lake))).held() == []
        shutil.rmtree(lake)
    assert interrupted >= KILLS / 5


def test_what_a_dead_run_ingested_is_restated_though_its_feed_forgot_it(tmp_path: Path) -> None:
    write_feeds(tmp_path, "a", seed=1, edited=False)
    place = settings(tmp_path)
    for feed in ("one", "two"):
        ingest(place, feed, DAYS)
        (tmp_path / f"{feed}-a.jsonl").write_text("")
    tomorrow = Window(start=date(2026, 5, 9), end=date(2026, 5, 9))
    days, failures = restate(place, tomorrow)
    assert failures == []
    assert set(DAYS.days) <= set(days)
    assert View(Lake(place.lake)).days("daily_polarity") == [*DAYS.days, "2026-05-09"]
    assert restate(place, tomorrow)[0] == ["2026-05-09"]


def test_an_item_whose_date_is_mended_leaves_quarantine_for_its_day(tmp_path: Path) -> None:
    write_feeds(tmp_path, "a", seed=1, edited=False)
    place = settings(tmp_path)
    (feed, *_) = place.feeds
    wrong = feed.model_copy(update={"columns": feed.columns.model_copy(update={"published_at": "who"})})
    ingest(place.model_copy(update={"feeds": (wrong,)}), "one", DAYS)
    validate(place, ["undated"])
    ingest(place, "one", DAYS)
    assert set(validate(place, ["undated"]).days) == {*DAYS.days, "undated"}
    found, count = ends(Path(place.lake))
    assert len(found) == count == 120
