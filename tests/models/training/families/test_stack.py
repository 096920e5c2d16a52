"""A stack of two packaged networks of different kinds: it says in an artefact what it said in Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.sentiment.artifact import folder_of
from models.sentiment.calibration import Calibration
from models.sentiment.contract import LABELS
from models.sentiment.loading import open_artifact
from models.training.config import Config, ConfigError
from models.training.families.encoder import TrainedEncoder, open_trained, rounded
from models.training.families.stack import train_stack
from models.training.job import Job
from models.training.networks.encoder import EncoderShape, from_pretrained
from models.training.networks.pretrained import Pretrained
from models.training.networks.universal import UniversalShape, universal_from
from models.training.packaging import package

TEXTS = ["bom bom mesa", "ruim mesa ruim", "mesa azul", "good but bad, not good at all"]
MEMBER = {"text": {"buckets": [16, 32]}}
Shelf = dict[str, tuple[TrainedEncoder, Path]]


@pytest.fixture(scope="module")
def shelf(tiny_pretrained: Pretrained, tiny_universal: Pretrained, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two networks that learnt nothing, and the folders that they are packaged in."""
    folder = tmp_path_factory.mktemp("build")
    encoder = from_pretrained(tiny_pretrained, EncoderShape(depth=2), seed=1)
    universal = universal_from(tiny_universal, UniversalShape(), seed=2)
    made: Shelf = {}
    for family, network, words, sizes in (
        ("encoder", encoder, tiny_pretrained, {"depth": 2}),
        ("universal", universal, tiny_universal, {}),
    ):
        config = Config.model_validate({"name": family, "family": family, "network": sizes, **MEMBER})
        trained = rounded(network, words, config)
        made_from = package.MadeFrom([{"name": family, "rows": 3}], teacher=f"{family}'s teacher")
        package.write_files(folder / family / "1", trained, package.Identity(config, "1", Calibration(), made_from))
        made[family] = trained, folder / family / "1"
    return made


def job(shelf: Shelf, tmp_path: Path, part: str = "calibration") -> Job:
    members = [str(folder) for _, folder in shelf.values()]
    config = Config.model_validate({"name": "both", "family": "stack", "members": members})
    rows = {"text": TEXTS[:3] * 20, "label": [2, 0, 1] * 20, "part": part}
    common = {"dataset": "one", "language": "pt", "kind": "post", "weight": 1.0, "evaluate": True}
    return Job(config, pd.DataFrame(rows | common), tmp_path)


@pytest.mark.parametrize("family", ["encoder", "universal"])
def test_a_packaged_network_is_opened_as_its_training_left_it(shelf: Shelf, family: str) -> None:
    trained, folder = shelf[family]
    np.testing.assert_allclose(open_trained(folder).logits(TEXTS, []), trained.logits(TEXTS, []), atol=1e-5)


def test_once_packaged_it_says_the_same(shelf: Shelf, tmp_path: Path) -> None:
    wanted = job(shelf, tmp_path)
    stack = train_stack(wanted)
    logits = stack.logits(TEXTS, [])
    assert (logits.shape, logits.dtype) == ((len(TEXTS), len(LABELS)), np.float32)
    assert logits[:3].argmax(axis=1).tolist() == [2, 0, 1]
    made_from = package.MadeFrom([]).of_members([folder for _, folder in shelf.values()])
    package.write_files(tmp_path / "both" / "1", stack, package.Identity(wanted.config, "1", Calibration(), made_from))
    expected = Calibration().apply(logits)
    np.testing.assert_allclose(open_artifact(tmp_path / "both" / "1").predict(TEXTS), expected, atol=1e-5)


def test_it_tells_what_its_members_learnt_from(shelf: Shelf) -> None:
    made_from = package.MadeFrom([]).of_members([folder for _, folder in shelf.values()])
    assert [one["name"] for one in made_from.training_data] == ["encoder", "universal"]
    assert made_from.members == ("encoder-1", "universal-1")
    assert made_from.teacher == "encoder's teacher; universal's teacher"


def test_what_was_said_already_stays_and_of_a_set_most_rows_count(shelf: Shelf) -> None:
    before = package.MadeFrom([{"name": "encoder", "rows": 5}, {"name": "made", "rows": 1}])
    made_from = before.of_members([folder for _, folder in shelf.values()])
    rows = {one["name"]: one["rows"] for one in made_from.training_data}
    assert rows == {"made": 1, "universal": 3, "encoder": 5}


def test_a_member_of_another_family_is_refused() -> None:
    with pytest.raises(ConfigError, match="is of the family bag; needed is one of encoder, universal"):
        open_trained(folder_of("fast"))


def test_labels_that_no_calibration_row_has_are_missed(shelf: Shelf, tmp_path: Path) -> None:
    given = job(shelf, tmp_path)
    two = dataclasses.replace(given, frame=given.frame[given.frame["label"] != 1])
    with pytest.raises(ConfigError, match="of all labels, and some have none"):
        train_stack(two)


def test_without_calibration_rows_it_says_what_is_missing(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both: a stack is fitted on calibration rows"):
        train_stack(job(shelf, tmp_path, part="train"))
