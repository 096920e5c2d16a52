"""Reprocessing a year of three feeds, against the same posts in one day; killed in the middle, it goes on.

    python tests/benchmarks/reprocess.py --posts 1000               # 365 days x 3 feeds x 1,000 posts
    python tests/benchmarks/reprocess.py --posts 20 --days 60       # a small form

Both lakes hold the same texts, by the real steps and scored with `fast`. What is measured is all of it made anew, with
`fast` or, as after an upgrade, with another model, in a process of its own, start included: the year in chunks, the day
in one. A third run over the year is killed with SIGKILL after its first chunk and started again: what was made stays as
it is, and the rows equal those of a lake that nobody disturbed. The year may take a tenth more CPU time than the day,
and 2 GB; read the ratio where there are many posts, since with few the start is most of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import yaml

from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import CHUNK_DAYS, load
from tests.benchmarks.enrich import instructions
from tests.benchmarks.throughput import measure, sentences

FEEDS, LAST = ("loja", "forum", "jornal"), date(2026, 9, 30)
AT_MOST, MEGABYTES = 1.1, 2000
BUILD = """
import sys
from datetime import date
from jobs.pipeline import restate
from jobs.settings import Window, load
last = date.fromisoformat(sys.argv[1])
_, failures = restate(load(), Window(start=last, end=last))
assert not failures, failures
"""
ANEW = """
import logging, sys
from datetime import date, datetime
from jobs.reprocess.carry import reprocess
from jobs.reprocess.request import Request
from jobs.settings import load
logging.basicConfig(level=logging.INFO)
settings = load()
first, last = map(date.fromisoformat, sys.argv[1:3])
moment = datetime.fromisoformat(sys.argv[3])
request = Request.of(settings, first, last, chunk_days=int(sys.argv[4]), made_before=moment)
for chunk in reprocess(settings, request):
    assert not chunk.failures, chunk.failures
    print(chunk.window.end, flush=True)
"""
COMPARED = ("judged_posts", "scored_posts", "twins")


def build(folder: Path, days: int, posts: int, model: str, spread: bool) -> Path:
    """A lake of `days` x FEEDS x `posts` in `folder`, all of it on the last day where it is not `spread`.

    It was scored with `fast`; the settings then ask for `model`.
    """
    chance, texts = random.Random(7), sentences()
    for feed in FEEDS:
        path = folder / "feeds" / f"{feed}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as sink:
            for day in range(days):
                at = LAST - timedelta(days=day) if spread else LAST
                for number in range(posts):
                    words = f"{chance.choice(texts)} {chance.choice(texts)}".split()[: chance.randrange(8, 24)]
                    post = {
                        "id": f"{day}-{number}",
                        "at": f"{at}T12:00:00Z",
                        "text": " ".join([*words, f"{day} {number}"]),
                    }
                    sink.write(json.dumps(post) + "\n")
    columns = {"post_id": "id", "published_at": "at", "text": "text"}
    feeds = [
        {"name": f, "kind": "post", "reader": "jsonl", "path": f"feeds/{f}.jsonl", "columns": columns} for f in FEEDS
    ]
    for feed in feeds:
        feed["http"] = {"max_megabytes": 4096}
    config = folder / "sentinela.yaml"
    brands = [{"name": "Aurora", "terms": ["aurora"]}, {"name": "Brisa", "terms": ["brisa"]}]
    settings = {"feeds": feeds, "brands": brands, "scoring": {"model": "fast"}}
    config.write_text(yaml.safe_dump(settings))
    subprocess.run([sys.executable, "-c", BUILD, str(LAST)], env=environment(config), check=True)
    config.write_text(yaml.safe_dump(settings | {"scoring": {"model": model}}))
    return config


def environment(config: Path) -> dict[str, str]:
    """Where the settings are, and a key, so that two lakes are alike."""
    return {**os.environ, "SENTINELA_CONFIG": str(config), "SENTINELA_AUTHOR_KEY": "k", "TF_CPP_MIN_LOG_LEVEL": "3"}


def anew(days: int, chunk: int) -> list[str]:
    """The command that makes all of a lake anew."""
    first = LAST - timedelta(days=days - 1)
    return [sys.executable, "-c", ANEW, str(first), str(LAST), now(), str(chunk)]


def spent() -> float:
    """CPU seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def names(config: Path) -> dict[str, str]:
    """The files of the tables that are compared, by partition."""
    view = View(Lake(load(config).lake))
    return {f"{name} {f.day} {f.feed} {f.verdict}": f.name for name in COMPARED for f in view.table(name).files}


