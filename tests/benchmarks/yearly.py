"""How long a report takes over a year of five brands and five feeds, from its tables, and how much memory.

    python tests/benchmarks/yearly.py              # 20 posts a day and feed
    python tests/benchmarks/yearly.py --posts 100
    python tests/benchmarks/yearly.py --mark-words # with the words that `balanced` went by

Two years of posts with topics and the ledger of their fetches are put into a lake and added up; what is measured is
`sentinela report` over the second one, which it compares with the first, in a process of its own, start included. It
must take under 20 s and 1 GB, where no model is opened. The instruction set is named; where others work on the machine,
read the CPU seconds.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from jobs.aggregate import aggregate
from jobs.lake.table import Lake
from jobs.settings import load
from models.sentiment import version
from tests import stored
from tests.benchmarks.enrich import instructions
from tests.benchmarks.throughput import measure, sentences

BRANDS = ("Aurora", "Brisa", "Cedro", "Delta", "Estela")
FEEDS = {"loja": "review", "app": "review", "forum": "post", "rede": "post", "jornal": "news"}
DAYS, LAST = 365, date(2026, 9, 30)
SECONDS, MEGABYTES = 20, 1000
KEY = ("published_date", "feed", "post_id")


def posts(days: list[date], a_day: int) -> Iterator[dict[str, Any]]:
    """Different scored posts of every day and feed; half of them name a brand."""
    chance, texts, model = random.Random(7), sentences(), version()
    for day in days:
        for feed, kind in FEEDS.items():
            for number in range(a_day):
                weights = [chance.gammavariate(alpha, 1) for alpha in (1.0, 0.6, 1.2)]
                negative, neutral, positive = (weight / sum(weights) for weight in weights)
                named = chance.choice(BRANDS) if chance.random() < 0.5 else ""
                moment = datetime.combine(day, time(chance.randrange(24)), UTC)
                yield {
                    "feed": feed, "kind": kind, "post_id": f"{day}-{number}", "published_at": moment,
                    "published_date": day, "date_source": "feed", "first_seen_at": moment, "fetched_at": moment,
                    "batch_id": "1", "author": f"author-{chance.randrange(1000)}",
                    "text": f"{named} {chance.choice(texts)} {number}", "language": "pt", "negative": negative,
                    "neutral": neutral, "positive": positive, "polarity": positive - negative,
                    "label": "positive" if positive > negative else "negative", "unsure": False, "model_version": model,
                }  # fmt: skip


def topics(days: list[date], a_day: int) -> Iterator[dict[str, Any]]:
    """What each of the posts is about: two topics, one or a theme."""
    for number, post in enumerate(posts(days, a_day)):
        told = (["Entrega", "Preço"], ["Preço"], [])[number % 3]
        yield {name: post[name] for name in KEY} | {"topics": told, "theme": None if told else "café, pão, queijo"}


def twins(days: list[date], a_day: int) -> Iterator[dict[str, Any]]:
    """Each of the posts says what no other says."""
    for number, post in enumerate(posts(days, a_day)):
        yield {name: post[name] for name in KEY} | {"wording": number, "cluster": None, "exact": None}


def fetches(days: list[date], _: int) -> Iterator[dict[str, Any]]:
    """Each feed was asked for each day on the day after, and answered whole."""
    for day in days:
        for feed in FEEDS:
            after = day + timedelta(days=1)
            yield {
                "feed": feed, "window_start": day, "window_end": day, "fetched_date": after,
                "fetched_at": datetime.combine(after, time(3), UTC), "source": "none.csv", "status": "complete",
                "items_seen": 20, "batches": 1, "first_day": day, "last_day": day,
            }  # fmt: skip


def prepare(folder: Path, a_day: int, mark_words: bool) -> Path:
    """A lake of two years in `folder`; returns its settings file."""
    columns = {"post_id": "id", "published_at": "at", "text": "text"}
    feeds = [
        {"name": name, "kind": kind, "reader": "csv", "path": "none.csv", "columns": columns}
        for name, kind in FEEDS.items()
    ]
    brands = [{"name": name, "terms": [name.lower()]} for name in BRANDS]
    config, report = folder / "sentinela.yaml", {"days": DAYS, "mark_words": mark_words}
    config.write_text(yaml.safe_dump({"feeds": feeds, "brands": brands, "report": report}))
    days = [LAST - timedelta(days=n) for n in range(2 * DAYS)]
    lake = Lake(load(config).lake)
    made = {"scored_posts": posts, "posts": posts, "topics": topics, "twins": twins, "coverage": fetches}
    for dataset, rows in made.items():
        stored.put(lake, dataset, rows(days, a_day))
    aggregate(load(config), sorted(map(str, days)))
    return config


def main() -> None:
    """Measure and compare with what must be reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=20, help="posts a day and feed")
    parser.add_argument("--mark-words", action="store_true", help="underline what the model went by")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        config = prepare(Path(name), given.posts, given.mark_words)
        command = [str(Path(sys.executable).with_name("sentinela")), "report"]
        seconds, peak = measure(command, SENTINELA_CONFIG=str(config))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{DAYS} days x {len(BRANDS)} brands x {len(FEEDS)} feeds x {given.posts} posts a day, {instructions()}")
    cpu = used.ru_utime + used.ru_stime
    print(f"{seconds:.1f} s of at most {SECONDS} ({cpu:.1f} s of CPU), peak {peak:.0f} MB of at most {MEGABYTES}")
    sys.exit(0 if given.mark_words or (seconds <= SECONDS and peak <= MEGABYTES) else 1)


if __name__ == "__main__":
    main()
