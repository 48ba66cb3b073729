"""`holdfast doctor`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug, table_console
from flows.doctor.examine import examine
from flows.doctor.finding import as_record, check_names, lacking
from flows.doctor.table import findings_table

WIDTH = 160  # of the table, where no terminal says


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    require: Annotated[
        list[str] | None, typer.Option("--require", metavar="NAME", help="Fail without this one too (may repeat).")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Import every package as well (a minute).")] = False,
    debug: Debug = False,
) -> None:
    """Show which tools, boards and accelerators are there; exit status 1 if the open flow lacks something."""
    with one_line(debug):
        findings, required = examine(deep), require or []
        check_names(required, findings)
        missing = [finding.name for finding in lacking(findings, required)]
        if as_json:
            typer.echo(json.dumps(as_record(findings, required), indent=1))
        else:
            table_console(WIDTH).print(findings_table(findings, required))
            typer.echo(f"missing: {', '.join(missing)}" if missing else "everything that the open flow needs is there")
    if missing:
        raise typer.Exit(1)
