"""The experiments: their arithmetic, that they go on where they broke, and a page that is made of numbers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.text.clean import STEPS, cleaner
from models.training.config import Config, Schedule, Text, read_config
from models.training.experiments import ablation, gradients, page
from models.training.experiments.runs import Runs, fingerprint, subset
from models.training.families.sequence import build
from models.training.networks.pretrained import Vocabulary
from models.training.networks.tokens import Tokenizer

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁good", "▁bad", "▁cup", "▁red"]
VOCABULARY = Vocabulary(PIECES, np.full(len(PIECES), -2, np.float32))
TINY = Config(
    name="tiny",
    family="simple_rnn",
    network={"width": 4, "units": 4},
    text=Text(buckets=(16,), batch_tokens=512),
    schedule=Schedule(round_rows=100),
)


def frame(rows: int = 150) -> pd.DataFrame:
    parts = ["train", "held_out", "calibration"]
    return pd.DataFrame(
        {
            "text": [f"{('bad', 'cup', 'good')[row % 3]} {'red cup ' * (row % 7)}{row}" for row in range(rows)],
            "label": [row % 3 for row in range(rows)],
            "part": [parts[row // 3 % 3] for row in range(rows)],
            "evaluate": [row % 10 != 0 for row in range(rows)],
            "dataset": "made up",
            "language": "en",
            "kind": "post",
            "weight": 1.0,
        }
    )


def test_the_gradient_of_one_unit_follows_the_chain_rule() -> None:
    network = build(TINY.model_copy(update={"network": {"width": 4, "units": 1}}), len(PIECES))
    ids = np.array([[5, 6, 7, 8, 5], [8, 8, 6, 5, 7]], np.int32)
    found = gradients.norms(network, ids, np.array([0, 2]))
    into, again, bias = (np.asarray(weight) for weight in network.get_layer("states_0").get_weights())
    words = np.asarray(network.get_layer("words")(ids))
    state, factors = np.zeros((2, 1)), []
    for place in range(5):
        state = np.tanh(words[:, place] @ into + state @ again + bias)
        factors.append(np.abs(again * (1 - state**2))[:, 0])
    np.testing.assert_allclose(found[:, :-1], found[:, 1:] * np.stack(factors[1:], axis=1), rtol=1e-4)
    head = np.asarray(network.get_layer("head").get_weights()[0])
    shares = np.exp(network.predict(ids, verbose=0))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[:, -1], np.abs((shares - np.eye(3)[[0, 2]]) @ head.T)[:, 0], rtol=1e-4)


@pytest.mark.parametrize("family", ["simple_rnn", "lstm", "gru"])
def test_gradients_reach_every_token_of_an_untrained_network(family: str) -> None:
    network = build(TINY.model_copy(update={"family": family}), len(PIECES))
    found = gradients.norms(network, np.array([[5, 6, 7, 8]] * 2, np.int32), np.array([0, 1]))
    assert found.shape == (2, 4)
    assert (found > 0).all()


def test_only_texts_that_are_long_enough_are_measured() -> None:
    texts = pd.DataFrame({"text": ["good cup", "good " * 9, "bad " * 30, "cup"], "label": [0, 1, 2, 0]})
    tokenizer = Tokenizer(VOCABULARY, cleaner(()))
    ids, labels = gradients.long_texts(tokenizer, texts, 10, 9)
    assert ids.shape == (2, 10)
    assert sorted(labels) == [1, 2]
    with pytest.raises(ValueError, match="no held-out text has 99 tokens"):
        gradients.long_texts(tokenizer, texts, 99, 9)


def test_gradients_are_measured_before_and_after_training(tmp_path: Path) -> None:
    plan = gradients.Plan(tokens=10, texts=8)
    (run,) = gradients.measure(plan, [TINY], subset(frame(), 100, 100), VOCABULARY, Runs(tmp_path))
    assert (run["network"], run["seed"]) == (TINY.name, TINY.seed)
    for when in ("before", "after"):
        assert len(run[when]["norm"]) == 10
        assert run[when]["share"][-1] == 1
    assert run["before"] != run["after"]


def test_the_trials_of_gradients_are_networks_of_one_size() -> None:
    found = list(gradients.trials(gradients.Plan(seeds=(1, 2), epochs=0.5)))
    assert [(one.name, one.seed) for one in found] == [(name, seed) for name in gradients.NETWORKS for seed in (1, 2)]
    assert {(one.network["units"], one.network["width"], one.schedule.epochs) for one in found} == {(96, 96, 0.5)}
    assert [one.name for one in found if not one.network["orthogonal"]] == [gradients.UNIFORM] * 2


@pytest.mark.parametrize("family", ablation.NETWORKS)
def test_a_variant_differs_from_its_base_in_one_thing(family: str) -> None:
    (name, base), *others = ablation.variants(read_config(family))
    assert name == page.BASE
    assert base == read_config(family)
    names = [name for name, _ in others]
    assert {"without dropout", "without l2", "without augmentation"} <= set(names)
    assert ("without recurrent dropout" in names) == (family == "gru")
    assert all(any(name.endswith(f"step {step}") for name in names) for step in STEPS)
    for _, config in others:
        left, right = base.model_dump(), config.model_dump()
        assert sum(left[key] != right[key] for key in left) == 1


def test_an_ablation_scores_held_out_rows(tmp_path: Path) -> None:
    (run,) = ablation.measure([("base", TINY)], subset(frame(), 100, 100), VOCABULARY, Runs(tmp_path))
    assert (run["family"], run["variant"], run["seed"]) == ("simple_rnn", "base", TINY.seed)
    assert 0 <= run["macro_f1"] <= 100


def test_macro_f1_counts_groups_alike() -> None:
    rows = pd.DataFrame({"label": [0, 1, 2, 0, 1, 2, 0, 1], "language": ["en"] * 6 + ["pt"] * 2, "kind": "post"})
    assert ablation.macro_f1(rows, np.array([0, 1, 2, 0, 1, 2, 1, 0])) == pytest.approx(50)


def test_a_subset_holds_no_calibration_rows_and_is_the_same_each_time() -> None:
    small = subset(frame(1500), 120, 40)
    assert small["part"].value_counts().to_dict() == {"train": 120, "held_out": 40}
    assert small.loc[small["part"] == "held_out", "evaluate"].all()
    assert fingerprint(small) == fingerprint(subset(frame(1500), 120, 40)) != fingerprint(subset(frame(1500), 121, 40))


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    ran = []

    def run(folder: Path) -> dict[str, Any]:
        (folder / "checkpoint").touch()
        ran.append(folder)
        return {"score": len(ran)}

    runs = Runs(tmp_path)
    assert [runs.numbers("a", {"seed": seed}, run)["score"] for seed in (1, 1, 2)] == [1, 1, 2]
    assert [path.suffix for path in tmp_path.iterdir()] == [".json", ".json"]


def test_a_run_that_broke_finds_its_checkpoints(tmp_path: Path) -> None:
    def broken(folder: Path) -> dict[str, Any]:
        (folder / "checkpoint").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runs(tmp_path).numbers("a", {}, broken)
    assert Runs(tmp_path).numbers("a", {}, lambda folder: {"there": (folder / "checkpoint").exists()}) == {
        "there": True
    }


def write(out: Path, quick: bool = False, factor: float = 0.5) -> None:
    def curve(last: float, factor: float) -> dict[str, list[float]]:
        shares = [factor ** (11 - place) for place in range(12)]
        return {"norm": [last * share for share in shares], "share": shares}

    vanishing = [
        {
            "network": name,
            "seed": seed,
            "texts": 8,
            "accuracy": 0.5,
            "before": curve(0.1, factor),
            "after": curve(0.2, 0.9),
        }
        for name in ("simple_rnn", "lstm")
        for seed in (1, 2)
    ]
    plan = {"tokens": 12, "rows": 1000, "epochs": 1.0, "seeds": [1, 2], "quick": quick, "held_out": 50}
    scores = {"base": [60.0, 62.0], "without dropout": [58.0, 61.0]}
    runs = [
        {"family": "cnn", "variant": variant, "seed": seed, "macro_f1": score}
        for variant, values in scores.items()
        for seed, score in enumerate(values)
    ]
    (page.folder(out) / page.GRADIENTS).write_text(json.dumps({"plan": plan, "runs": vanishing}))
    (page.folder(out) / page.ABLATION).write_text(json.dumps({"plan": plan, "runs": runs}))


def test_the_page_is_made_of_the_numbers_alone(tmp_path: Path) -> None:
    write(tmp_path)
    text = page.render(tmp_path).read_text(encoding="utf-8")
    assert "| SimpleRNN | before | 0.00098 | 0.00049 | 0.1 |" in text
    assert "| LSTM | after | 0.35 | 0.31 | 0.2 |" in text
    assert "| base | 61.0 ± 1.4 |  |" in text
    assert "| without dropout | 59.5 ± 2.1 | -1.5 ± 0.7 |" in text
    assert "quick run" not in text
    assert page.render(tmp_path).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("name", "shows"), [(page.CHART, "SimpleRNN"), (page.DIFFERENCES, "without dropout")])
def test_a_chart_is_drawn_beside_the_page_and_alike_each_time(name: str, shows: str, tmp_path: Path) -> None:
    write(tmp_path)
    text = page.render(tmp_path).read_text(encoding="utf-8")
    chart = page.folder(tmp_path) / name
    drawn = chart.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert shows in drawn
    assert f"({chart.relative_to(tmp_path).as_posix()})" in text
    page.render(tmp_path)
    assert chart.read_text(encoding="utf-8") == drawn


def test_what_has_vanished_is_neither_drawn_nor_rounded_to_something(tmp_path: Path) -> None:
    write(tmp_path, factor=1e-3)
    text = page.render(tmp_path).read_text(encoding="utf-8")
    assert "| SimpleRNN | before | < 1e-12 | < 1e-12 | 0.1 |" in text


def test_a_quick_run_says_so_and_an_experiment_may_be_missing(tmp_path: Path) -> None:
    write(tmp_path, quick=True)
    (page.folder(tmp_path) / page.GRADIENTS).unlink()
    text = page.render(tmp_path).read_text(encoding="utf-8")
    assert "quick run" in text
    assert "vanishing" not in text
