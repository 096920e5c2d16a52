"""Two readings: who reads what, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.sentiment import artifact
from models.sentiment.artifact import MANIFEST, sha256
from models.sentiment.contract import LABELS, ArtifactError
from models.sentiment.loading import open_artifact
from models.sentiment.staged import BRIEF, Staged, Sure
from tests.artefacts import package

SURE, UNSURE = [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]
SECOND = [0.0, 1.0, 0.0]


class Says:
    """Gives each text the row that is its own, or the one of all, and remembers what it was given."""

    labels = LABELS

    def __init__(self, name: str, rows: dict[str, list[float]]) -> None:
        self.name, self.version, self.rows = name, f"{name}-1", rows
        self.given: list[tuple[list[str], list[str] | None, list[str] | None]] = []

    def predict(
        self, texts: Sequence[str], languages: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> np.ndarray:
        self.given.append((list(texts), languages and list(languages), kinds and list(kinds)))
        return np.array([self.rows[text] for text in texts], np.float32).reshape(-1, 3)


@pytest.fixture
def first() -> Says:
    return Says("fast", {"sure": SURE, "unsure": UNSURE})


@pytest.fixture
def second() -> Says:
    return Says("slow", {"sure": SECOND, "unsure": SECOND})


def test_what_the_first_is_sure_of_is_not_read_again(first: Says, second: Says) -> None:
    both = Staged(first, second, Sure(usually=0.8, turned=0.9), share=0.25)
    scored = both.predict(["unsure", "sure", "unsure"], ["pt", "en", "es"], ["post", "news", "review"])
    assert second.given == [(["unsure", "unsure"], ["pt", "es"], ["post", "review"])]
    mixed = [0.125, 0.825, 0.05]
    np.testing.assert_allclose(scored, [mixed, SURE, mixed], atol=1e-7)


def test_a_word_that_may_turn_the_others_asks_for_more(first: Says, second: Says) -> None:
    first.rows |= (told := {"not sure": SURE, "sure, but": [0.04, 0.05, 0.91], "nothing": [0.0, 0.1, 0.9]})
    second.rows |= dict.fromkeys(told, SECOND)
    Staged(first, second, Sure(usually=0.8, turned=0.9), share=0.25).predict([*told, "sure"])
    assert [texts for texts, _, _ in second.given] == [["not sure"]]


def test_a_brief_text_with_such_a_word_has_a_bar_of_its_own(first: Says, second: Says) -> None:
    brief, longer = "not sure, ".ljust(BRIEF, "x"), "not sure, ".ljust(BRIEF + 1, "x")
    rows = {text: [0.04, 0.05, 0.91] for text in (brief, longer, "sure".ljust(BRIEF, "x"))}
    first.rows |= rows
    second.rows |= dict.fromkeys(rows, SECOND)
    Staged(first, second, Sure(0.8, 0.9, brief=0.95), share=0.0).predict([*rows])
    assert [texts for texts, _, _ in second.given] == [[brief]]
    assert Sure(0.8, 0.95, brief=0.9).of(first.predict([*rows]), [*rows]).tolist() == [True, False, True]
    assert not Sure(0.8, 0.9, brief=1.0).of(np.array([[0.0, 0.01, 0.99]]), ["no"])


def test_the_mixture_has_a_temperature_of_its_own(first: Says, second: Says) -> None:
    scored = Staged(first, second, Sure(0.8, 0.9), share=0.25, temperature=0.5).predict(["unsure", "sure"])
    squared = np.array([0.125, 0.825, 0.05]) ** 2
    np.testing.assert_allclose(scored, [squared / squared.sum(), SURE], atol=1e-6)


def test_nothing_to_read_again_is_no_call(first: Says, second: Says) -> None:
    both = Staged(first, second, Sure(usually=0.8, turned=0.9), share=0.25)
    assert both.predict(["sure"]).tolist() == np.array([SURE], np.float32).tolist()
    assert both.predict([]).shape == (0, 3)
    assert second.given == []


def test_it_goes_by_the_name_of_the_second(first: Says, second: Says) -> None:
    both = Staged(first, second, Sure(usually=0.8, turned=0.9), share=0.25)
    assert (both.name, both.version, both.labels) == ("slow", "slow-1", LABELS)


def test_three_read_one_after_another_under_the_name_of_the_middle_one(first: Says, second: Says) -> None:
    second.rows = {"unsure": [0.2, 0.4, 0.4], "clear": [0.0, 0.1, 0.9]}
    first.rows["clear"] = UNSURE
    third = Says("slowest", {"unsure": [1.0, 0.0, 0.0]})
    two = Staged(first, second, Sure(0.7, 0.9), share=0.0)
    three = Staged(two, third, Sure(0.6, 0.6), share=0.5, known_as=second)
    scored = three.predict(["sure", "unsure", "clear"], ["pt", "en", "es"], ["post", "news", "post"])
    np.testing.assert_allclose(scored, [SURE, [0.6, 0.2, 0.2], [0.0, 0.1, 0.9]], atol=1e-6)
    assert second.given == [(["unsure", "clear"], ["en", "es"], ["news", "post"])]
    assert third.given == [(["unsure"], ["en"], ["news"])]
    assert (three.name, three.version) == ("slow", "slow-1")


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two copies of a shipped model, the second of which reads after the first."""
    monkeypatch.setattr(artifact, "ARTIFACTS", tmp_path)
    quick = package(tmp_path, "quick")
    sure = {"usually": 0.9, "turned": 0.95}
    before = {"sure_from": sure, "model": "quick", "version": "1", "sha256": sha256(quick / MANIFEST), "share": 0.5}
    return package(tmp_path, "slow", serving={"first": before})


def test_a_packaged_model_names_the_one_before_it(packaged: Path) -> None:
    model = open_artifact(packaged)
    assert isinstance(model, Staged)
    assert (model.first.version, model.version) == ("quick-1", "slow-1")
    texts = ["I love it", "A loja abre às nove", "mais ou menos, podia ser pior"]
    np.testing.assert_allclose(model.predict(texts), model.first.predict(texts), atol=1e-6)


def test_a_later_version_of_the_first_changes_nothing(packaged: Path) -> None:
    package(packaged.parents[1], "quick", version="2")
    model = open_artifact(packaged)
    assert isinstance(model, Staged)
    assert model.first.version == "quick-1"


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_without_the_very_first_it_is_refused(packaged: Path, harm: str) -> None:
    manifest = packaged.parents[1] / "quick" / "1" / MANIFEST
    if harm == "gone":
        manifest.parent.rename(manifest.parents[1] / "3")
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"unsure_below": 0.4}))
    with pytest.raises(ArtifactError, match=r"reads together with quick-1, and .*quick/1 is not there as it was"):
        open_artifact(packaged)
