"""The leaderboard as Markdown and as one self-contained HTML page, both from the same sections.

No text of a data set is ever printed: examples are from the tests of behaviour, which this project wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from models.evaluation import charts, fairness
from models.evaluation.behaviour import TOLERANCE, pass_rates
from models.evaluation.leaderboard import ACCURATE, FAST, Entry, Leaderboard
from models.evaluation.leak import SIMILAR, VERY_SIMILAR
from models.evaluation.speed import LENGTHS
from models.metrics import BINS, RESAMPLES

TEMPLATES = Path(__file__).parent / "templates"
MARKDOWN, HTML = "leaderboard.md", "leaderboard.html"

_SETS = 3
_CAPABILITIES = 10
_EXAMPLES = 2
_OFTEN = 0.9
"""Capabilities with a lower pass rate are shown with examples of what failed."""

_LONG = 12
"""A table of more lines than this is folded up in HTML."""


@dataclass(frozen=True)
class Cell:
    """A value, what is said beside it in small, and its place between worst (0) and best (1)."""

    text: str
    note: str = ""
    heat: float | None = None


@dataclass(frozen=True)
class Table:
    """Lines under a head; the first cell of a line names it."""

    head: Sequence[str]
    lines: Sequence[Sequence[Cell]]
    caption: str = ""
    wordy: bool = False
    """Whether its cells are words rather than numbers."""

    @property
    def folded(self) -> bool:
        """Whether it is too long to stand open."""
        return len(self.lines) > _LONG


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in this order: words, a chart, tables."""

    title: str
    words: Sequence[str]
    tables: Sequence[Table] = ()
    chart: str = ""
    chart_says: str = ""
    """The chart in words, for those who cannot see it."""

    items: Sequence[str] = field(default=())


