"""Render ``training-experiments.md`` and its charts from the numbers of the experiments, and from nothing else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PAGE = "training-experiments.md"
GRADIENTS = "gradients.json"
ABLATION = "ablation.json"
BASE = "base"
"""The variant of the ablation that the others are compared with."""

CHART = "gradients.svg"
DIFFERENCES = "ablation.svg"

_NAMES = {
    "simple_rnn": "SimpleRNN",
    "simple_rnn_uniform": "SimpleRNN, uniform start",
    "lstm": "LSTM",
    "gru": "GRU",
    "cnn": "text CNN",
    "tfidf": "TF-IDF + logistic regression",
}
_COLOURS = ("#c2410c", "#a8a29e", "#1d4ed8", "#047857")
_SMALLEST = 1e-12
# Room for a viewer whose letters are wider than those that the charts were laid out with.
_PADDING = {"left": 30, "right": 40, "top": 5, "bottom": 5}
_QUICK = "**A quick run on few rows: it shows the form of the results, not their size.**"


def folder(out: Path) -> Path:
    """Where the numbers and the charts lie beside the page."""
    made = out / Path(PAGE).stem
    made.mkdir(parents=True, exist_ok=True)
    return made


def render(out: Path) -> Path:
    """Write the page from the experiments that have been run; returns its path."""
    parts = ["# Training experiments"]
    for name, write in ((GRADIENTS, _gradients), (ABLATION, _ablation)):
        source = folder(out) / name
        if source.exists():
            found = json.loads(source.read_text(encoding="utf-8"))
            parts += write(found, out)
    path = out / PAGE
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _gradients(found: dict[str, Any], out: Path) -> list[str]:
    plan, curves = found["plan"], _curves(found["runs"])
    _draw(curves, folder(out) / CHART)
    tokens, texts = plan["tokens"], found["runs"][0]["texts"]
    return [
        "## The vanishing gradient",
        *([_QUICK] if plan["quick"] else []),
        f"How much a network can learn from a word far from the end shows in the gradient of its loss with respect to "
        f"its state after that word. It was measured on {texts} held-out texts, the first {tokens} tokens of each, "
        f"before and after training on {plan['rows']:,} rows for {_count(plan['epochs'], 'epoch')}. Each curve is the "
        f"median over the texts of the norm at a token divided by the norm at the last one, and the geometric mean "
        f"over {_count(len(plan['seeds']), 'seed')}. A curve that falls is a gradient that vanishes.",
        "Before training the curves show how a network is started. A SimpleRNN whose recurrent kernel is uniform "
        "within ±0.05, as it long was, loses most of the gradient at each token; Keras starts it orthogonal, so that "
        "next to nothing is lost. Gates start half open: a GRU then forgets half of its state at each token, an LSTM, "
        "whose forget gate starts with a bias of 1, about a quarter. The curves after training show what the networks "
        "made of it.",
        f"![Gradient norm by token for SimpleRNN, LSTM and GRU]({folder(out).name}/{CHART})",
        _table(
            ["network", "training", *(f"{back} tokens back" for back in _backs(tokens)), "norm at the last token"],
            [_curve_line(name, when, curve, tokens) for (name, when), curve in curves.items()],
        ),
        _table(["network", "accuracy on these texts"], _accuracies(found["runs"])),
        "Run it again: `python -m models.training.experiments.gradients --data FOLDER --out docs`.",
    ]


def _curves(runs: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Geometric means over the seeds, by network and by when."""
    gathered: dict[tuple[str, str], list[dict[str, list[float]]]] = defaultdict(list)
    for when in ("before", "after"):
        for run in runs:
            gathered[run["network"], when].append(run[when])
    return {key: {name: _geometric([one[name] for one in many]) for name in many[0]} for key, many in gathered.items()}


def _geometric(values: Sequence[Sequence[float]]) -> np.ndarray:
    """Geometric mean over the first axis."""
    return np.asarray(np.exp(np.mean(np.log(np.maximum(values, np.finfo(float).tiny)), axis=0)))


def _backs(tokens: int) -> list[int]:
    return [*range(10, tokens - 1, 10), tokens - 1]


def _curve_line(name: str, when: str, curve: dict[str, np.ndarray], tokens: int) -> list[str]:
    shares = [_share(curve["share"][tokens - 1 - back]) for back in _backs(tokens)]
    return [_NAMES[name], when, *shares, f"{curve['norm'][-1]:.2g}"]


def _share(share: float) -> str:
    return f"{share:.2g}" if share > _SMALLEST else f"< {_SMALLEST:g}"


