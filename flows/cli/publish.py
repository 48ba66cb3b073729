"""`holdfast publish RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    results: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where results are kept.")] = Path("results"),
    readme: Annotated[Path, typer.Option(metavar="FILE", help="The page whose table is made anew.")] = Path(
        "README.md"
    ),
    debug: Debug = False,
) -> None:
    """Keep a run's headline numbers as results/<name>.json and make the README's table from all of them."""
    from flows.report.results import publish as keep
    from flows.report.results import write_table

    with one_line(debug):
        typer.echo(keep(run, results))
        write_table(readme, results)
