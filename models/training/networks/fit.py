"""Train a Keras network round by round, with a checkpoint after each: a broken run goes on as if it had not broken."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from rich.console import Console
from rich.progress import track

from models.files import whole
from models.sentiment.contract import LABELS
from models.training.config import Schedule
from models.training.networks.optimizer import optimizer_for
from models.training.networks.tokens import Batch, Lengths, group, pad

_CONSOLE = Console(stderr=True)


class BackendError(RuntimeError):
    """A trained network that this backend of Keras cannot package; the message says how to go on."""


class CheckpointError(RuntimeError):
    """A checkpoint that is not of this network; the message names it."""


class Rows(Protocol):
    """Rows to learn from: the rounds of an epoch, and the batches of a round; the same whenever they are asked for."""

    def rounds(self, epoch: int) -> list[np.ndarray]:
        """Rows of each round."""
        ...

    def batches(self, rows: np.ndarray, epoch: int, number: int) -> Iterator[Batch]:
        """Batches of round ``number``."""
        ...


Step = Callable[[Batch], dict[str, float]]
"""Learns from a batch and tells ``loss``, the mean over its places, and ``accuracy``, the weighted mean."""


class Watched(NamedTuple):
    """Rows that early stopping looks at: ids of each text, labels int [n], weights float [n], how to batch them."""

    ids: Sequence[Sequence[int]]
    labels: np.ndarray
    weights: np.ndarray
    lengths: Lengths


class _Round(NamedTuple):
    """Rows int64 of round ``number`` of ``epoch``."""

    epoch: int
    number: int
    rows: np.ndarray


@dataclass
class _Best:
    """The best loss on the watched rows so far, the weights that had it, and rounds without a better one since."""

    loss: float = math.inf
    stale: int = 0
    weights: list[np.ndarray] = field(default_factory=list)

    def look(self, loss: float, network: keras.Model) -> None:
        self.stale += 1
        if loss < self.loss:
            self.loss, self.stale, self.weights = loss, 0, network.get_weights()


def fit(
    network: keras.Model,
    rows: Rows,
    schedule: Schedule,
    folder: Path,
    jit: bool = True,
    watched: Watched | None = None,
    step: Step | None = None,
) -> None:
    """Train on the rows, keeping checkpoints and TensorBoard logs in ``folder``; takes up what lies there.

    Where the schedule has patience the training stops after that many rounds without a better loss on the ``watched``
    rows, and the network is left with the weights that had the best; where it averages, with their mean; where it keeps
    some of those that it began with, with the mixture. A network that is compiled keeps its optimizer; ``step`` learns
    from a batch where ``train_on_batch`` cannot.

    Raises:
        CheckpointError: the folder holds the checkpoint of another network.
        ValueError: patience without rows to watch.
    """
    if schedule.patience and watched is None:
        raise ValueError("schedule.patience needs rows to watch")
    if not network.compiled:
        _compile(network, schedule, jit)
    folder.mkdir(parents=True, exist_ok=True)
    plan = list(_plan(rows, schedule))
    began = [np.array(variable) for variable in network.trainable_variables] if schedule.keep else []
    done, best = _restore(network, folder / "checkpoint.npz")
    board = _board(network, folder / "logs")
    for number in range(done, len(plan)):
        if schedule.patience and best.stale >= schedule.patience:
            break
        logs = _train(network, step or partial(_step, network), rows, schedule, plan, number)
        if schedule.patience and watched:
            logs["val_loss"] = _loss(network, watched)
            best.look(logs["val_loss"], network)
        _save(network, best, folder / "checkpoint.npz", number + 1)
        if board:
            board.on_epoch_end(number, logs)
        shown = {"round": number + 1, **{name: round(value, 4) for name, value in logs.items()}}
        _CONSOLE.print(json.dumps(shown), soft_wrap=True)
    if board:
        board.on_train_end()
    if schedule.patience and best.weights:
        network.set_weights(best.weights)
    if schedule.average:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    if schedule.keep:
        for variable, before in zip(network.trainable_variables, began, strict=True):
            variable.assign(schedule.keep * before + (1 - schedule.keep) * np.array(variable))


def insist_on_tensorflow(folder: Path) -> None:
    """Packaging needs TensorFlow: raises BackendError on another backend, once the training lies in ``folder``."""
    if keras.config.backend() != "tensorflow":
        raise BackendError(
            f"trained on {keras.config.backend()}, and kept in {folder}; the same command with "
            "KERAS_BACKEND=tensorflow, on this machine or on one that has the folder, packages it"
        )


def rate_at(schedule: Schedule, progress: float) -> float:
    """The learning rate at a share of the way, 0 to 1 (warm restarts: Loshchilov and Hutter, 2017,
    https://arxiv.org/abs/1608.03983).
    """
    cycle = min(math.floor(progress * schedule.cycles), schedule.cycles - 1)
    within = progress * schedule.cycles - cycle
    peak = schedule.rate * 0.5**cycle
    if within < schedule.warm_up:
        return peak * within / schedule.warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (within - schedule.warm_up) / (1 - schedule.warm_up)))


def logits_of(network: keras.Model, ids: Sequence[Sequence[int]], lengths: Lengths) -> np.ndarray:
    """What a network from ids to logits says of each text, float32 [n, 3]; like lengths share a batch."""
    logits = np.zeros((len(ids), len(LABELS)), np.float32)
    for places, bucket in group([len(one) for one in ids], lengths):
        padded = pad([ids[place] for place in places], bucket, lengths.rows(bucket))
        logits[places] = np.asarray(network.predict_on_batch(padded))[: len(places)]
    return logits


def _compile(network: keras.Model, schedule: Schedule, jit: bool) -> None:
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(optimizer_for(network, schedule), loss, weighted_metrics=["accuracy"], jit_compile=jit)


def _plan(rows: Rows, schedule: Schedule) -> Iterator[_Round]:
    """Every round that an unbroken training takes."""
    whole = math.ceil(schedule.epochs)
    for epoch in range(whole):
        rounds = rows.rounds(epoch)
        share = schedule.epochs - epoch
        wanted = len(rounds) if share >= 1 else round(len(rounds) * share)
        for number, chosen in enumerate(rounds[:wanted]):
            yield _Round(epoch, number, chosen)


def _train(
    network: keras.Model, step: Step, rows: Rows, schedule: Schedule, plan: Sequence[_Round], number: int
) -> dict[str, float]:
    """Take the steps of a round; returns the means of its loss and accuracy."""
    epoch, place, chosen = plan[number]
    total = sum(len(one.rows) for one in plan)
    seen = sum(len(one.rows) for one in plan[:number])
    batches = list(rows.batches(chosen, epoch, place))
    logs = []
    shown = f"Round {number + 1} of {len(plan)}"
    for taken, batch in enumerate(track(batches, shown, console=_CONSOLE, disable=not _CONSOLE.is_terminal)):
        progress = (seen + len(chosen) * taken / len(batches)) / total
        network.optimizer.learning_rate.assign(rate_at(schedule, progress))
        logs.append(step(batch))
    return _mean(logs, batches)


def _mean(logs: Sequence[dict[str, float]], batches: Sequence[Batch]) -> dict[str, float]:
    """Of accuracy over the weights of the rows, of the loss (of which Keras takes the mean over a batch's places, the
    filled up ones too) over all that the weights add up to."""
    weights = np.array([batch.weights.sum() for batch in batches])
    places = np.array([len(batch.weights) for batch in batches])
    accuracy = np.dot([one["accuracy"] for one in logs], weights) / weights.sum()
    loss = np.dot([one["loss"] for one in logs], places) / weights.sum()
    return {"accuracy": float(accuracy), "loss": float(loss)}


def _board(network: keras.Model, folder: Path) -> Any:
    """TensorBoard's callback, which needs TensorFlow whatever the backend is; None without it."""
    if find_spec("tensorflow") is None:
        return None
    board = keras.callbacks.TensorBoard(folder, write_graph=False)
    board.set_model(network)
    return board


def _step(network: keras.Model, batch: Batch) -> dict[str, float]:
    """Loss and accuracy of this batch alone: Keras begins its means anew with each."""
    logs: dict[str, Any] = network.train_on_batch(batch.ids, batch.targets, batch.weights, return_dict=True)
    return {name: float(value) for name, value in logs.items()}


def _loss(network: keras.Model, watched: Watched) -> float:
    """Weighted mean of the cross-entropy, without what regularisation adds."""
    logits = logits_of(network, watched.ids, watched.lengths).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    surprise = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), watched.labels]
    return float(np.average(surprise, weights=watched.weights))