def _accuracies(runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    gathered: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        gathered[run["network"]].append(100 * run["accuracy"])
    return [[_NAMES[name], _spread(values)] for name, values in gathered.items()]


def _draw(curves: dict[tuple[str, str], dict[str, np.ndarray]], path: Path) -> None:
    import altair as alt

    points = [
        {"network": _NAMES[name], "training": when, "back": len(curve["share"]) - 1 - place, "share": float(share)}
        for (name, when), curve in curves.items()
        for place, share in enumerate(curve["share"])
        if share > _SMALLEST
    ]
    names = list(dict.fromkeys(point["network"] for point in points))
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("back:Q", title="tokens before the last", scale=alt.Scale(reverse=True, nice=False)),
            y=alt.Y("share:Q", title="gradient norm, last token = 1", scale=alt.Scale(type="log")).axis(
                format=".0e", values=[10.0**-power for power in range(13)]
            ),
            color=alt.Color("network:N", title=None, scale=alt.Scale(domain=names, range=list(_COLOURS))),
        )
        .properties(width=320, height=240)
        .facet(column=alt.Column("training:N", title=None, sort=["before", "after"]).header(labelExpr=_HEADER))
        .configure(background="white", padding=_PADDING)
    )
    chart.save(str(path))


_HEADER = "datum.value + ' training'"


def _ablation(found: dict[str, Any], out: Path) -> list[str]:
    plan, scores = found["plan"], _scores(found["runs"])
    parts = [
        "## What regularisation, augmentation and cleaning bring",
        *([_QUICK] if plan["quick"] else []),
        f"Each line changes one thing of its family's base, which learns from two thirds of {plan['rows']:,} rows, "
        f"drawn by the seed. Macro-F1 is the mean over pairs of language and kind on up to {plan['held_out']:,} "
        f"held-out rows; the difference is taken seed by seed. Both are mean ± standard deviation over "
        f"{_count(len(plan['seeds']), 'seed')}. A difference below zero says that what was left out helps, or what "
        f"was added harms; one smaller than its deviation says nothing.",
        f"![Difference of each variant from its family's base]({folder(out).name}/{DIFFERENCES})",
    ]
    _draw_differences(scores, folder(out) / DIFFERENCES)
    for family, variants in scores.items():
        base = variants[BASE]
        lines = [
            [variant, _spread(values), "" if variant == BASE else _spread(np.subtract(values, base), "+")]
            for variant, values in variants.items()
        ]
        parts += [f"### {_NAMES[family]}", _table(["variant", "macro-F1", "difference from the base"], lines)]
    return [*parts, "Run it again: `python -m models.training.experiments.ablation --data FOLDER --out docs`."]


def _scores(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Macro-F1 by family and variant, in the order of the seeds."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        scores[run["family"]][run["variant"]].append(run["macro_f1"])
    return scores


def _draw_differences(scores: dict[str, dict[str, list[float]]], path: Path) -> None:
    import altair as alt

    points = [
        {"family": _NAMES[family], "variant": variant, "low": mean - spread, "mean": mean, "high": mean + spread}
        for family, variants in scores.items()
        for variant, values in variants.items()
        if variant != BASE
        for mean, spread in [_mean_and_spread(np.subtract(values, variants[BASE]))]
    ]
    y = alt.Y("variant:N", title=None, sort=None)
    bars = alt.Chart().mark_rule(color=_COLOURS[1], strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    dots = (
        alt.Chart()
        .mark_circle(color=_COLOURS[2], size=50, opacity=1)
        .encode(x=alt.X("mean:Q", title="points of macro-F1"), y=y)
    )
    zero = alt.Chart().mark_rule(color="#57534e", strokeDash=[3, 3]).encode(x=alt.datum(0))
    chart = (
        alt.layer(zero, bars, dots, data=alt.Data(values=points))
        .properties(width=240)
        .facet(column=alt.Column("family:N", title=None, sort=[_NAMES[family] for family in scores]))
        .resolve_scale(y="independent")
        .configure(background="white", padding=_PADDING)
    )
    chart.save(str(path))


def _mean_and_spread(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean and sample standard deviation, which is 0 of a single value."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _spread(values: Sequence[float] | np.ndarray, sign: str = "") -> str:
    """Mean ± sample standard deviation, the latter from two values on."""
    mean, spread = _mean_and_spread(values)
    return f"{mean:{sign}z.1f} ± {spread:.1f}" if len(values) > 1 else f"{mean:{sign}z.1f}"


def _count(number: float, thing: str) -> str:
    return f"{number:g} {thing}" + ("" if number == 1 else "s")


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