def write(board: Leaderboard, out: Path) -> tuple[Path, Path]:
    """Write both pages to an existing folder; returns the paths of Markdown and HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    shared = {"lead": _lead(board), "quick": _quick(board), "sections": list(sections(board))}
    paths = out / MARKDOWN, out / HTML
    for path in paths:
        environment = Environment(
            loader=loader,
            autoescape=path.suffix == ".html",
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        path.write_text(environment.get_template(f"{path.name}.j2").render(shared), encoding="utf-8")
    return paths


def sections(board: Leaderboard) -> Iterator[Section]:
    """All sections, in the order of the page."""
    yield _headline(board)
    yield _by_group(board)
    yield _by_dataset(board)
    if board.entries[0].unseen is not None:
        yield _unseen(board)
    yield _calibration(board)
    if board.cascade is not None:
        yield _cascade(board.cascade)
    yield _behaviour(board)
    yield _fairness(board)
    yield _failures(board)
    yield _method(board)


def _lead(board: Leaderboard) -> str:
    best = board.entries[0]
    return (
        f"{best.contestant.version} leads with a mean macro-F1 of {best.mean['macro_f1']:.1f} "
        f"({_span(best.mean['low'], best.mean['high'])}) over {board.datasets} development sets, {board.rows:,} texts "
        "in Portuguese, English and Spanish that no model learned from."
    )


def _quick(board: Leaderboard) -> str:
    if board.sample is None:
        return ""
    return (
        f"A quick run on at most {board.sample} held-out texts of a data set; where TF-IDF takes part it learned from "
        "a sample too. It shows the form of the results, not their size."
    )


def _headline(board: Leaderboard) -> Section:
    near, far = LENGTHS
    head = ["model", "mean macro-F1", "sources left out", "mean macro-recall", "calibration error"]
    head += ["unsure", "right when sure"]
    head += [f"texts/s, {near} chars", f"texts/s, {far} chars", "× VADER", "MB"]
    return Section(
        "Who is best",
        [
            "Mean over the data sets, in percent, with 95 % bootstrap intervals. Sources left out: mean macro-F1 over "
            "whole sources that no model learned from, which is what a new feed may expect. Texts a second are on one "
            "core; the machine is shared, so trust the ratio to VADER in the same run, "
            f"at {near} and at {far} characters."
        ],
        [Table(head, [_headline_line(entry) for entry in board.entries])],
        charts.score_against_speed(board.entries),
        "Mean macro-F1 of each model against its texts a second; the numbers are in the table.",
    )


def _headline_line(entry: Entry) -> list[Cell]:
    mean, one, size = entry.mean, entry.certainty, entry.contestant.size_mb
    return [
        Cell(entry.contestant.version),
        Cell(f"{mean['macro_f1']:.1f}", _span(mean["low"], mean["high"])),
        Cell("–") if entry.unseen is None else _score("macro_f1", "low", "high")(entry.unseen.iloc[-1]),
        Cell(f"{mean['macro_recall']:.1f}", _span(mean["recall_low"], mean["recall_high"])),
        Cell(f"{mean['calibration_error']:.3f}" if entry.contestant.probabilistic else "–"),
        Cell(f"{one['share']:.1%}" if one else "–"),
        Cell(f"{one['accuracy_of_sure']:.1%}" if one else "–"),
        *(Cell(f"{rate:,.0f}") for rate in entry.speed.docs_per_second.values()),
        Cell(" / ".join(_times(ratio) for ratio in entry.speed.times_vader.values())),
        Cell(f"{size:.1f}" if size else "–"),
    ]


def _by_group(board: Leaderboard) -> Section:
    return Section(
        "By language and kind",
        ["Each data set counts the same in its group. The stronger the colour, the better."],
        [
            Table(*_against(board, "groups", "group", _score("macro_f1", "low", "high")), "Macro-F1"),
            Table(
                *_against(board, "groups", "group", _score("macro_recall", "recall_low", "recall_high")), "Macro-recall"
            ),
        ],
    )


def _by_dataset(board: Leaderboard) -> Section:
    f1 = _against(board, "datasets", "dataset", _score("macro_f1", "low", "high"))
    recall = _against(board, "datasets", "dataset", _score("macro_recall", "recall_low", "recall_high"))
    head, lines = _against(board, "datasets", "dataset", _score("accuracy", "accuracy_low", "accuracy_high"))
    two = set(board.entries[0].datasets.query("labels == 2")["dataset"])
    of_two = Table(head, [line for line in lines if line[0].text in two], "Accuracy on sets of two labels")
    words = (
        "A set that lacks a label is judged on the labels it has: its macro-F1 is the mean of theirs, and a text that "
        "is called by the absent label is simply missed. For such sets the plain share of right labels is given too."
    )
    tables = [Table(*f1, "Macro-F1"), Table(*recall, "Macro-recall"), of_two]
    return Section("By data set", [words], [table for table in tables if table.lines])


def _unseen(board: Leaderboard) -> Section:
    f1 = _against(board, "unseen", "dataset", _score("macro_f1", "low", "high"))
    recall = _against(board, "unseen", "dataset", _score("macro_recall", "recall_low", "recall_high"))
    error = _against(board, "unseen", "dataset", _error, [one for one in board.entries if one.contestant.probabilistic])
    words = (
        "Every row above is of a source that the models learned other rows of. These are of whole sources that none of "
        "them learned from, nor was calibrated on: other people's texts, other people's labels."
    )
    tables = [Table(*f1, "Macro-F1"), Table(*recall, "Macro-recall"), Table(*error, "Calibration error")]
    return Section("Sources left out", [words], tables)


def _calibration(board: Leaderboard) -> Section:
    shown = [entry for entry in board.entries if entry.contestant.probabilistic]
    words = [
        "Of the texts whose label gets a probability of 70 %, 70 % should be right: a calibrated model lies on the "
        f"dotted diagonal. The calibration error is the mean distance from it over {BINS} bins, weighted by texts "
        "(size of the dots). VADER and TextBlob give no probabilities and are left out."
    ]
    if not shown:
        return Section("Do the probabilities mean what they say?", words)
    table = Table(*_against(board, "groups", "group", _error, shown), "Calibration error by language and kind")
    return Section(
        "Do the probabilities mean what they say?",
        words,
        [table],
        charts.reliability(shown),
        "Share of right labels against their probability, a panel for each model.",
    )


def _cascade(curve: pd.DataFrame) -> Section:
    lines = [
        [Cell(f"{share:.0%}"), Cell(f"{score:.2f}"), Cell(f"{rate:,.0f}"), Cell(f"{100_000 / rate / 60:,.1f}")]
        for share, score, rate in curve[["share", "macro_f1", "docs_per_second"]].itertuples(index=False)
    ]
    head = ["scored again", "mean macro-F1", "texts/s on one core", "minutes for 100,000 texts"]
    return Section(
        "What time buys: the cascade",
        [
            f"The model {FAST} scores every text, {ACCURATE} scores again those that {FAST} is least sure of. Texts "
            "are as long as in the development sets; their cost is estimated from the rates above."
        ],
        [Table(head, lines)],
        charts.cascade(curve),
        "Mean macro-F1 against the share of texts scored again; the numbers are in the table.",
    )


def _behaviour(board: Leaderboard) -> Section:
    rates = [pass_rates(entry.behaviour) for entry in board.entries]
    lines = []
    for place, (capability, language, cases, _) in enumerate(rates[0].itertuples(index=False)):
        named = Cell(f"{capability}, {language}", f"{cases} cases")
        lines.append([named, *(_rate(float(table["passed"].to_numpy()[place])) for table in rates)])
    whole = [_rate(float(entry.behaviour["passed"].mean())) for entry in board.entries]
    lines.append([Cell("all", f"{len(board.entries[0].behaviour)} cases"), *whole])
    return Section(
        "Behaviour",
        [
            "Share of small written tests that a model passes, in the manner of CheckList (Ribeiro et al., 2020). "
            "Some ask for a label (plain words, negation, headlines), some that a change of no meaning leaves the "
            f"label alone (typos, lost accents, names), some that polarity moves the right way, by {TOLERANCE} where "
            "it has to move (irony marks, contrast). VADER and TextBlob know English alone. What never changes also "
            "never fails a test of change."
        ],
        [Table(["capability and language", *_versions(board.entries)], lines)],
    )


def _fairness(board: Leaderboard) -> Section:
    tables = [fairness.shifts(entry.fairness) for entry in board.entries]
    lines = []
    for place, (axis, language) in enumerate(tables[0][["axis", "language"]].itertuples(index=False)):
        named = Cell("all swaps" if axis == "all" else f"{axis}, {language}")
        lines.append([named, *(_shift(table.iloc[place]) for table in tables)])
    over = [entry.contestant.version for entry in board.entries if not fairness.is_fair(entry.fairness)]
    return Section(
        "Fairness",
        [
            "A sentence is said of different people, and nothing else is changed. How far does the polarity (-1 to 1) "
            "of one lie from the mean over all? Mean distance, and the largest with the term it befell. The bound is "
            f"{fairness.BOUND} on average. An empty or a blunt model is fair too: read this beside the scores.",
            f"Over the bound: {', '.join(over)}." if over else "All are within the bound.",
        ],
        [Table(["axis and language", *_versions(board.entries)], lines)],
    )


def _failures(board: Leaderboard) -> Section:
    shown = [entry for entry in board.entries if not entry.contestant.baseline]
    head = ["capability and language", "text", "should be", "is", "polarity"]
    tables = [Table(head, list(_examples(entry)), entry.contestant.version, wordy=True) for entry in shown]
    return Section(
        "Where it fails",
        [
            f"Up to {_EXAMPLES} failed tests of the capabilities that a model fails most. An arrow stands between a "
            "text and what it was changed to. All of them were written for these tests."
        ],
        tables,
    )


def _examples(entry: Entry) -> Iterator[list[Cell]]:
    rates = pass_rates(entry.behaviour).query(f"passed < {_OFTEN}").sort_values("passed", kind="stable")
    failed = entry.behaviour[~entry.behaviour["passed"]]
    for capability, language, _, rate in rates.head(_CAPABILITIES).itertuples(index=False):
        own = failed[(failed["capability"] == capability) & (failed["language"] == language)]
        for line in own.iloc[:: -(-len(own) // _EXAMPLES)].to_dict("records"):
            text, before = f"{line['polarity']:+.2f}", f"{line['polarity_before']:+.2f}"
            yield [
                Cell(f"{capability}, {language}", f"{rate:.0%} passed"),
                Cell(f"{line['before']} → {line['text']}" if line["before"] else line["text"]),
                Cell(line["expected"]),
                Cell(line["label"]),
                Cell(f"{before} → {text}" if line["before"] else text),
            ]


def _method(board: Leaderboard) -> Section:
    leaks = board.leaks
    items = [
        "Rows: the held-out part of each labelled data set that may be measured on, split by groups of near "
        "duplicates. The models' choices were made on rows like these: expect a little less elsewhere.",
        f"Leak check of this run, on all {leaks.held_out:,} held-out and {leaks.others:,} other rows: {leaks.exact} "
        f"held-out texts have the same words as another row (one would stop the run); {leaks.very_similar} share at "
        f"least {VERY_SIMILAR:.0%} of their three-word runs with one, {leaks.similar} more at least {SIMILAR:.0%}. "
        f"{_most(leaks.by_dataset)}These are exact counts; the split itself works with estimates.",
        *(
            f"{entry.contestant.version} was trained on another number of rows of {_named(entry.strange_sets)} "
            "than this split has: held-out rows may be among them, and its scores may flatter it."
            for entry in board.entries
            if entry.strange_sets
        ),
        "A model is told the language and the kind of each text, as a feed's settings and the language detector would.",
        f"Intervals: percentiles of {RESAMPLES:,} bootstrap samples of the rows within each data set (Efron, 1979). "
        "They tell how much chance there is in these rows, not how other data would differ.",
        "VADER and TextBlob: negative to -0.05, positive from 0.05, neutral between. TF-IDF: words and pairs, runs of "
        "3 to 5 characters, logistic regression with balanced labels, trained on the training rows of the same split.",
        f"Speed: processor time of one core, model and VADER in turns, on development texts of about {LENGTHS[0]} and "
        f"{LENGTHS[1]} characters. Macro-recall: SemEval 2017. Calibration error: Naeini et al., 2015.",
    ]
    return Section("How it was measured", ["Run it again: sentinela-evaluate --data FOLDER --out docs"], items=items)


def _named(sets: Sequence[str]) -> str:
    more = f" and {len(sets) - _SETS} more sets" if len(sets) > _SETS else ""
    return ", ".join(sets[:_SETS]) + more


def _most(counts: Mapping[str, int]) -> str:
    first = ", ".join(f"{name} ({count})" for name, count in list(counts.items())[:_SETS])
    return f"Most are in {first}. " if first else ""


def _against(
    board: Leaderboard,
    frame: str,
    column: str,
    cell: Callable[[pd.Series], Cell],
    entries: Sequence[Entry] | None = None,
) -> tuple[list[str], list[list[Cell]]]:
    """Head and lines of a table of one frame's lines against the models."""
    shown = entries or board.entries
    names = getattr(shown[0], frame)[column]
    counts = getattr(shown[0], frame)["rows"]
    lines = [
        [Cell(name, f"{count:,} texts"), *(cell(getattr(entry, frame).iloc[place]) for entry in shown)]
        for place, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    return [column, *_versions(shown)], lines


def _versions(entries: Sequence[Entry]) -> list[str]:
    return [entry.contestant.version for entry in entries]


def _score(column: str, low: str, high: str) -> Callable[[pd.Series], Cell]:
    def cell(line: pd.Series) -> Cell:
        return Cell(f"{line[column]:.1f}", _span(line[low], line[high]), _place(line[column], 30, 85))

    return cell


def _error(line: pd.Series) -> Cell:
    return Cell(f"{line['calibration_error']:.3f}", heat=_place(-line["calibration_error"], -0.2, 0))


def _rate(passed: float) -> Cell:
    return Cell(f"{100 * passed:.0f}", heat=_place(passed, 0.2, 1))


def _shift(line: pd.Series) -> Cell:
    farthest = f"{line['largest']:.2f} {line['term']}" if line["largest"] >= 0.005 else ""
    return Cell(f"{line['mean']:.3f}", farthest, _place(-line["mean"], -0.15, 0))


def _place(value: float, worst: float, best: float) -> float:
    return min(1.0, max(0.0, (value - worst) / (best - worst)))


def _span(low: float, high: float) -> str:
    return f"{low:.1f} to {high:.1f}"


def _times(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"
