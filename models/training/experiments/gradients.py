"""The vanishing gradient, measured: how much of the loss's gradient reaches each token of real texts.

Run ``python -m models.training.experiments.gradients --data FOLDER --out docs``. The gradient is that of the
cross-entropy after the last token with respect to the state after each token (Bengio et al., 1994,
https://doi.org/10.1109/72.279181), the cell of the LSTM included. It is taken with TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import pandas as pd
import typer

from models.text.clean import cleaner
from models.training.config import Config, read_config
from models.training.data.catalogue import CATALOGUE, read_catalogue
from models.training.data.rows import load_rows
from models.training.experiments import page
from models.training.experiments.runs import CACHE, Runs, fingerprint, subset, write_json
from models.training.families.sequence import build, train_sequence, vocabulary_for
from models.training.job import Job
from models.training.networks.pretrained import Vocabulary
from models.training.networks.tokens import Tokenizer

UNIFORM = "simple_rnn_uniform"
NETWORKS = ("simple_rnn", UNIFORM, "lstm", "gru")
"""Families; and the SimpleRNN as it was before recurrent kernels were started orthogonal."""


@dataclass(frozen=True)
class Plan:
    """How much is measured, and how long the networks train in between."""

    tokens: int = 40
    texts: int = 512
    rows: int = 18_000
    epochs: float = 2.0
    seeds: tuple[int, ...] = (1, 2, 3)
    quick: bool = False


QUICK = Plan(texts=128, rows=3_000, epochs=1.0, seeds=(1,), quick=True)


def trials(plan: Plan) -> Iterator[Config]:
    """Every network, by its name, with every seed."""
    for name in NETWORKS:
        config = read_config("simple_rnn" if name == UNIFORM else name)
        network = config.network | {"layers": 1, "orthogonal": name != UNIFORM}
        schedule = config.schedule.model_copy(update={"epochs": plan.epochs, "patience": None})
        for seed in plan.seeds:
            changes = {"name": name, "seed": seed, "network": network, "schedule": schedule}
            yield config.model_copy(update=changes)


def measure(
    plan: Plan, trials: Iterable[Config], rows: pd.DataFrame, vocabulary: Vocabulary, runs: Runs
) -> list[dict[str, Any]]:
    """Train each trial on the rows; for each its name, seed, and the norms on held-out texts before and after."""
    found = []
    alone = asdict(replace(plan, seeds=()))
    for config in trials:
        settings = {"plan": alone, "config": config.model_dump(mode="json"), "rows": fingerprint(rows)}
        name = f"gradients-{config.name}-{config.seed}"
        numbers = runs.numbers(name, settings, partial(_run, config, plan, rows, vocabulary))
        found.append({"network": config.name, "seed": config.seed, **numbers})
    return found


def norms(network: keras.Model, ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gradient norms float32 [n, tokens] of each text's loss by the state after each token.

    ``network`` has one recurrent layer; ``ids`` int32 [n, tokens] have no padding, ``labels`` are int [n].
    """
    import tensorflow as tf

    cell = network.get_layer("states_0").cell
    words = network.get_layer("words")(ids)
    states = cell.get_initial_state(batch_size=len(ids))
    with tf.GradientTape() as tape:
        trail = []
        for place in range(ids.shape[1]):
            _, states = cell(words[:, place], states)
            # One tensor a step, through which all later ones are reached.
            trail.append(tf.concat(states, axis=1))
            states = tf.split(trail[-1], len(states), axis=1)
        logits = network.get_layer("head")(states[0])
        loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
    return np.stack([tf.norm(one, axis=1).numpy() for one in tape.gradient(loss, trail)], axis=1)


def long_texts(tokenizer: Tokenizer, held_out: pd.DataFrame, tokens: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The heads of texts of at least that many tokens, ids int32 [n, tokens], and their labels int [n].

    Raises:
        ValueError: no text is that long.
    """
    windows = tokenizer.windows(held_out["text"].tolist(), tokens)
    places = [place for place, one in enumerate(windows) if len(one) == tokens]
    if not places:
        raise ValueError(f"no held-out text has {tokens} tokens")
    chosen = np.random.default_rng(0).permutation(places)[:most]
    return np.array([windows[place] for place in chosen], np.int32), held_out["label"].to_numpy()[chosen]


def _run(config: Config, plan: Plan, frame: pd.DataFrame, vocabulary: Vocabulary, cache: Path) -> dict[str, Any]:
    tokenizer = Tokenizer(vocabulary, cleaner(config.text.steps))
    ids, labels = long_texts(tokenizer, frame[frame["part"] == "held_out"], plan.tokens, plan.texts)
    before = norms(build(config, len(vocabulary.pieces)), ids, labels)
    trained = train_sequence(Job(config, frame, cache), vocabulary)
    after = norms(trained.network, ids, labels)
    right = np.argmax(np.asarray(trained.network.predict_on_batch(ids)), axis=1) == labels
    return {"texts": len(ids), "accuracy": float(right.mean()), "before": _by_token(before), "after": _by_token(after)}


def _by_token(found: np.ndarray) -> dict[str, list[float]]:
    """Medians over the texts, by token: of the norm, and of its share of the norm at the text's last token."""
    shares = found / np.maximum(found[:, -1:], np.finfo(np.float32).tiny)
    values = {"norm": np.median(found, axis=0), "share": np.median(shares, axis=0)}
    return {name: [float(f"{one:.4g}") for one in value] for name, value in values.items()}


def main(
    data: Annotated[Path, typer.Option(help="folder of labelled Parquet files that the catalogue names")],
    out: Annotated[Path, typer.Option(help="folder of the page")],
    quick: Annotated[bool, typer.Option(help="few rows, one seed: a look, no measurement")] = False,
    cache: Annotated[Path, typer.Option(help="folder where finished runs are kept")] = CACHE,
    catalogue: Annotated[Path, typer.Option(help="TOML file that names the data sets")] = CATALOGUE,
) -> None:
    """Measure the vanishing gradient of SimpleRNN, LSTM and GRU, and write it to the page."""
    plan = QUICK if quick else Plan()
    rows = subset(load_rows(data, read_catalogue(catalogue)), plan.rows, None)
    vocabulary = vocabulary_for(Job.kept_in(cache, read_config("gru"), rows))
    found = measure(plan, trials(plan), rows, vocabulary, Runs(cache))
    write_json(page.folder(out) / page.GRADIENTS, {"plan": asdict(plan), "runs": found})
    page.render(out)


if __name__ == "__main__":
    typer.run(main)
