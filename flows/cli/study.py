"""`holdfast study SPEC.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Data, Debug
from flows.cli.stages import configure
from flows.run.display import ConsoleDisplay


@app.command()
def study(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="The runs (docs/robustness.md).")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the run directories go.")] = Path("runs"),
    results: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where results are kept.")] = Path("results"),
    page: Annotated[Path, typer.Option(metavar="FILE", help="The page whose tables are made anew.")] = Path(
        "docs/robustness.md"
    ),
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this run.")] = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Make many runs from one file and the tables of what they showed; the same command goes on where it stopped."""
    from flows.report import ensembles, noise_table, robustness
    from flows.study.run import run_study
    from flows.study.spec import load_study

    with one_line(debug):
        console = Console(stderr=True)
        written = run_study(
            load_study(spec).only(only or []),
            out,
            results,
            lambda entry: configure(entry.preset, entry.settings(), data),
            lambda names: ConsoleDisplay(console, names),
            console.print,
        )
        for tables in (robustness, noise_table, ensembles):
            tables.write_page(page, results)
        typer.echo(f"written: {written}, {page}")
