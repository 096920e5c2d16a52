"""`sentinela-evaluate`: measure any set of models beside the baselines and write the leaderboard."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from models.evaluation import pages
from models.evaluation.behaviour import SuiteError
from models.evaluation.contestants import Contestant, MissingPackageError, lexicons, packaged, tfidf
from models.evaluation.leaderboard import Plan, evaluate
from models.evaluation.leak import LeakError, check
from models.evaluation.scores import KeptScores
from models.evaluation.speed import SECONDS, SpeedError
from models.sentiment.artifact import available, folder_of
from models.sentiment.contract import ArtifactError, UnknownModelError
from models.training.data.catalogue import CATALOGUE, DataError, read_catalogue, seen
from models.training.data.rows import development_rows, load_rows, load_unseen, thinned
from models.training.packaging import spread
from models.training.packaging.spread import MOST_OF_A_SOURCE, SpreadError

CACHE = Path.home() / ".cache" / "sentinela" / "evaluation"

_TRAINING_ROWS_PER_SAMPLED = 10
_COLUMNS = ("text", "language", "kind")
_FAULTS = (
    ArtifactError,
    UnknownModelError,
    DataError,
    LeakError,
    MissingPackageError,
    SpeedError,
    SpreadError,
    SuiteError,
)
_CONSOLE = Console(stderr=True)
app = typer.Typer(add_completion=False)


@app.command()
def command(
    data: Annotated[Path, typer.Option(help="folder of labelled Parquet files that the catalogue names")],
    models: Annotated[
        list[str] | None,
        typer.Argument(help="packaged models, or folders of artefacts; all packaged ones unless given"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder the two pages are written to")] = Path("docs"),
    sample: Annotated[
        int | None, typer.Option(min=1, help="a quick look: at most so many held-out rows of a data set")
    ] = None,
    baselines: Annotated[bool, typer.Option(help="measure VADER, TextBlob and TF-IDF too")] = True,
    catalogue: Annotated[Path, typer.Option(help="TOML file that names the data sets")] = CATALOGUE,
    spread_only: Annotated[
        bool,
        typer.Option("--spread", help="write into each model how far it is off what people say, and no page"),
    ] = False,
    seconds: Annotated[float, typer.Option(min=0, help="processor time for each reading of a speed")] = SECONDS,
    cache: Annotated[Path, typer.Option(help="folder where scores are kept for the next run")] = CACHE,
) -> None:
    """Measure sentiment models on held-out rows; write leaderboard.md and leaderboard.html, or each model's spread."""
    try:
        contestants = [packaged(name) for name in (available() if models is None else models)]
        if not contestants and not baselines:
            raise UnknownModelError("there is nothing to measure; name a model or leave the baselines in")
        _CONSOLE.print(f"Reading and splitting the rows of {data}")
        known = seen(read_catalogue(catalogue), {name for one in contestants for name in one.training_rows})
        frame = load_rows(data, known)
        unseen = thinned(load_unseen(data, known, frame), sample or MOST_OF_A_SOURCE)
        _CONSOLE.print("Looking for held-out rows among the others")
        leaks = check(frame)
        cache.mkdir(parents=True, exist_ok=True)
        if spread_only:
            rows = thinned(development_rows(frame), sample or MOST_OF_A_SOURCE)
            return _write_spreads(contestants, frame, pd.concat([rows, unseen], ignore_index=True), cache)
        out.mkdir(parents=True, exist_ok=True)
        contestants += _baselines(frame, sample, cache) if baselines else []
        board = evaluate(contestants, frame, unseen, leaks, Plan(cache, sample, seconds))
    except _FAULTS as fault:
        _CONSOLE.print(str(fault), style="red", markup=False)
        raise typer.Exit(1) from fault
    for path in pages.write(board, out):
        _CONSOLE.print(f"Wrote {path}")


def main() -> None:
    """Read the command line and evaluate."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    app()


def _write_spreads(contestants: list[Contestant], frame: pd.DataFrame, rows: pd.DataFrame, cache: Path) -> None:
    trained = Counter(frame.loc[frame["part"] == "train", "dataset"])
    for contestant in contestants:
        if strange := sorted(set(contestant.strange_sets(trained)) & set(rows["dataset"])):
            raise SpreadError(
                f"{contestant.version} was trained on another number of rows of {', '.join(strange)} than this split "
                "has, so held-out rows may be among them; measure it on the data that it was trained on"
            )
        scores = KeptScores(contestant, cache).predict(*(rows[name].tolist() for name in _COLUMNS))
        sources = spread.sources(rows, scores)
        spread.write(folder_of(contestant.spec), spread.measure(sources, contestant.training_rows))
        _CONSOLE.print(f"Wrote the spread of {contestant.version} over {len(sources)} data sets into its manifest")


def _baselines(frame: pd.DataFrame, sample: int | None, cache: Path) -> list[Contestant]:
    most = None if sample is None else sample * _TRAINING_ROWS_PER_SAMPLED
    train = thinned(frame[frame["part"] == "train"], most)
    _CONSOLE.print(f"TF-IDF learns from {len(train):,} rows, unless it has before")
    return [*lexicons(), tfidf(train, cache)]


if __name__ == "__main__":
    main()
