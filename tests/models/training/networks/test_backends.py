"""Training on another backend of Keras: the same command, whose result TensorFlow packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.sentiment.loading import open_artifact

CONFIG = """
family = "cnn"
network = { width = 8, filters = 8 }
text = { pieces = 2000, buckets = [16], batch_tokens = 512 }
schedule = { epochs = 2, rate = 0.02 }
"""


def train(folder: Path, backend: str) -> tuple[int, str]:
    program = Path(sys.executable).with_name("sentinela-train")
    options = ["--data", ".", "--out", "models", "--cache", "cache", "--catalogue", "catalogue.toml"]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(
        [program, "mine.toml", *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def place(folder: Path) -> Path:
    (folder / "mine.toml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_what_jax_trained_tensorflow_packages(place: Path) -> None:
    code, said = train(place, "jax")
    assert code == 1
    assert "trained on jax, and kept in cache/mine-" in said
    assert "the same command with KERAS_BACKEND=tensorflow" in said
    assert "Traceback" not in said
    code, said = train(place, "tensorflow")
    assert code == 0, said
    assert "Taking up cache/mine-" in said
    assert '{"round"' not in said
    scored = open_artifact(place / "models" / "mine" / "1").predict(["copo ótimo mesa ótimo", "copo horrível mesa"])
    assert scored.argmax(axis=1).tolist() == [2, 0]
