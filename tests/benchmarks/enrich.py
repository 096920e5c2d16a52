"""Twins of a million posts, and topics and brands of two thousand terms: rates and peak memory beside their targets.

    python tests/benchmarks/enrich.py                    # a million posts, thirty days, three feeds
    python tests/benchmarks/enrich.py --posts 100000

Texts are sentences of the examples, cut and mixed, one in twenty a copy of a campaign, half of these with other words
in it. Each step runs in a process of its own, timed without what it takes to start. Absolute times are those of the
machine, whose instruction set is named; where others work on it, too, read the CPU seconds.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from data_contracts import schema
from jobs.lake.table import File, Lake
from jobs.lake.writer import write
from jobs.tokens import tokens
from tests.benchmarks.throughput import measure, sentences

DAYS, FEEDS, FIRST_DAY = 30, ("reviews", "posts", "news"), date(2026, 1, 1)
TERMS, RULES = 2_000, 20
CAMPAIGNS = 200
STEP = """
import sys, time
from jobs.settings import load
{imports}
settings, days = load(sys.argv[1]), sys.argv[3:]
begun, worked = time.monotonic(), time.process_time()
{work}
open(sys.argv[2], "w").write(f"{{time.monotonic() - begun}} {{time.process_time() - worked}}")
"""
TWINS = STEP.format(imports="from jobs.enrich.twins import twins", work="twins(settings, days)")
TOPICS = STEP.format(imports="from jobs.enrich.topics import topics", work="topics(settings, days)")
BRANDS = STEP.format(
    imports="""
from jobs.brands import teach_brands
from jobs.lake.query import View
from jobs.lake.table import Lake""",
    work="""
with View(Lake(settings.lake)).query() as query:
    query.read("posts")
    teach_brands(query, settings.brands)
    query.rows("SELECT sum(len(brands_named(text))) AS named FROM posts")""",
)


def texts(count: int, seed: int = 7) -> Iterator[str]:
    """`count` texts of 8 to 24 words."""
    chance, people = random.Random(seed), sentences()

    def fresh() -> list[str]:
        return f"{chance.choice(people)} {chance.choice(people)}".split()[: chance.randrange(8, 24)]

    campaigns = [[*fresh(), *fresh()] for _ in range(CAMPAIGNS)]
    for number in range(count):
        words = list(chance.choice(campaigns)) if number % 20 == 0 else [*fresh(), str(number)]
        if number % 40 == 0:
            words[chance.randrange(len(words))] = str(number)
        yield " ".join(words)


def fill(lake: Lake, posts: int) -> list[str]:
    """Put `posts` posts into `lake`; the days they are of."""
    written: list[File] = []
    given = texts(posts)
    days = [FIRST_DAY + timedelta(days=n) for n in range(DAYS)]
    each = posts // (DAYS * len(FEEDS))
    for day in days:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        for feed in FEEDS:
            rows = [_row(feed, day, at, f"{day}-{n}", next(given)) for n in range(each)]
            batch = pa.RecordBatch.from_pylist(rows, schema("posts"))
            written += write(lake, "posts", {"published_date": day.isoformat(), "feed": feed}, "i.r", [batch])
    lake.commit(lake.table("judged_posts"), written, [], step="benchmark", days=[], cause="benchmark")
    return [day.isoformat() for day in days]


def _row(feed: str, day: date, at: datetime, post_id: str, text: str) -> dict[str, Any]:
    same = {"kind": "post", "batch_id": "b", "date_source": "feed", "language": "pt"}
    times = dict.fromkeys(("published_at", "first_seen_at", "fetched_at"), at)
    return {**same, **times, "feed": feed, "published_date": day, "post_id": post_id, "text": text}


def terms() -> list[str]:
    """Two thousand terms that texts have: words and pairs of words."""
    said = tokens(pa.array(list(texts(20_000, seed=3))))
    words = Counter(said.word(n) for n in range(len(said.row)))
    pairs = Counter(f"{said.word(n - 1)} {said.word(n)}" for n in range(1, len(said.row), 7) if said.joined[n])
    chosen = [word for word, _ in words.most_common() if len(word) > 3 and word.isalpha()]
    chosen += [pair for pair, _ in pairs.most_common(2 * TERMS)]
    return [*chosen, *(f"termo{n} raro" for n in range(TERMS))][:TERMS]


def settings_of(folder: Path, lake: Path) -> Path:
    """A settings file with topics and brands of two thousand terms each."""
    every = terms()
    said = [{"name": f"t{n}", "terms": every[n::RULES]} for n in range(RULES)]
    feeds = [{"name": f, "kind": "post", "reader": "csv", "path": "x", "columns": {"text": "t"}} for f in FEEDS]
    path = folder / "sentinela.yaml"
    path.write_text(yaml.safe_dump({"lake": str(lake), "feeds": feeds, "topics": said, "brands": said}))
    return path


def instructions() -> str:
    """The widest vector instructions of this machine."""
    flags = Path("/proc/cpuinfo").read_text()
    return next((name for name in ("avx512f", "avx2", "avx") if name in flags), "none known")


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1_000_000)
    posts = parser.parse_args().posts
    print(f"{posts:,} posts, {TERMS:,} terms, {instructions()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = settings_of(folder, folder / "lake")
        days = fill(Lake(str(folder / "lake")), posts)
        print(f"{'':>8} {'seconds':>8} {'CPU s':>7} {'posts/s':>9} {'a CPU s':>9} {'peak MB':>8}   target")
        for what, code, target in (
            ("twins", TWINS, "1 M in 240 s, 2,000 MB"),
            ("topics", TOPICS, "100,000 posts/s on two cores"),
            ("brands", BRANDS, "100,000 posts/s on two cores"),
        ):
            _, peak = measure([sys.executable, "-c", code, str(config), f"{name}/told", *days])
            seconds, worked = map(float, (folder / "told").read_text().split())
            rates = f"{posts / seconds:>9,.0f} {posts / worked:>9,.0f}"
            print(f"{what:>8} {seconds:>8.1f} {worked:>7.1f} {rates} {peak:>8.0f}   {target}", flush=True)


if __name__ == "__main__":
    main()
