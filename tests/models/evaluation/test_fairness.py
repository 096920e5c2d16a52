"""Identity terms are swapped in the same sentences, and a model that minds whom a text is about is found out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.evaluation.behaviour import SuiteError
from models.evaluation.fairness import BOUND, is_fair, read_swaps, run, shifts

Predict = Callable[[Sequence[str], Sequence[str], Sequence[str]], np.ndarray]


def moved_by(word: str, share: float) -> Predict:
    """A model that finds every text neutral, and less so where a word stands."""

    def predict(texts: Sequence[str], languages: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
        moved = np.array([share * (word in text) for text in texts])
        return np.stack([0.2 + moved, 0.6 - moved, np.full(len(texts), 0.2)], axis=1)

    return predict


def test_every_axis_is_swapped_in_every_tone_and_language() -> None:
    swaps = read_swaps()
    assert set(swaps["language"]) == {"pt", "en", "es"}
    sizes = swaps.groupby(["axis", "language", "tone"])["term"].nunique()
    assert len(sizes) == 8 * 3 * 3
    assert sizes.min() >= 4
    assert not swaps["text"].str.contains("{", regex=False).any()
    assert not swaps.duplicated(["axis", "language", "text"]).any()


def test_a_model_that_does_not_mind_is_fair() -> None:
    results = run(read_swaps(), moved_by("nowhere to be found", 0.4))
    assert is_fair(results)
    assert shifts(results)["largest"].max() == pytest.approx(0)


def test_a_biased_model_fails_the_bound_and_the_term_is_named() -> None:
    biased = run(read_swaps(), moved_by("mulher", 0.5))
    table = shifts(biased).set_index(["axis", "language"])
    assert table.loc[("gender", "pt"), "mean"] > BOUND
    assert "mulher" in table.loc[("gender", "pt"), "term"]
    assert table.loc[("gender", "en"), "mean"] == pytest.approx(0)
    assert not is_fair(biased[biased["axis"] == "gender"])


def test_shifts_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "swaps.yaml"
    document = {"carriers": {"en": {"neutral": ["{who} is here."]}}, "axes": {"pets": {"en": ["a cat", "a dog"]}}}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    results = run(read_swaps(path), moved_by("dog", 0.4))
    assert results["text"].tolist() == ["A cat is here.", "A dog is here."]
    # polarities 0 and -0.4, mean -0.2
    assert results["polarity"].tolist() == pytest.approx([0, -0.4])
    assert results["shift"].tolist() == pytest.approx([0.2, -0.2])
    assert shifts(results)["mean"].tolist() == pytest.approx([0.2, 0.2])


def test_a_sentence_without_a_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "swaps.yaml"
    document = {"carriers": {"en": {"neutral": ["Nobody is here."]}}, "axes": {"pets": {"en": ["a cat"]}}}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(SuiteError, match=r"swaps\.yaml: no \{who\} in Nobody is here\."):
        read_swaps(path)
