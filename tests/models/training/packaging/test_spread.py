"""The spread of a model: what is known to be in made-up sources is found, and it is written where it is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.sentiment import artifact
from models.sentiment.artifact import ARTIFACTS, MANIFEST, folder_of, stage_folder, verify
from models.sentiment.spread import ALL, Answers, Spread, Tau
from models.training.packaging.package import former
from models.training.packaging.spread import (
    FEWEST_SETS,
    NEW_TO_KNOWN,
    Source,
    SpreadError,
    answers,
    doubt,
    fitted_shares,
    measure,
    sources,
    squared_errors,
    write,
)

SPREAD = Spread(
    {ALL: Tau((0.14, 0.09, 0.12, 0.09), 30, 0.3)},
    {ALL: Tau((0.2, 0.1, 0.2, 0.1), 9, 0.4)},
    Answers(np.full(6, 1 / 3), np.eye(6) / 100, np.ones((3, 2, 2)) / 20),
)


def certain(name: str, seed: int, said_of_neutral: float = 0.0, rows: int = 600, group: str = "en post") -> Source:
    """A source of which all is answered as people did, but a share of the neutral texts is called negative."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, rows, p=[0.3, 0.4, 0.3])
    called = np.where((labels == 1) & (random.random(rows) < said_of_neutral), 0, labels)
    return Source(name, group, np.eye(3)[called], labels)


def test_a_model_that_answers_as_people_do_is_off_by_nothing() -> None:
    spread = measure([certain(f"s{seed}", seed) for seed in range(8)], {f"s{seed}" for seed in range(8)})
    assert max(spread.known[ALL].values) < 0.01
    np.testing.assert_allclose(spread.answers.centre, [1, 0, 0, 0, 0, 1], atol=1e-6)


def test_what_sources_are_off_by_is_found() -> None:
    found = [certain(f"s{seed}", seed, seed / 10) for seed in range(8)]
    as_they_are = squared_errors(found[7], np.array([1e6 * 0.3, 1e6 * 0.4, 1e6 * 0.3]))
    np.testing.assert_allclose(np.sqrt(as_they_are), [0.28, 0.28, 0.28, 0], atol=0.03)
    mixed = squared_errors(found[7], np.array([1e-3, 1e6, 1e-3]))
    assert np.sqrt(2 * mixed[1] - as_they_are[1]) == pytest.approx(0.7, abs=0.07)
    tau = measure(found, {one.name for one in found}).known[ALL]
    assert 0.12 < tau.values[1] < 0.25
    assert tau.sets == 8


def test_sampling_adds_nothing_to_tau() -> None:
    random = np.random.default_rng(1)
    found = []
    for name in range(40):
        scores = random.dirichlet([1, 1, 1], 60)
        labels = np.array([random.choice(3, p=row) for row in scores])
        found.append(Source(str(name), "en post", scores, labels))
    mixing = np.array([1e7, 1e7, 1e7])
    squares = np.array([squared_errors(one, mixing) for one in found])
    assert (np.abs(squares.mean(axis=0)) < 3 * squares.std(axis=0, ddof=1) / np.sqrt(40) + 1e-3).all()


def test_new_sources_count_beside_what_is_expected_of_them() -> None:
    known = [certain(f"s{seed}", seed, 0.3) for seed in range(8)]
    none = measure(known, {one.name for one in known})
    np.testing.assert_allclose(none.new[ALL].values[:3], NEW_TO_KNOWN * np.array(none.known[ALL].values[:3]), rtol=1e-3)
    off = measure([*known, *(certain(f"n{seed}", seed, 0.9) for seed in range(9))], {one.name for one in known})
    assert off.new[ALL].values[1] > none.new[ALL].values[1]
    assert off.new[ALL].sets == none.new[ALL].sets + 9


def test_the_doubt_that_sources_leave_is_found() -> None:
    labels = np.repeat([0, 1, 2], 200)
    scores = np.array([[0.8, 0, 0.2], [0, 1, 0], [0, 0, 1]])[labels]
    source = Source("a", "en post", scores, labels)
    of_negative = 1 - 0.6**2
    assert doubt(source, np.array([1e6, 1e6, 1e6])) == pytest.approx(of_negative / 3)
    assert doubt(source, np.array([0, 1e6, 1e6])) == pytest.approx(of_negative / 6)
    found = [Source(str(place), "en post", scores, labels) for place in range(FEWEST_SETS)]
    spread = measure(found, {one.name for one in found})
    assert spread.known[ALL].doubt == pytest.approx(of_negative / 3, rel=1e-3)
    assert spread.new[ALL].doubt == pytest.approx(spread.known[ALL].doubt)


