"""The command `sentinela-train`: what it makes, and what it answers when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.sentiment.artifact import verify
from models.training.cli import app

CONFIG = """
family = "bag"
network = { members = 1, token_bits = 8, pair_bits = 8, chars_bits = 8, width = 2, hidden = 4, batch_rows = 64 }
schedule = { epochs = 1, rate = 0.1, warm_up = 0.0 }
"""


def run(folder: Path, name: str, data: Path, *more: str) -> tuple[int, str]:
    options = ["--data", str(data), "--out", str(folder / "models"), "--cache", str(folder / "cache")]
    result = CliRunner().invoke(app, [name, *options, "--catalogue", str(folder / "catalogue.toml"), *more])
    return result.exit_code, " ".join(result.output.split())


def test_a_training_says_where_its_model_lies(folder: Path) -> None:
    (folder / "mine.toml").write_text(CONFIG, encoding="utf-8")
    code, said = run(folder, str(folder / "mine.toml"), folder)
    assert code == 0
    assert said.endswith(f"packaged in {folder / 'models' / 'mine' / '1'}")


def test_another_seed_makes_another_model_of_the_same_configuration(folder: Path) -> None:
    (folder / "mine.toml").write_text(CONFIG, encoding="utf-8")
    for seed in ("1", "2"):
        assert run(folder, str(folder / "mine.toml"), folder, "--seed", seed)[0] == 0
    seeds = [verify(folder / "models" / "mine" / version)["config"]["seed"] for version in ("1", "2")]
    assert seeds == [1, 2]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("bert", "", "there is no training called 'bert'"),
        ("tfidf", "nowhere", "nowhere holds no Parquet file"),
        ("tfidf", "mine.csv", "train tfidf on a folder first"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(name: str, data: str, message: str, folder: Path) -> None:
    (folder / "mine.csv").write_text("text,label\ngood,positive\n", encoding="utf-8")
    code, said = run(folder, name, folder / data)
    assert code == 1
    assert message in said
    assert "Traceback" not in said


def test_a_seed_is_of_a_training_anew(folder: Path) -> None:
    (folder / "mine.csv").write_text("text,label\ngood,positive\n", encoding="utf-8")
    code, said = run(folder, "fast", folder / "mine.csv", "--seed", "3")
    assert code == 1
    assert "--seed is of a training anew" in said


def test_rates_of_data_sets_that_do_not_exist_are_refused(folder: Path) -> None:
    (folder / "mine.toml").write_text(CONFIG + "[data.rates]\nfrist = 2.0\n", encoding="utf-8")
    code, said = run(folder, str(folder / "mine.toml"), folder)
    assert code == 1
    assert "[data.rates]: frist is not in" in said
