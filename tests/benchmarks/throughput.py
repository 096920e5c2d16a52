"""From files to report: time and peak memory of `sentinela run`, beside a plain script doing the naive same.

    python tests/benchmarks/throughput.py              # 100,000 and 400,000 posts
    python tests/benchmarks/throughput.py --posts 5000
    python tests/benchmarks/throughput.py --posts 1000000 --model fast

The peer reads the same files whole with pandas, scores them with VADER and averages by day and feed: no checks, no
history, no languages, no report. Both run in processes of their own, one after the other, in the same minute; read
the ratios, absolute times are those of the machine. Below each line stands what the steps took, as they wrote it down;
those of feeds that are fetched side by side add up; the rest is starting and the report.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from jobs.settings import load
from jobs.status import newest_commits

EXAMPLES = Path(__file__).parents[2] / "examples" / "aurora" / "feeds"
DAYS = 90
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PEER = """
import sys, json
import pandas as pd
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
folder = sys.argv[1]
frames = [pd.read_csv(f"{folder}/reviews.csv"), pd.read_parquet(f"{folder}/news.parquet"),
          pd.read_json(f"{folder}/posts.jsonl", lines=True)]
frame = pd.concat(frames, keys=["reviews", "news", "posts"], names=["feed"]).reset_index(level=0)
vader = SentimentIntensityAnalyzer()
frame["polarity"] = [vader.polarity_scores(text)["compound"] for text in frame["text"]]
frame["day"] = pd.to_datetime(frame["published_at"], utc=True, format="ISO8601").dt.date
frame.groupby(["day", "feed"])["polarity"].agg(["size", "mean"]).to_csv(f"{folder}/peer.csv")
"""


def sentences() -> list[str]:
    """Words of people, from the shipped examples."""
    with (EXAMPLES / "reviews.csv").open(encoding="latin-1", newline="") as source:
        rows = [row for row in csv.reader(source, delimiter=";") if len(row) == 7]
    return [row[5] for row in rows[1:] if len(row[5]) > 20]


def write_feeds(folder: Path, posts: int, model: str, seed: int = 7) -> None:
    """`posts` different texts over DAYS days in three files: half CSV, a quarter JSON lines, a quarter Parquet."""
    chance, texts = random.Random(seed), sentences()

    def item(number: int) -> dict[str, str]:
        at = FIRST_DAY + timedelta(seconds=chance.randrange(DAYS * 86_400))
        words = f"{chance.choice(texts)} {chance.choice(texts)}".split()
        cut = chance.randrange(8, 24)
        return {"id": f"p{number}", "published_at": at.isoformat(), "text": " ".join([*words[:cut], str(number)])}

    rows = (item(number) for number in range(posts))
    with (folder / "reviews.csv").open("w", newline="") as sink:
        writer = csv.DictWriter(sink, ["id", "published_at", "text"])
        writer.writeheader()
        for _ in range(posts // 2):
            writer.writerow(next(rows))
    with (folder / "posts.jsonl").open("w") as sink:
        for _ in range(posts // 4):
            sink.write(json.dumps(next(rows), ensure_ascii=False) + "\n")
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "news.parquet")
    columns = {"post_id": "id", "published_at": "published_at", "text": "text"}
    feeds = [("reviews", "review", "csv"), ("posts", "post", "jsonl"), ("news", "news", "parquet")]
    settings = {
        "feeds": [
            {"name": name, "kind": kind, "reader": reader, "path": f"{name}.{reader}", "columns": columns}
            for name, kind, reader in feeds
        ],
        "brands": [{"name": "Aurora", "terms": ["aurora"]}, {"name": "Brisa", "terms": ["brisa"]}],
        "scoring": {"model": model},
        "report": {"days": DAYS},
    }
    (folder / "sentinela.yaml").write_text(yaml.safe_dump(settings))


def by_step(config: Path) -> str:
    """Seconds of each step of the run that the settings file `config` is of."""
    spent: Counter[str] = Counter()
    for commit in newest_commits(load(config), 10_000):
        spent[str(commit.step)] += commit.seconds or 0
    return ", ".join(f"{step} {seconds:.0f}" for step, seconds in spent.most_common() if seconds)


def measure(command: list[str], **environment: str) -> tuple[float, float]:
    """Seconds and peak resident megabytes of `command` and its children; fails when it does."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0.0
    errors: list[bytes] = []
    assert process.stderr is not None
    drain = threading.Thread(target=lambda: errors.append(process.stderr.read()))  # type: ignore[union-attr]
    drain.start()
    while process.poll() is None:
        try:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family) / 1e6)
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.05)
    drain.join()
    if process.returncode:
        sys.exit(errors[0].decode())
    return time.monotonic() - started, peak


def main() -> None:
    """Measure each size and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--model", default="balanced")
    given = parser.parse_args()
    last_day = (FIRST_DAY + timedelta(days=DAYS - 1)).date().isoformat()
    print(f"{'posts':>9} {'seconds':>8} {'peak MB':>8} {'peer s':>8} {'time/peer':>9} {'x time':>7} {'x peak':>7}")
    first: tuple[float, float] | None = None
    for posts in given.posts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_feeds(folder, posts, given.model)
            run = [str(Path(sys.executable).with_name("sentinela")), "run", "--date", last_day]
            config = folder / "sentinela.yaml"
            seconds, peak = measure(run, SENTINELA_CONFIG=str(config))
            spent = by_step(config)
            peer, _ = measure([sys.executable, "-c", PEER, name])
        first = first or (seconds, peak)
        print(
            f"{posts:>9,} {seconds:>8.1f} {peak:>8.0f} {peer:>8.1f} {seconds / peer:>9.2f} "
            f"{seconds / first[0]:>7.2f} {peak / first[1]:>7.2f}\n  {given.model}; seconds: {spent}",
            flush=True,
        )


if __name__ == "__main__":
    main()
