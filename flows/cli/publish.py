"""`holdfast publish`: of a run, and of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="A finished run, or a campaign's folder.")],
    results: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where results are kept.")] = Path("results"),
    readme: Annotated[Path, typer.Option(metavar="FILE", help="The page whose table is made anew.")] = Path(
        "README.md"
    ),
    page: Annotated[Path, typer.Option(metavar="FILE", help="The page with the tables of campaigns.")] = Path(
        "docs/robustness.md"
    ),
    debug: Debug = False,
) -> None:
    """Keep a run's headline numbers, or a campaign's, under results/ and make the tables of the pages from them."""
    from flows.report import attack_table
    from flows.report.results import publish as keep
    from flows.report.results import write_table

    with one_line(debug):
        if (run / attack_table.RECORD).is_file():
            typer.echo(attack_table.publish_campaign(run, results))
            attack_table.write_page(page, results)
            return
        typer.echo(keep(run, results))
        write_table(readme, results)
