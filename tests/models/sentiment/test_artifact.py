"""A packaged model on disk: what is refused, and what those that are shipped promise."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.sentiment.artifact import ARTIFACTS, folder_of, packaged_as, sha256, spread, verify, version
from models.sentiment.contract import LABELS, ArtifactError
from models.sentiment.spread import ALL

FOLDER = folder_of("fast")

# Mean macro-F1 that each must have on held-out rows of its sources: 37 of `accurate`; the others have five more, and
# harder ones.
SHIPPED = {"accurate": 69.0, "balanced": 66.5, "fast": 64.0}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "fast" / FOLDER.name))


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001", "MODEL_CARD.md"])
def test_a_changed_byte_is_refused(copied: Path, file: str) -> None:
    path = copied / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{path.name} differs.*restore the folder"):
        verify(copied)


def test_a_missing_file_is_refused(copied: Path) -> None:
    (copied / "variables" / "variables.index").unlink()
    with pytest.raises(ArtifactError, match=r"variables\.index is missing; restore"):
        verify(copied)


def test_a_file_that_was_not_packaged_is_refused(copied: Path) -> None:
    (copied / "variables" / "vocabulary.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"vocabulary\.txt was not packaged with the others; restore"):
        verify(copied)


def test_other_labels_are_refused(copied: Path) -> None:
    path = copied / "manifest.json"
    path.write_text(path.read_text().replace('"neutral"', '"meh"', 1))
    with pytest.raises(ArtifactError, match="labels is not what this version expects"):
        verify(copied)


@pytest.mark.parametrize("content", [None, "{", "{}"], ids=["missing", "broken", "without sums"])
def test_a_bad_manifest_is_refused(copied: Path, content: str | None) -> None:
    path = copied / "manifest.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json is missing or unreadable"):
        verify(copied)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_manifest_covers_every_file_and_its_data(name: str) -> None:
    folder = folder_of(name)
    manifest = verify(folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["sha256"]) == files - {"manifest.json"}
    assert tuple(manifest["labels"]) == LABELS
    assert all(entry["licence"] for entry in manifest["training_data"])
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for entry in manifest["training_data"]:
        assert f"| {entry['name']}{' **NC**' if entry['non_commercial'] else ''} |" in card


def test_all_artefacts_together_are_small() -> None:
    assert sum(path.stat().st_size for path in ARTIFACTS.rglob("*") if path.is_file()) <= 90_000_000


@pytest.mark.parametrize(("name", "least"), SHIPPED.items())
def test_the_packaged_measures_are_what_is_promised(name: str, least: float) -> None:
    metrics = verify(folder_of(name))["metrics"]
    assert metrics["mean"]["macro_f1"] >= least
    assert metrics["calibration_error"] <= 0.02
    for group in metrics["groups"]:
        assert np.sum(group["confusion"]) == group["rows"]


def test_sha256_of_a_known_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_knows_how_far_it_is_off(name: str) -> None:
    found = spread(name)
    assert found is not None
    assert found.known[ALL].sets >= 30
    assert all(0.05 < value < 0.2 for value in found.known[ALL].values)
    assert all(new > known for new, known in zip(found.new[ALL].values, found.known[ALL].values, strict=True))


def test_rows_name_the_model_that_scored_them_and_a_configured_folder_comes_first(copied: Path) -> None:
    assert packaged_as(version("fast")) == FOLDER
    assert packaged_as(version("fast"), str(copied)) == copied
    assert packaged_as(version("accurate"), str(copied)) == folder_of("accurate")
    assert packaged_as("fast-99", str(copied)) is None