def rows(config: Path) -> list[dict[str, object]]:
    """A digest of the rows of each table, in whatever order they lie and whenever they were written."""
    moments = {"daily_polarity": "recorded_at, made_from", "posts": "fetched_at, batch_id, first_seen_at"}
    found = []
    with View(Lake(load(config).lake)).query() as query:
        for name in ("posts", "scored_posts", "twins", "daily_polarity"):
            query.read(name)
            row = f"SELECT * {f'EXCLUDE ({moments[name]})' if name in moments else ''} FROM {name}"
            found += query.rows(f"SELECT count(*) AS rows, bit_xor(hash(one)) AS digest FROM ({row}) one")
    return found


def killed(config: Path, days: int, chunk: int) -> tuple[int, int]:
    """Kill a reprocess in its second chunk and start it again; partitions made before, and those of them kept."""
    command, before = anew(days, chunk), names(config)
    with subprocess.Popen(
        command, env=environment(config), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    half = names(config)
    made = {place for place in half if half[place] != before.get(place)}
    subprocess.run(command, env=environment(config), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = names(config)
    assert not {place for place in after if after[place] == before.get(place)}, "all of it was made anew"
    return len(made), sum(after[place] == half[place] for place in made)


def main() -> int:
    """Measure and compare with what must be reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1000, help="posts a day and feed")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--model", default="fast", help="the faster it is, the more the rest weighs")
    parser.add_argument("--chunk-days", type=int, default=CHUNK_DAYS)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sentinela-reprocess-"))
    try:
        return compare(folder, given)
    finally:
        shutil.rmtree(folder)


def compare(folder: Path, given: argparse.Namespace) -> int:
    """Print what came out; 1 when it is not what must be reached."""
    year, day = (build(folder / name, given.days, given.posts, given.model, name == "year") for name in ("year", "day"))
    print(
        f"{given.days} days x {len(FEEDS)} feeds x {given.posts} posts, model {given.model}, {instructions()}",
        flush=True,
    )
    took: dict[str, float] = {}
    peaks: dict[str, float] = {}
    for name, config, days in (("day", day, 1), ("year", year, given.days)) * given.repeats:
        before = spent()
        seconds, peak = measure(anew(days, given.chunk_days), **environment(config))
        cpu = spent() - before
        took[name], peaks[name] = min(took.get(name, cpu), cpu), max(peaks.get(name, 0), peak)
        print(f"{name}: {seconds:.1f} s, {cpu:.1f} s of CPU, peak {peak:.0f} MB", flush=True)
    undisturbed = rows(year)
    made, kept = killed(year, given.days, given.chunk_days)
    same = rows(year) == undisturbed
    print(f"killed after {made} partitions were made, {kept} of them kept; rows are {'the same' if same else 'OTHERS'}")
    ratio = took["year"] / took["day"]
    limits = f"at most {AT_MOST}; peak {peaks['year']:.0f} MB, at most {MEGABYTES}"
    print(f"the year takes {ratio:.2f} of the day's CPU time, {limits}")
    return int(ratio > AT_MOST or peaks["year"] > MEGABYTES or kept < made or not same)


if __name__ == "__main__":
    sys.exit(main())
