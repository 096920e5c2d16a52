"""Models by name, by folder and by what a user asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models.sentiment import artifact
from models.sentiment.artifact import available, folder_of
from models.sentiment.cascade import Cascade
from models.sentiment.contract import ArtifactError, UnknownModelError
from models.sentiment.loading import lineage, load, open_artifact, open_model
from tests.artefacts import package

ROOT = Path(__file__).parents[3]
FOLDER = folder_of("fast")
FAST, ACCURATE = "fast-7", "accurate-3"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "fast" / FOLDER.name))


def test_importing_is_light() -> None:
    script = (
        "import sys, models.sentiment, models.language;"
        "heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'models.training', 'models.evaluation'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_lists_the_known() -> None:
    assert available() == ["accurate", "balanced", "fast"]
    with pytest.raises(UnknownModelError, match=r"'sacola'.*there are: accurate, balanced, fast"):
        load("sacola")


def test_a_path_names_the_artefact_that_lies_there(copied: Path, tmp_path: Path) -> None:
    assert load(str(copied)).version == f"fast-{FOLDER.name}"
    with pytest.raises(ArtifactError, match=r"manifest\.json is missing"):
        load(str(tmp_path))


def test_threads_that_ask_at_once_share_one_model(copied: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(load, [str(copied)] * 4))
    assert {id(model) for model in models} == {id(models[0])}


def test_a_format_of_the_future_is_refused(copied: Path) -> None:
    path = copied / "manifest.json"
    path.write_text(path.read_text().replace('"savedmodel"', '"crystal"', 1))
    with pytest.raises(ArtifactError, match="no models of the format 'crystal'; update it"):
        open_artifact(copied)


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of packaged models of its own: `fast` and `accurate`, copies of the shipped one."""
    monkeypatch.setattr(artifact, "ARTIFACTS", tmp_path)
    package(tmp_path, "fast", "7", unsure_below=0.4)
    package(tmp_path, "accurate", "3", {"chars_per_second": 10}, unsure_below=0.8)
    return tmp_path


def test_a_cascade_is_opened_by_its_name_and_the_others_by_theirs(artifacts: Path) -> None:
    cascade = open_model("cascade", 2)
    assert isinstance(cascade, Cascade)
    assert (cascade.name, cascade.version, cascade.budget_chars) == ("cascade", f"{FAST}+{ACCURATE}", 1200)
    assert open_model("fast", 2) is load("fast")
    assert open_model(str(artifacts / "accurate" / "3"), 2).version == ACCURATE


def test_packaged_models_make_a_cascade(artifacts: Path) -> None:
    texts = ["Péssimo, horrível!", "A loja abre às nove", "Ótimo, adorei tudo!", "nem sei"]
    found, names = open_model("cascade", 0.07).predict_with_source(texts)  # type: ignore[attr-defined]
    certainty = load("fast").predict(texts).max(axis=1)
    again = {place for place, name in enumerate(names) if name == ACCURATE}
    assert again == set(np.argsort(certainty)[:2].tolist())
    np.testing.assert_allclose(found, load("fast").predict(texts), atol=1e-6)


def test_lineage_names_all_that_decides_and_nothing_else(artifacts: Path) -> None:
    assert lineage("fast", 1) == lineage("fast", 2) == FAST
    assert lineage("cascade", 1) != lineage("cascade", 2)
    before = lineage("cascade", 1)
    package(artifacts, "accurate", "4")
    assert lineage("cascade", 1) != before


def test_a_cascade_without_its_models_says_which_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "ARTIFACTS", tmp_path)
    package(tmp_path, "fast")
    for ask in (open_model, lineage):
        with pytest.raises(UnknownModelError, match=r"'accurate'; there are: fast"):
            ask("cascade", 1)