def test_languages_and_kinds_have_their_own_where_there_are_enough_sets() -> None:
    posts = [certain(f"p{seed}", seed, 0.5) for seed in range(FEWEST_SETS)]
    news = [certain(f"n{seed}", seed, group="pt news") for seed in range(FEWEST_SETS - 1)]
    spread = measure([*posts, *news], {one.name for one in [*posts, *news]})
    assert set(spread.known) == {ALL, "en post"}
    assert spread.known["en post"].values[1] > spread.known[ALL].values[1]


def test_too_few_sources_are_told() -> None:
    with pytest.raises(SpreadError, match=r"only 2 data sets .* takes 6: label more"):
        measure([certain(f"s{seed}", seed) for seed in range(8)], {"s0", "s1"})


def test_a_source_has_all_three_labels() -> None:
    rows = pd.DataFrame({"dataset": ["three"] * 60 + ["two"] * 60, "language": "pt", "kind": "news"})
    rows["label"] = [0, 1, 2] * 20 + [0, 2] * 30
    (found,) = sources(rows, np.full((120, 3), 1 / 3))
    assert (found.name, found.group) == ("three", "pt news")
    np.testing.assert_allclose(found.shares, 1 / 3)


def test_shares_of_labels_are_fitted() -> None:
    drawn = np.random.default_rng(2).dirichlet([2, 4, 1], 4_000)
    np.testing.assert_allclose(fitted_shares(drawn), [2, 4, 1], rtol=0.1)


def test_what_is_answered_varies_between_sources_and_within() -> None:
    random, centre = np.random.default_rng(3), np.array([[5.0, 3, 2], [3, 4, 3], [2, 3, 5]])
    found = []
    for name in range(60):
        labels = np.repeat([0, 1, 2], 100)
        moved = centre + random.normal(0, [0.6, 0, 0], 3)
        found.append(
            Source(str(name), "en post", np.array([random.dirichlet(moved[label]) for label in labels]), labels)
        )
    got = answers(found)
    np.testing.assert_allclose(got.centre, [0.5, 0.2, 0.3, 0.3, 0.2, 0.5], atol=0.02)
    np.testing.assert_allclose(got.within[0, 0, 0], 0.5 * 0.5 / 11, rtol=0.1)
    assert np.sqrt(got.between[0, 0]) == pytest.approx(0.6 * 0.5 / 10, rel=0.4)
    assert (np.linalg.eigvalsh(got.between) > 0).all()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packaged models in a place of their own."""
    shelf = Path(shutil.copytree(ARTIFACTS, tmp_path / "artifacts"))
    for module in ("models.sentiment.artifact", "models.training.packaging.spread"):
        monkeypatch.setattr(f"{module}.ARTIFACTS", shelf)
    return shelf


@pytest.mark.usefixtures("shelf")
def test_it_is_written_into_manifest_and_card_and_nothing_else_changes() -> None:
    folder = folder_of("fast")
    before, weights = verify(folder), (folder / "saved_model.pb").read_bytes()
    write(folder, SPREAD)
    after = verify(folder)
    read = artifact.spread("fast")
    assert read is not None
    assert read.new[ALL].values == SPREAD.new[ALL].values
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed <= {"spread", "sha256"}
    assert {file for file, digest in after["sha256"].items() if digest != before["sha256"][file]} <= {"MODEL_CARD.md"}
    assert (folder / "saved_model.pb").read_bytes() == weights
    assert "| new, all | 9 | 0.400 | 0.200 | 0.100 | 0.200 | 0.100 |" in (folder / "MODEL_CARD.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(("stage", "name"), [("first", "fast"), ("last", "accurate")])
def test_a_model_that_reads_before_or_after_it_still_finds_it(stage: str, name: str) -> None:
    write(folder_of(name), SPREAD)
    balanced = folder_of("balanced")
    assert stage_folder(balanced, verify(balanced)["serving"][stage]) == folder_of(name)


def test_a_version_that_is_gone_is_remembered_by_those_after_it(shelf: Path) -> None:
    last = folder_of("fast")
    numbers = [str(number + 1) for number in range(int(last.name))]
    following = shelf / "fast" / str(len(numbers) + 1)
    shutil.copytree(last, following)
    were = {f"fast-{number}": artifact.spread_of(f"fast-{number}") for number in numbers}
    manifest = json.loads((following / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"version": following.name, "former": former(shelf / "fast")}
    (following / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert list(manifest["former"]) == numbers
    shutil.rmtree(last)
    for version, before in were.items():
        after = artifact.spread_of(version)
        assert before is not None
        assert after is not None
        assert after.new[ALL] == before.new[ALL]
    assert artifact.spread_of("fast-99") is None
    assert artifact.spread_of("nobody-1") is None


@pytest.mark.usefixtures("shelf")
def test_a_model_without_one_claims_nothing() -> None:
    path = folder_of("fast") / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest.pop("spread", None)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert artifact.spread("fast") is None
    path.write_text(json.dumps(manifest | {"spread": {}}), encoding="utf-8")
    with pytest.raises(artifact.ArtifactError, match="no usable spread"):
        artifact.spread("fast")
