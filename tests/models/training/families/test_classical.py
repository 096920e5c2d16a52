"""TF-IDF with logistic regression, and naive Bayes, on made-up rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.text.chain import Chain
from models.training.config import Config, ConfigError, read_config
from models.training.data.balance import row_weights
from models.training.data.catalogue import DataError
from models.training.families.classical import TrainedEstimator, train_naive_bayes, train_tfidf
from models.training.job import Job

Train = Callable[[Job], TrainedEstimator]
BOTH = pytest.mark.parametrize("train", [train_tfidf, train_naive_bayes])
TEXTS = ["copo ótimo", "prato horrível", "mesa azul", ""]


def job(rows: pd.DataFrame, tmp_path: Path, weight: float = 1.0, **settings: object) -> Job:
    config = Config.model_validate({"name": "tiny", "family": "tfidf", "text": {"steps": ["mentions"]}} | settings)
    labels = rows["label"].map({"negative": 0, "neutral": 1, "positive": 2})
    frame = rows.assign(label=labels, dataset="one", language="pt", kind="review", weight=weight, part="train")
    return Job(config, frame, tmp_path)


@BOTH
def test_it_learns(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    logits = train(job(rows, tmp_path)).logits(TEXTS, ["pt"] * 4)
    assert (logits.shape, logits.dtype) == ((4, 3), np.float32)
    assert logits.argmax(axis=1).tolist()[:3] == [2, 0, 1]
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)


@BOTH
def test_the_same_rows_give_the_same_model(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    first, second = (train(job(rows, tmp_path)).logits(TEXTS, None) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@BOTH
def test_only_the_rows_of_part_train_are_learnt_from(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    whole = job(rows, tmp_path)
    other = whole.frame.assign(label=2 - whole.frame["label"], part="held_out")
    more = Job(whole.config, pd.concat([whole.frame, other], ignore_index=True), tmp_path)
    np.testing.assert_array_equal(train(whole).logits(TEXTS, None), train(more).logits(TEXTS, None))


@BOTH
def test_texts_are_cleaned_alike_in_training_and_after(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    trained = train(job(rows, tmp_path))
    logits = trained.logits(["@ana copo ótimo", "@rui copo ótimo"], None)
    np.testing.assert_array_equal(logits[0], logits[1])


@BOTH
def test_steps_of_the_chain_are_switched_on_by_the_configuration(
    train: Train, rows: pd.DataFrame, tmp_path: Path
) -> None:
    network = {"stem": True, "stop_words": True, "tokeniser": "blanks"}
    plain, switched = (train(job(rows, tmp_path, network=one)) for one in ({}, network))
    assert switched.chain == Chain(clean=("mentions",), **network)
    for trained, same in ((plain, False), (switched, True)):
        logits = trained.logits(["os copos lindos", "copo lindo"], ["pt", "pt"])
        assert np.array_equal(logits[0], logits[1]) == same


@BOTH
def test_rates_weigh_the_rows_of_a_data_set(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    """The same texts with opposite labels in two data sets: the one with the higher rate wins."""
    first = job(rows, tmp_path).frame
    both = pd.concat([first, first.assign(label=2 - first["label"], dataset="two")], ignore_index=True)
    answers = []
    for rates in ({"one": 5.0}, {"two": 5.0}):
        config = job(rows, tmp_path, data={"rates": rates}).config
        answers.append(train(Job(config, both, tmp_path)).logits(["ótimo"], ["pt"]).argmax())
    assert answers == [2, 0]


@pytest.mark.parametrize("name", ["tfidf", "naive_bayes"])
def test_the_configurations_that_are_there_can_be_used(name: str, rows: pd.DataFrame, tmp_path: Path) -> None:
    train = {"tfidf": train_tfidf, "naive_bayes": train_naive_bayes}[name]
    config = read_config(name)
    assert config.family == name
    assert train(Job(config, job(rows, tmp_path).frame, tmp_path)).chain.clean == config.text.steps


@BOTH
@pytest.mark.parametrize("network", [{"colour": 1}, {"most_features": 0}])
def test_a_setting_that_is_unknown_or_out_of_bounds_is_refused(
    train: Train, network: dict[str, int], rows: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"tiny.*\n{next(iter(network))}"):
        train(job(rows, tmp_path, network=network))


@BOTH
def test_rows_without_one_of_the_labels_are_refused(train: Train, rows: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training row is labelled neutral"):
        train(job(rows[rows["label"] != "neutral"], tmp_path))


def test_rare_labels_weigh_more() -> None:
    frame = pd.DataFrame({"dataset": "one", "label": [0] * 9 + [2]})
    rates = np.ones(10)
    full, half, none = (row_weights(frame, rates, balance) for balance in (1.0, 0.5, 0.0))
    assert full[9] == pytest.approx(9 * full[0])
    assert half[9] == pytest.approx(3 * half[0])
    assert none.tolist() == [1.0] * 10


def test_the_mean_weight_of_what_is_taken_is_one() -> None:
    frame = pd.DataFrame({"dataset": ["one"] * 4 + ["two"] * 2, "label": [0, 0, 0, 1, 2, 2]})
    rates = np.array([1.0, 1.0, 1.0, 1.0, 3.0, 3.0])
    assert np.average(row_weights(frame, rates, 1.0), weights=rates) == pytest.approx(1)
