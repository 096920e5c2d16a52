"""The command ``sentinela-train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.sentiment.artifact import ARTIFACTS
from models.sentiment.contract import ArtifactError, UnknownModelError
from models.training.config import ConfigError, read_config, trainings
from models.training.data.catalogue import CATALOGUE, DataError
from models.training.networks.pretrained import PretrainedError
from models.training.packaging.package import newest_version

CACHE = Path.home() / ".cache" / "sentinela" / "training"

_FAULTS = (ArtifactError, UnknownModelError, ConfigError, DataError, PretrainedError, OSError)
app = typer.Typer(add_completion=False)


@app.command()
def command(
    name: Annotated[str, typer.Argument(help=f"one of {', '.join(trainings())}, or a .toml file of your own")],
    data: Annotated[Path, typer.Option(help="folder of labelled files to train on, or a file of labels of your own")],
    unlabelled: Annotated[Path | None, typer.Option(help="folder of Parquet files with texts of your feeds")] = None,
    out: Annotated[Path, typer.Option(help="folder of artefacts; NAME/VERSION is made in it")] = ARTIFACTS,
    cache: Annotated[Path, typer.Option(help="folder of checkpoints and TensorBoard logs")] = CACHE,
    seed: Annotated[int | None, typer.Option(help="another than the configuration's, with a folder of data")] = None,
    catalogue: Annotated[Path, typer.Option(help="TOML file that names the labelled files")] = CATALOGUE,
) -> None:
    """Train the sentiment model NAME and package it.

    With a folder of labelled files it is trained from the start; with a file (.csv, .jsonl, .parquet) that has the
    columns text and label, the packaged model learns on, and stays what it is unless that made it better.
    """
    from models.training.networks.fit import BackendError, CheckpointError
    from models.training.retrain import NotBetterError, retrain
    from models.training.train import train

    try:
        out.mkdir(parents=True, exist_ok=True)
        if data.is_file() and seed is not None:
            raise ConfigError("--seed is of a training anew, with a folder of data; leave it out")
        if data.is_file():
            packaged = out / Path(name).stem
            if not (newest := newest_version(packaged)):
                raise UnknownModelError(f"nothing is packaged in {packaged}; train {name} on a folder first")
            folder = retrain(packaged / str(newest), data, cache)
        else:
            config = read_config(name)
            config = config if seed is None else config.model_copy(update={"seed": seed})
            folder = train(config, data, unlabelled, out, cache, catalogue)
    except (*_FAULTS, NotBetterError, BackendError, CheckpointError) as fault:
        typer.secho(str(fault), fg="red", err=True)
        raise typer.Exit(1) from fault
    typer.echo(f"packaged in {folder}")


def main() -> None:
    """Read the command line and train."""
    app()
