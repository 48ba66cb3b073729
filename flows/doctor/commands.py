"""`holdfast doctor`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer
from rich.console import Console

from flows.doctor.examine import examine
from flows.doctor.finding import as_record, lacking
from flows.doctor.table import findings_table
from flows.errors import FlowError

WIDTH = 160  # of the table, where no terminal says


def register(app: typer.Typer, one_line: Callable[[bool], AbstractContextManager[None]]) -> None:
    """Adds the command. `one_line`: turns errors into one line."""

    @app.command()
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
        require: Annotated[
            list[str] | None, typer.Option("--require", metavar="NAME", help="Fail without this one too (may repeat).")
        ] = None,
        deep: Annotated[bool, typer.Option("--deep", help="Import every package as well (a minute).")] = False,
        debug: Annotated[bool, typer.Option("--debug", help="Show where an error was raised.")] = False,
    ) -> None:
        """Show which tools, boards and accelerators are there; exit status 1 if the open flow lacks something."""
        with one_line(debug):
            findings, required = examine(deep), require or []
            _check_names(required, [finding.name for finding in findings])
            missing = lacking(findings, required)
            if as_json:
                typer.echo(json.dumps(as_record(findings, required), indent=1))
            else:
                console = Console()
                console = console if console.is_terminal else Console(width=WIDTH)
                console.print(findings_table(findings, required))
                typer.echo(verdict([finding.name for finding in missing]))
        if missing:
            raise typer.Exit(1)


def verdict(missing: list[str]) -> str:
    return f"missing: {', '.join(missing)}" if missing else "everything that the open flow needs is there"


def _check_names(required: list[str], known: list[str]) -> None:
    for name in required:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise FlowError(f"--require: expected one of {', '.join(known)}, got {name!r}{hint}")
