"""How much faster `score` is on two cores than `predict` on one, over the same texts at 90 partitions a feed.

    python tests/benchmarks/score.py                           # 100,000 posts
    python tests/benchmarks/score.py --posts 6660 --days 6     # partitions of the same size, fewer of them

Each runs in a process of its own that is held to its cores; the model is loaded and warm before the clock starts. What
a partition costs beside its texts counts the more, the smaller it is.
The ratio must be at least 1.8. Take it on a quiet machine: `busy` says how much of the cores the process got (1 is all
of what its threads asked for); where others were at work, the ratio says little, and the last line is an estimate.
What two cores of a machine can give is told beside it: `predict` on each of them at once, against `predict` on one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import throughput
from throughput import FIRST_DAY, write_feeds

from jobs.lake.query import View
from jobs.lake.table import Lake
from jobs.settings import Settings, Window, load

AT_LEAST = 1.8
WARM = ["Bom dia, o café estava ótimo"] * 64


def prepare(folder: Path, posts: int, days: int = throughput.DAYS) -> None:
    """Raw and validated posts of so many days in a lake, and the same texts in one file for `predict`."""
    import pyarrow.parquet as pq

    from jobs.ingest import ingest
    from jobs.validate import validate

    throughput.DAYS = days
    write_feeds(folder, posts)
    settings = load(folder / "sentinela.yaml")
    window = Window(start=FIRST_DAY.date(), end=(FIRST_DAY + timedelta(days=days - 1)).date())
    validate(settings, sorted({day for feed in settings.feeds for day in ingest(settings, feed.name, window).days}))
    with View(Lake(settings.lake)).query() as query:
        query.read("posts")
        pq.write_table(query.table("SELECT text, language, kind FROM posts"), folder / "texts.parquet")


def measure(what: str, folder: Path, cores: list[int], environment: dict[str, str]) -> dict[str, float]:
    """Texts a second of `what` (score or predict) in a process that is held to `cores`, and how busy these were."""
    command = [sys.executable, __file__, "--measure", what, "--folder", str(folder), "--cores", *map(str, cores)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(what: str, folder: Path, cores: list[int]) -> dict[str, float]:
    """The measurement itself, in this process."""
    os.sched_setaffinity(0, cores)
    from jobs.predict import predict
    from jobs.score import score
    from models.sentiment.loading import open_model

    settings: Settings = load(folder / "sentinela.yaml")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(len(cores)))
    model = open_model(settings.scoring.model, settings.scoring.budget_minutes)
    model.predict(WARM, ["pt"] * len(WARM), ["review"] * len(WARM))
    days = sorted({file.day for file in View(Lake(settings.lake)).files("posts")})
    before, started = schedule(), time.monotonic()
    if what == "score":
        texts = score(settings, days).posts
    else:
        texts = predict(folder / "texts.parquet", folder / "scored.parquet", settings.scoring.model)
    seconds = time.monotonic() - started
    ran, waited = (after - former for after, former in zip(schedule(), before, strict=True))
    return {
        "rate": texts / seconds,
        "cpu": ran / texts,
        "asked": (ran + waited) / seconds,
        "busy": ran / (ran + waited),
    }


def schedule() -> tuple[float, float]:
    """Seconds that the threads of this process ran, and that they waited for a core."""
    ran = waited = 0
    for thread in Path("/proc/self/task").iterdir():
        first, second, _ = (thread / "schedstat").read_text().split()
        ran, waited = ran + int(first), waited + int(second)
    return ran / 1e9, waited / 1e9


def instructions() -> str:
    """The widest instruction set of this machine's processors, which speeds are of."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return next((name for name in ("avx512_vnni", "avx512f", "avx2", "avx") if name in flags), "none")


def main() -> None:
    """Measure both and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=throughput.DAYS)
    parser.add_argument("--measure", choices=("score", "predict"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, nargs="+", default=sorted(os.sched_getaffinity(0))[:2])
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(timed(given.measure, given.folder, given.cores)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, given.posts, given.days)
        found = {
            "predict": measure("predict", folder, given.cores[:1], {}),
            "score": measure("score", folder, given.cores, {}),
        }
        for core in given.cores:
            (folder / str(core)).mkdir()
            for file in ("sentinela.yaml", "texts.parquet"):
                (folder / str(core) / file).symlink_to(folder / file)
            (folder / str(core) / "lake").symlink_to(folder / "lake")
        with ThreadPoolExecutor(len(given.cores)) as pool:
            both = list(pool.map(lambda core: measure("predict", folder / str(core), [core], {}), given.cores))
    load_now = os.getloadavg()[0]
    print(f"{given.posts:,} posts of {given.days} days, {instructions()}, cores {given.cores}, load {load_now:.1f}")
    for what, one in found.items():
        print(f"{what:>8} {one['rate']:8.0f} texts/s {1e3 * one['cpu']:6.2f} ms of a core a text "
              f"{one['asked']:5.2f} cores asked for, busy {one['busy']:.2f}")  # fmt: skip
    ratio = found["score"]["rate"] / found["predict"]["rate"]
    print(f"score / predict {ratio:.2f}, must be at least {AT_LEAST}")
    most = sum(one["rate"] for one in both) / found["predict"]["rate"]
    print(f"predict on each core at once / predict on one {most:.2f}: what these cores can give")
    cores = {"predict": 1, "score": len(given.cores)}
    quiet = {what: min(one["asked"], cores[what]) / one["cpu"] for what, one in found.items()}
    print(f"by cores asked for and processor time, an estimate: {quiet['score'] / quiet['predict']:.2f}")


if __name__ == "__main__":
    main()
