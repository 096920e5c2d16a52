"""How much faster `score` is on a standalone cluster of two workers than on one of one, each with one core.

    python tests/benchmarks/spark.py                 # 30,000 posts of 30 days
    python tests/benchmarks/spark.py --posts 6660 --days 12

Master, workers and driver run on this machine, on loopback. Some days are scored before the clock starts, so that
every worker has its model. The ratio must be at least 1.7. Take it on a quiet machine of more than two cores, or read
it as what is left beside the master and the driver.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from score import instructions, prepare

from jobs.engine import Engine, open_engine
from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.score import Score
from jobs.settings import EngineChoice, Scoring, load
from jobs.step import bring_up_to_date
from tests.cluster import cluster

AT_LEAST = 1.7
WARM_DAYS = 4


def rate(lake: Lake, engine: Engine) -> float:
    """Texts a second that `engine` scores, warm."""
    days = sorted({file.day for file in View(lake).files("posts")})
    bring_up_to_date(lake, Score(lake, Scoring(), tuple(days[:WARM_DAYS]), engine))
    started = time.monotonic()
    made = bring_up_to_date(lake, Score(lake, Scoring(), tuple(days[WARM_DAYS:]), engine))
    seconds = time.monotonic() - started
    return sum(file.rows for change in made.values() for file in change.add) / seconds


def main() -> None:
    """Measure both clusters and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=30_000)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, given.posts, given.days)
        print(f"{given.posts:,} posts of {given.days} days, {instructions()}, {os.cpu_count()} cores", flush=True)
        for workers in (1, 2):
            place = folder / str(workers)
            shutil.copytree(load(folder / "sentinela.yaml").lake, place / "lake")
            with cluster(workers, place) as master:
                choice = EngineChoice(kind="spark", master=master, options={"spark.executor.memory": "512m"})
                with open_engine(choice) as engine:
                    found[workers] = rate(Lake(str(place / "lake")), engine)
            print(f"{workers} workers {found[workers]:8.0f} texts/s, load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"two / one {found[2] / found[1]:.2f}, must be at least {AT_LEAST}")


if __name__ == "__main__":
    main()
