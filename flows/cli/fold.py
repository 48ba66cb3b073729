"""`holdfast fold`: the fastest circuit that a board holds, or the smallest of a frame rate, and what limits it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.foreign import Pixels, input_map, model_file
from flows.cli.one_line import one_line
from flows.cli.options import Debug
from flows.errors import FlowError


@app.command()
def fold(
    what: Annotated[str, typer.Argument(metavar="MODEL.onnx|PRESET", help="A QONNX file, or a preset that has run.")],
    board: Annotated[str | None, typer.Option(help="What it must fit [of a preset: its own].")] = None,
    clock_mhz: Annotated[float | None, typer.Option(metavar="F", help="The circuit's clock [the board's].")] = None,
    target_fps: Annotated[
        int | None, typer.Option(metavar="N", help="The smallest circuit of this rate [the fastest that fits].")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.json", help="A folding file, as FINN's.")] = None,
    run: Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Of a preset [runs/<name>].")] = None,
    utilization: Annotated[
        float | None, typer.Option("--max-utilization", metavar="SHARE", help="Of LUT4 and flip-flops [0.85].")
    ] = None,
    pixels: Pixels = None,
    debug: Debug = False,
) -> None:
    """Fold a network to fill a board, or as small as a frame rate allows; say what limits it."""
    with one_line(debug):
        from flows.compile.folding import report
        from flows.foreign.fold import Wish, fold_model, fold_preset

        wish = Wish(board, clock_mhz, target_fps, utilization)
        with Console(stderr=True).status("folding") as status:
            if what.endswith(".onnx"):
                result = fold_model(model_file(what), wish, out, input_map(pixels), status.update)
            else:
                result = fold_preset(what, run, wish, out, status.update)
        for line in [*report.lines(result.folded, result.clock_mhz), *result.notes]:
            typer.echo(line)
        if out is not None:
            typer.echo(f"written: {out}")
        if not result.folded.fits or not result.folded.met:
            raise FlowError("no circuit is what was asked for; the lines above say what is nearest")
