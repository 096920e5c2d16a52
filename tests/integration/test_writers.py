"""Several writers at once, killed at any moment, end at the rows of one; readers never see an item lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.episodes import Episode, World, differences, undisturbed

SEEDS = [1]
"""Odd ones have kills."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTINELA_AUTHOR_KEY", "a key for tests")


def test_writers_side_by_side_end_at_the_rows_of_one(tmp_path: Path) -> None:
    world = World(tmp_path, seed=1)
    wanted = undisturbed(world, str(tmp_path / "undisturbed"))
    for seed in SEEDS:
        episode = Episode(world, str(tmp_path / f"lake-{seed}"), seed, kills=seed % 2 == 1)
        assert differences(episode.play(), wanted) == "", f"seed {seed}"
