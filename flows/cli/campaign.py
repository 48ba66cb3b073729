"""`holdfast campaign` and `holdfast serve`: many attacks, and a circuit that others may attack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import LOG_WIDTH, Debug


@app.command()
def campaign(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="What to attack, and how (docs/campaigns.md).")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results are kept.")],
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes, or Ray actors.")] = 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster: HOST:PORT, auto or local.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Attack targets with many attacks and budgets; the same command goes on where it was stopped."""
    from flows.campaign.command import run_command

    with one_line(debug):
        run_command(spec, out, workers, ray, Console(stderr=True), Console(width=LOG_WIDTH))


@app.command()
def serve(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="rtl or onnxruntime.")] = "rtl",
    host: Annotated[str, typer.Option("--host", help="Other addresses than loopback need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one, printed.")] = 0,
    token_file: Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="One line.")] = None,
    connections: Annotated[int, typer.Option("--connections", metavar="N", min=1, help="At most.")] = 64,
    idle: Annotated[float, typer.Option("--idle", metavar="SECONDS", help="Before a client is dropped.")] = 600.0,
    debug: Debug = False,
) -> None:
    """Answer for a run's circuit over the network (docs/remote.md)."""
    from flows.remote.client import read_token
    from flows.remote.serve import serve as answer
    from flows.remote.server import Limits

    with one_line(debug):
        token = read_token(token_file) if token_file else None
        limits = Limits(connections=connections, idle=idle)
        answer(run, target, host, port, token, limits, typer.echo)
