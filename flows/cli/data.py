"""`holdfast data fetch` and `holdfast presets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import environment
from flows.cli.app import app, data_app
from flows.cli.one_line import one_line
from flows.cli.options import Debug
from flows.config import preset_names
from flows.errors import FlowError


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A data set, such as mnist.")],
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where to [default: HOLDFAST_DATA].")] = None,
    debug: Debug = False,
) -> None:
    """Download a data set and check that it is the original."""
    from brevitas_models.data.fetch import fetch as fetch_files

    with one_line(debug):
        directory = to or environment.data_directory()
        if directory is None:
            raise FlowError("expected a folder for the data, got none; give --to DIR or set HOLDFAST_DATA")
        with Console(stderr=True).status(f"fetching {name}"):
            files = fetch_files(name, Path(directory))
        for file in files:
            typer.echo(file)


@app.command()
def presets() -> None:
    """List the presets."""
    for name in preset_names():
        typer.echo(name)
