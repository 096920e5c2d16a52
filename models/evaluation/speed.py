"""How many texts a second a model scores on one core, and how that compares with VADER at the same moment.

A process of its own is held to one core; model and VADER take turns in it. What counts is the time that core worked for
the process, so other work on the machine disturbs little; what it still disturbs, the ratio to VADER shows less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.sentiment.contract import SentimentModel

LENGTHS = (100, 300)
"""Characters of the texts, about."""

SECONDS = 0.3
"""Processor time for one reading; the best of ``_ROUNDS`` counts."""

_TEXTS = 256
_ROUNDS = 3
# Some models unpack their weights once a call: with few texts that is what would be timed.
_FIRST = 128
_CLOCK_TICK = 1e-6
_ONE_THREAD = dict.fromkeys(
    ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    "1",
)


class SpeedError(RuntimeError):
    """The process that measures ended without a result."""


@dataclass(frozen=True)
class Speed:
    """Texts a second on one core, by length in characters."""

    docs_per_second: Mapping[int, float]
    times_vader: Mapping[int, float]


def measure(spec: str, rows: pd.DataFrame, seconds: float = SECONDS) -> Speed:
    """Time a contestant's ``spec`` on the rows (``text``, ``language``, ``kind``) nearest to ``LENGTHS``.

    Raises:
        SpeedError: with what the process wrote on its standard error.
    """
    given = {"spec": spec, "seconds": seconds, "batches": {str(length): _nearest(rows, length) for length in LENGTHS}}
    done = subprocess.run(
        [sys.executable, "-m", "models.evaluation.speed"],
        input=json.dumps(given),
        env=os.environ | _ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SpeedError(f"{spec} could not be timed: {done.stderr.strip()[-2_000:]}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    rates = {int(length): one["model"] for length, one in found.items()}
    return Speed(rates, {int(length): one["model"] / one["vader"] for length, one in found.items()})


def _nearest(rows: pd.DataFrame, length: int) -> dict[str, list[str]]:
    order = np.argsort((rows["text"].str.len() - length).abs().to_numpy(), kind="stable")[:_TEXTS]
    return {name: rows[name].iloc[order].tolist() for name in ("text", "language", "kind")}


def _main() -> None:
    """Read what to time from standard input, time it on one core, print the rates as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from models.evaluation.contestants import VADER, open_spec

    given = json.loads(sys.stdin.read())
    models = {"vader": open_spec(VADER), "model": open_spec(given["spec"])}
    found: dict[str, dict[str, float]] = {}
    for length, batch in given["batches"].items():
        counts = {name: _enough(model, batch, given["seconds"]) for name, model in models.items()}
        rounds = [{name: _rate(models[name], batch, counts[name]) for name in models} for _ in range(_ROUNDS)]
        found[length] = {name: max(one[name] for one in rounds) for name in models}
    print(json.dumps(found))


def _enough(model: SentimentModel, batch: Mapping[str, Sequence[str]], seconds: float) -> int:
    """How many texts take that long, once the model is warm."""
    count = _FIRST
    _rate(model, batch, count)
    while count / _rate(model, batch, count) < seconds:
        count *= 2
    return count


def _rate(model: SentimentModel, batch: Mapping[str, Sequence[str]], count: int) -> float:
    """Texts a second of processor time."""
    texts, languages, kinds = (_repeated(batch[name], count) for name in ("text", "language", "kind"))
    started = time.process_time()
    model.predict(texts, languages, kinds)
    return count / max(time.process_time() - started, _CLOCK_TICK)


def _repeated(values: Sequence[str], count: int) -> list[str]:
    return [values[place % len(values)] for place in range(count)]


if __name__ == "__main__":
    _main()
