"""`holdfast build-amd`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug


@app.command("build-amd")
def build_amd(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory whose compile stage has finished.")],
    board: Annotated[str, typer.Option("--board", help="Pynq-Z1, Pynq-Z2, Ultra96, ZCU104, KV260 or U250.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the build goes.")],
    bitfile: Annotated[bool, typer.Option("--bitfile", help="Fail where there is no Vivado to make one.")] = False,
    debug: Debug = False,
) -> None:
    """Make a FINN build for an AMD board: all that needs no Vivado here, the bitfile where Vivado is."""
    with one_line(debug):
        from flows.compile.amd.run_build import build_amd as build

        with Console(stderr=True).status("reading the run") as status:
            lines = build(run, board, out, bitfile, status.update)
        for line in lines:
            typer.echo(line)
