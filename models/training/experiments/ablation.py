"""The ablation: what dropout, L2, augmentation and each cleaning step bring, over several seeds on a subset.

Run ``python -m models.training.experiments.ablation --data FOLDER --out docs``. Every variant differs from its
family's base in one thing and is compared with it seed by seed, on the same held-out rows. A seed also draws the rows
that are learnt from: the classical family has no other chance in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from models import metrics
from models.text.clean import STEPS
from models.training.config import Config, read_config
from models.training.data.catalogue import CATALOGUE, read_catalogue
from models.training.data.rows import load_rows
from models.training.experiments import page
from models.training.experiments.runs import CACHE, Runs, fingerprint, subset, write_json
from models.training.families.registry import trainer
from models.training.families.sequence import train_sequence, vocabulary_for
from models.training.job import Job, Trained
from models.training.networks.pretrained import Vocabulary

NETWORKS = ("cnn", "gru")
CLASSICAL = ("tfidf",)
_SIZES = ("dropout", "recurrent_dropout", "l2")
_CHAIN = ("stop_words", "stem")


@dataclass(frozen=True)
class Plan:
    """How much is learnt from and measured on."""

    rows: int = 12_000
    held_out: int = 8_000
    epochs: float = 5.0
    seeds: tuple[int, ...] = (1, 2, 3)
    families: tuple[str, ...] = (*NETWORKS, *CLASSICAL)
    steps: tuple[str, ...] = tuple(STEPS)
    quick: bool = False


QUICK = Plan(4_000, 1_000, epochs=3.0, seeds=(1, 2), families=("cnn",), steps=("mentions", "emoji"), quick=True)
DRAWN = 2 / 3
"""The share of the rows that a seed draws."""


def variants(config: Config, steps: Iterable[str] = STEPS) -> Iterator[tuple[str, Config]]:
    """A family's base, and the base without (or, of cleaning steps that it lacks, with) one thing."""
    yield page.BASE, config
    if config.family in NETWORKS:
        for name in _SIZES:
            if config.network.get(name):
                yield f"without {name.replace('_', ' ')}", _with(config, network=config.network | {name: 0.0})
        if config.augmentation:
            yield "without augmentation", _with(config, augmentation={})
    if config.family in CLASSICAL:
        for name in _CHAIN:
            yield f"with {name.replace('_', ' ')}", _with(config, network=config.network | {name: True})
        yield "split at blanks alone", _with(config, network=config.network | {"tokeniser": "blanks"})
    for step in steps:
        there = step in config.text.steps
        chain = tuple(one for one in STEPS if (one in config.text.steps) != (one == step))
        text = config.text.model_copy(update={"steps": chain})
        yield f"{'without' if there else 'with'} step {step}", _with(config, text=text)


def trials(plan: Plan) -> Iterator[tuple[str, Config]]:
    """Every variant of every family with every seed."""
    for family in plan.families:
        for variant, config in variants(_base(family, plan), plan.steps):
            for seed in plan.seeds:
                yield variant, _with(config, seed=seed)


def measure(
    trials: Iterable[tuple[str, Config]], rows: pd.DataFrame, vocabulary: Vocabulary, runs: Runs
) -> list[dict[str, Any]]:
    """Train each trial on the rows; for each its family, variant, seed, and macro-F1 on the held-out ones."""
    found = []
    for variant, config in trials:
        settings = {"config": config.model_dump(mode="json"), "rows": fingerprint(rows), "drawn": DRAWN}
        name = f"ablation-{config.family}-{variant.replace(' ', '_')}-{config.seed}"
        numbers = runs.numbers(name, settings, partial(_run, config, rows, vocabulary))
        found.append({"family": config.family, "variant": variant, "seed": config.seed, **numbers})
    return found


def macro_f1(rows: pd.DataFrame, predicted: np.ndarray) -> float:
    """Mean over the pairs of language and kind of their macro-F1, in percent; predicted labels are int [n]."""
    groups = rows.assign(predicted=predicted).groupby(["language", "kind"])
    scores = [metrics.macro_f1(one["label"].to_numpy(), one["predicted"].to_numpy()) for _, one in groups]
    return float(np.mean(scores))


def _base(family: str, plan: Plan) -> Config:
    config = read_config(family)
    schedule = config.schedule.model_copy(update={"epochs": plan.epochs, "patience": None})
    return _with(config, schedule=schedule)


def _with(config: Config, **changes: Any) -> Config:
    return config.model_copy(update=changes)


def _run(config: Config, frame: pd.DataFrame, vocabulary: Vocabulary, cache: Path) -> dict[str, Any]:
    start = time.monotonic()
    rows = frame[frame["part"] == "held_out"]
    drawn = frame[frame["part"] == "train"].sample(frac=DRAWN, random_state=config.seed)
    trained = _trained(Job(config, pd.concat([drawn, rows], ignore_index=True), cache), vocabulary)
    logits = trained.logits(rows["text"].tolist(), rows["language"].tolist())
    score = macro_f1(rows, logits.argmax(axis=1))
    return {"macro_f1": round(score, 3), "seconds": round(time.monotonic() - start)}


def _trained(job: Job, vocabulary: Vocabulary) -> Trained:
    if job.config.family in NETWORKS:
        return train_sequence(job, vocabulary)
    return trainer(job.config.family)(job)


def main(
    data: Annotated[Path, typer.Option(help="folder of labelled Parquet files that the catalogue names")],
    out: Annotated[Path, typer.Option(help="folder of the page")],
    quick: Annotated[bool, typer.Option(help="few rows, two seeds: a look, no measurement")] = False,
    cache: Annotated[Path, typer.Option(help="folder where finished runs are kept")] = CACHE,
    catalogue: Annotated[Path, typer.Option(help="TOML file that names the data sets")] = CATALOGUE,
) -> None:
    """Measure what regularisation, augmentation and cleaning bring, and write it to the page."""
    plan = QUICK if quick else Plan()
    rows = subset(load_rows(data, read_catalogue(catalogue)), plan.rows, plan.held_out)
    vocabulary = vocabulary_for(Job(read_config("gru"), rows, cache / f"pieces-{fingerprint(rows)}"))
    found = measure(trials(plan), rows, vocabulary, Runs(cache))
    write_json(page.folder(out) / page.ABLATION, {"plan": asdict(plan), "runs": found})
    page.render(out)


if __name__ == "__main__":
    typer.run(main)
