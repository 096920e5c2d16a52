"""CPU time and files of one more day: on a lake of two years beside an empty one.

    python tests/benchmarks/history.py                          # 730 days of five feeds, 100 posts a day each
    python tests/benchmarks/history.py --days 120 --polls 10

Beside the five feeds of one file a day stands an RSS feed that shows the items of the last 30 days at every poll. The
old days are laid down by a few large runs of the real steps, the last ones by one run a day. CPU time is that of a
process of its own and its children, start included; files are those below the lake that it opens.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

FEEDS, POSTS, POLLED, SHOWN = 5, 100, 10, 30
FIRST = date(2024, 1, 1)
REPEATS = 3
AT_MOST = 1.15
WORDS = ("o", "café", "do", "dia", "estava", "bom", "fila", "longa", "the", "coffee", "was", "cold", "but", "lovely")
ONE_DAY = """
import sys
from datetime import date
from jobs.pipeline import restate
from jobs.settings import Window, load
first, last = map(date.fromisoformat, sys.argv[2:4])
days, failures = restate(load(sys.argv[1]), Window(start=first, end=last))
assert not failures, failures
"""


def day_of(number: int) -> date:
    """The day `number` days after the first."""
    return FIRST + timedelta(days=number)


def posts(number: int, feed: str, count: int) -> list[dict[str, str]]:
    """What `feed` published on day `number`."""
    chance = random.Random(f"{feed} {number}")
    return [
        {
            "id": f"{feed}-{number}-{n}",
            "at": f"{day_of(number)}T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z",
            "text": " ".join(chance.choices(WORDS, k=12)) + f" {n}",
        }
        for n in range(count)
    ]


def show(folder: Path, number: int) -> None:
    """Put the files of day `number` beside the former ones, and the RSS feed as it is polled that day."""
    for feed in range(FEEDS):
        path = folder / "feeds" / f"feed{feed}" / f"{day_of(number)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(post) + "\n" for post in posts(number, f"feed{feed}", POSTS)))


def poll(folder: Path, number: int, first: int) -> None:
    """Let the RSS feed show the items of the days from `first`, at most the last SHOWN, to `number`."""
    items = [post for day in range(max(first, number - SHOWN + 1), number + 1) for post in posts(day, "rss", POLLED)]
    told = "".join(
        f"<item><guid>{post['id']}</guid><pubDate>{post['at']}</pubDate>"
        f"<description>{escape(post['text'])}</description></item>"
        for post in items
    )
    (folder / "rss.xml").write_text(f"<rss version='2.0'><channel><title>x</title>{told}</channel></rss>")


def configure(folder: Path) -> Path:
    """The settings of a lake in `folder`."""
    columns = {"post_id": "id", "published_at": "at", "text": "text"}
    feeds: list[dict[str, object]] = [
        {"name": f"feed{n}", "kind": "post", "reader": "jsonl", "path": f"feeds/feed{n}/*.jsonl", "columns": columns}
        for n in range(FEEDS)
    ]
    feeds.append({"name": "rss", "kind": "news", "reader": "rss", "path": "rss.xml"})
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "sentinela.yaml"
    brands = [{"name": "Café", "terms": ["café"]}]
    config.write_text(yaml.safe_dump({"feeds": feeds, "brands": brands, "scoring": {"model": "fast"}}))
    return config


def run(config: Path, first: int, last: int, traced: Path | None = None) -> float:
    """CPU seconds of one run, in a process of its own, for the days from `first` to `last`."""
    fetched = datetime.combine(day_of(last), datetime.min.time(), UTC) + timedelta(hours=24)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(fetched.timestamp())), "SENTINELA_AUTHOR_KEY": "k"}
    command = [sys.executable, "-c", "import sys; sys.ps1 = ''\n" + ONE_DAY]
    if traced:
        command = ["strace", "-f", "-qq", "-e", "trace=openat,open", "-o", str(traced), *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, str(config), str(day_of(first)), str(day_of(last))], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build(folder: Path, days: int, polls: int) -> Path:
    """A lake of `days` days, the last `polls` of them fetched day by day."""
    config = configure(folder)
    month = 90
    for first in range(0, days - polls, month):
        last = min(first + month, days - polls) - 1
        for number in range(first, last + 1):
            show(folder, number)
        poll(folder, last, 0)
        run(config, first, last)
        print(f"day {last}", flush=True)
    _look_daily(config, days - polls)
    for number in range(days - polls, days):
        one_more(config, number)
    return config


def _look_daily(config: Path, days: int) -> None:
    """Lay down what the coverage ledger of `days` daily runs would be: a file a day."""
    import pyarrow as pa

    from data_contracts import schema
    from jobs.lake.table import File, Lake
    from jobs.lake.writer import write
    from jobs.settings import load

    settings = load(config)
    lake = Lake(settings.lake)
    add: list[File] = []
    for number in range(days):
        day = day_of(number)
        lines = [
            {
                "feed": feed.name, "window_start": day, "window_end": day, "fetched_date": day, "batches": 1,
                "fetched_at": datetime.combine(day, datetime.min.time(), UTC), "source": "file", "status": "complete",
                "items_seen": POSTS, "first_day": day_of(max(0, number - SHOWN)), "last_day": day,
            }
            for feed in settings.feeds
        ]  # fmt: skip
        batch = pa.RecordBatch.from_pylist(lines, schema=schema("coverage"))
        add += write(lake, "coverage", {"fetched_date": day.isoformat()}, "ledger", [batch])
    lake.commit(lake.table("coverage"), add, [], step="ingest", days=[], cause="ingest")


def one_more(config: Path, number: int, first: int = 0, traced: Path | None = None) -> float:
    """CPU seconds of the run of day `number`, of a source that began on day `first`."""
    show(config.parent, number)
    poll(config.parent, number, first)
    return run(config, number, number, traced)


def opened(config: Path, trace: Path) -> dict[str, int]:
    """How many files of each table of the lake, or of its state, and of the feeds the traced run opened."""
    names = set(
        re.findall(rf'"{re.escape(str(config.parent))}/(?:lake/)?([^"]+)"[^=]*= \d', trace.read_text(errors="replace"))
    )
    found: dict[str, int] = {}
    for name in names:
        table, _, rest = name.partition("/")
        kind = f"{table} log" if rest.startswith("_delta_log") else table
        if rest.endswith((".parquet", ".json", ".jsonl")):
            found[kind] = found.get(kind, 0) + 1
    return dict(sorted(found.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--polls", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="Keep the lakes here; an old one that lies there is used.")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="sentinela-history-"))
    try:
        return compare(folder, given.days, given.polls)
    finally:
        if not given.folder:
            shutil.rmtree(folder)


def compare(folder: Path, days: int, polls: int) -> int:
    """Print both sides; 1 when the old lake costs more than AT_MOST times the empty one."""
    started = time.monotonic()
    done = folder / "days"
    old = folder / "old" / "sentinela.yaml"
    if not done.exists():
        old = build(folder / "old", days, polls)
        done.write_text(str(days))
        print(f"a lake of {days} days built in {time.monotonic() - started:.0f} s", flush=True)
    day = int(done.read_text())
    times: dict[str, list[float]] = {"empty": [], "old": []}
    for _ in range(REPEATS):
        shutil.rmtree(folder / "empty", ignore_errors=True)
        times["empty"].append(one_more(configure(folder / "empty"), day, first=day))
        times["old"].append(one_more(old, day))
        day += 1
        done.write_text(str(day))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    print({name: [round(taken, 2) for taken in each] for name, each in times.items()})
    if shutil.which("strace"):
        shutil.rmtree(folder / "empty", ignore_errors=True)
        one_more(configure(folder / "empty"), day, day, folder / "empty.trace")
        one_more(old, day, 0, folder / "old.trace")
        done.write_text(str(day + 1))
        for name in ("empty", "old"):
            print(f"files opened, {name}: {opened(folder / name / 'sentinela.yaml', folder / f'{name}.trace')}")
    ratio = medians["old"] / medians["empty"]
    sides = f"{medians['empty']:.1f} s of CPU on an empty lake, {medians['old']:.1f} s after {day} days"
    print(f"one more day: {sides}: {ratio:.2f}")
    return int(ratio > AT_MOST)


if __name__ == "__main__":
    sys.exit(main())