def _state(network: keras.Model) -> list[Any]:
    """Everything a step changes: weights, the optimizer's memory, the seeds of dropout."""
    return [*network.variables, *network.optimizer.variables]


def _save(network: keras.Model, best: _Best, path: Path, rounds: int) -> None:
    arrays = {f"v{place}": np.asarray(variable) for place, variable in enumerate(_state(network))}
    if best.weights:
        arrays |= {"best_loss": np.array(best.loss), "stale": np.array(best.stale)}
        arrays |= {f"best{place}": weight for place, weight in enumerate(best.weights)}
    with whole(path) as aside, aside.open("wb") as sink:
        np.savez(sink, allow_pickle=False, rounds=np.asarray(rounds), **arrays)


def _restore(network: keras.Model, path: Path) -> tuple[int, _Best]:
    """Put a checkpoint's numbers in place; returns the rounds done, 0 without a checkpoint, and the best of them."""
    if not path.exists():
        return 0, _Best()
    with np.load(path) as saved:
        state, kept = _state(network), [saved[name] for name in saved if name.startswith("v")]
        if [one.shape for one in kept] != [tuple(variable.shape) for variable in state]:
            raise CheckpointError(f"{path} is of a network of other sizes; move it away to begin anew")
        for variable, one in zip(state, kept, strict=True):
            variable.assign(one)
        done, best = int(saved["rounds"]), _Best()
        if "best_loss" in saved:
            weights = [saved[f"best{place}"] for place in range(len(network.weights))]
            best = _Best(float(saved["best_loss"]), int(saved["stale"]), weights)
    _CONSOLE.print(f"Taking up {path} after round {done}", soft_wrap=True)
    return done, best
