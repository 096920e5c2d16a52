"""Training by configuration, from labelled files to a packaged model, on made-up texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.sentiment import artifact
from models.sentiment.artifact import folder_of
from models.sentiment.loading import load, open_artifact
from models.sentiment.savedmodel import SavedModel
from models.sentiment.spread import ALL
from models.sentiment.staged import Staged, Sure, mixed
from models.training.config import read_config
from models.training.data.catalogue import read_catalogue
from models.training.data.rows import load_rows
from models.training.packaging.calibrate import temperature
from models.training.packaging.card import CARD
from models.training.packaging.spread import FEWEST_SETS, NEW_TO_KNOWN_SETS
from models.training.train import train
from tests.models.training.conftest import CATALOGUE, made_up

CONFIG = """
family = "bag"
seed = 7

[network]
members = 2
token_bits = 8
pair_bits = 8
chars_bits = 8
width = 2
hidden = 4
batch_rows = 64
feature_dropout = 0.1
pooled_dropout = 0.1

[schedule]
epochs = 3
rate = 0.1
warm_up = 0.0

[serving]
window_chars = 300
"""
COUNTED = """
family = "naive_bayes"
network = { alpha = 0.1, most_features = 2_000 }
"""
WEIGHTS = "variables/variables.data-00000-of-00001"


SECOND = """
[serving.first]
model = "fast"
sure_from = { usually = 0.8, turned = 0.95 }
share = 0.25
"""


LAST = """
[serving.last]
model = "fast"
sure_from = { usually = 0.99, turned = 0.99 }
share = 0.5
"""


def run(folder: Path, name: str = "tiny", settings: str = CONFIG) -> Path:
    (folder / f"{name}.toml").write_text(settings, encoding="utf-8")
    config = read_config(str(folder / f"{name}.toml"))
    return train(config, folder, None, folder / "models", folder / "cache", folder / "catalogue.toml")


@pytest.fixture(scope="module")
def trained(made_up_folder: Path) -> Path:
    """The artefact of one training; the data lie in ``made_up_folder``."""
    return run(made_up_folder)


def test_it_learns(trained: Path) -> None:
    probabilities = open_artifact(trained).predict(["prato ótimo mesa ótimo", "table awful chair awful"])
    assert probabilities.argmax(axis=1).tolist() == [2, 0]


def test_of_data_sets_enough_it_brings_how_far_it_is_off_people(tmp_path: Path) -> None:
    texts = made_up("second")
    names = [f"set_{place}" for place in range(FEWEST_SETS + 1)]
    sections = CATALOGUE.split("\n\n")[1].replace("max_rows = 50", "")
    for name in names:
        made = texts.assign(text=[f"{name} {text} {name}{row}" for row, text in enumerate(texts["text"])])
        made.to_parquet(tmp_path / f"{name}.parquet")
    told = [sections.replace("second", name) for name in names]
    (tmp_path / "catalogue.toml").write_text("\n".join([*told, "unseen = true"]), encoding="utf-8")
    found = artifact.spread(str(run(tmp_path, "counted", COUNTED)))
    assert found is not None
    assert found.known[ALL].sets == FEWEST_SETS
    assert found.new[ALL].sets == NEW_TO_KNOWN_SETS + 1
    assert "| learnt from, all | 6 | " in (tmp_path / "models" / "counted" / "1" / CARD).read_text(encoding="utf-8")


def test_nothing_half_written_stays(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} >= {"manifest.json", CARD, "saved_model.pb"}
    assert [path.name for path in trained.parent.iterdir()] == ["1"]


@pytest.mark.slow
def test_trained_again_it_is_the_next_version_with_the_same_weights(trained: Path, made_up_folder: Path) -> None:
    folder = run(made_up_folder)
    assert (trained.name, folder.name) == ("1", "2")
    first, again = SavedModel(trained), SavedModel(folder)
    assert first.manifest["sha256"][WEIGHTS] == again.manifest["sha256"][WEIGHTS]
    texts = ["copo ótimo", "mug awful", "livro azul", "", "unseen words only"]
    np.testing.assert_array_equal(first.predict(texts), again.predict(texts))


def test_the_manifest_tells_where_the_model_comes_from(trained: Path) -> None:
    manifest = json.loads((trained / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in manifest["training_data"]] == ["first", "second"]
    assert [entry["non_commercial"] for entry in manifest["training_data"]] == [False, True]
    assert manifest["training_data"][1]["rows"] == 50
    assert manifest["config"]["seed"] == 7
    assert manifest["serving"]["window_chars"] == 300
    assert [one["group"] for one in manifest["metrics"]["groups"]] == ["en post", "pt review"]


def test_the_card_tells_licences_measures_and_failures(trained: Path) -> None:
    card = (trained / CARD).read_text(encoding="utf-8")
    assert "| second **NC** |" in card
    assert "| pt review |" in card
    for part in ("How good it is", "Calibration", "Known failures", "How to retrain it", "What it was trained on"):
        assert f"## {part}" in card
    assert "{" not in card


@pytest.mark.slow
def test_it_may_go_on_from_what_is_packaged_and_tells_what_that_learnt_from(
    trained: Path, made_up_folder: Path, tmp_path: Path
) -> None:
    made_up("second").to_parquet(tmp_path / "second.parquet")
    (tmp_path / "catalogue.toml").write_text(f"{CATALOGUE.split('[left_out]')[0]}unseen = true", encoding="utf-8")
    settings = f'start = "{trained}"\n{CONFIG}\n[data]\nall_sources = true'.replace("epochs = 3", "epochs = 0.5")
    manifest = json.loads((run(tmp_path, "further", settings) / "manifest.json").read_text(encoding="utf-8"))
    before = json.loads((trained / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["started_from"] == "tiny-1"
    assert {one["name"] for one in manifest["training_data"]} == {"first", "second"}
    assert before["training_data"][0] in manifest["training_data"]


@pytest.fixture(scope="module")
def second(made_up_folder: Path) -> Path:
    """The artefact of a model that reads again what ``fast`` is not sure of."""
    return run(made_up_folder, "second", CONFIG + SECOND)


@pytest.mark.slow
def test_the_mixture_of_both_readings_is_calibrated_on_what_is_read_again(second: Path, made_up_folder: Path) -> None:
    rows = load_rows(made_up_folder, read_catalogue(made_up_folder / "catalogue.toml"))
    rows = rows[(rows["part"] == "calibration") & rows["evaluate"]]
    read = load("fast").predict(rows["text"].tolist(), rows["language"].tolist(), rows["kind"].tolist())
    again = ~Sure(usually=0.8, turned=0.95).of(read, rows["text"].tolist())
    assert 0 < again.sum() < len(rows)
    given = rows[again]
    scored = SavedModel(second).predict(given["text"].tolist(), given["language"].tolist(), given["kind"].tolist())
    found = temperature(mixed(read[again], scored, share=0.25), given["label"].to_numpy(), prior=1.0)
    manifest = json.loads((second / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["calibration"]["mixed"] == pytest.approx(found, abs=1e-3)
    assert found != pytest.approx(1.0, abs=1e-3)


@pytest.mark.slow
def test_the_last_reader_reads_what_is_not_sure_yet_and_says_so(made_up_folder: Path) -> None:
    middle = run(made_up_folder, "middle", CONFIG + SECOND.replace("0.8", "0.99").replace("0.95", "0.99") + LAST)
    model = open_artifact(middle)
    assert isinstance(model, Staged)
    assert (model.name, model.second.name) == ("middle", "fast")
    manifest = json.loads((middle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["serving"]["last"]["version"] == folder_of("fast").name
    assert manifest["calibration"]["mixed_last"] != 1.0
    card = (middle / CARD).read_text(encoding="utf-8")
    assert "of 0.99 (0.99 where there is a negator or a word of contrast) then is read by fast-" in card
    assert "With the last one:" in card


@pytest.mark.slow
def test_a_second_reader_comes_with_the_first_and_says_so(second: Path) -> None:
    assert isinstance(open_artifact(second), Staged)
    card = (second / CARD).read_text(encoding="utf-8")
    assert "of 0.8 (0.95 where there is a negator or a word of contrast) are read again" in card
    assert "Of both readings together:" in card
