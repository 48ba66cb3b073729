"""`holdfast audit` and `holdfast certify`: how far a finished run can be believed, and what is proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug, table_console


@app.command()
def audit(
    run: Annotated[Path, typer.Argument(help="A run directory whose attack stage has finished.")],
    network: Annotated[
        list[str] | None, typer.Option(help="defended, quantized or float; may be repeated [default: defended].")
    ] = None,
    images: Annotated[int | None, typer.Option(help="Test images [default: as many as the run attacked].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print audit.json instead of tables.")] = False,
    debug: Debug = False,
) -> None:
    """Judge a run's robustness figures: sound (status 0), suspicious (2) or masked (3); writes RUN/audit.json."""
    from flows.audit.record import worst
    from flows.audit.run import audit_run
    from flows.audit.table import audit_tables

    names = tuple(network or ("defended",))
    with one_line(debug):
        with Console(stderr=True).status("reading the run") as status:
            record = audit_run(run, names, images, lambda done, text: status.update(f"{done:4.0%}  {text}"))
        if as_json:
            typer.echo(json.dumps(record, indent=1))
        else:
            table_console().print(audit_tables(record, names))
            typer.echo(f"written: {run / 'audit.json'}")
    raise typer.Exit(worst(record, names).exit_status)


@app.command()
def certify(
    run: Annotated[Path, typer.Argument(help="A run directory whose compile stage has finished.")],
    epsilon: Annotated[float | None, typer.Option(help="Pixel units [default: the run's attack.epsilon].")] = None,
    images: Annotated[int | None, typer.Option(help="Test images [default: all].")] = None,
    split: Annotated[int, typer.Option(metavar="NODES", min=0, help="Split undecided boxes so often.")] = 0,
    debug: Debug = False,
) -> None:
    """Prove for how many test images no change within epsilon alters the class; writes RUN/certify.json."""
    from flows.certify.run import certify_run

    with one_line(debug):
        with Console(stderr=True).status("reading the run") as status:
            record = certify_run(run, epsilon, images, split, lambda done, text: status.update(f"{done:4.0%}  {text}"))
        proved, clean = record["certified"], record["clean"]
        typer.echo(
            f"epsilon {record['epsilon']:.4g} ({record['budget']} codes), {proved['images']} images: clean "
            f"{clean['accuracy']:.2%}, proved {proved['accuracy']:.2%} ({proved['low']:.2%} to {proved['high']:.2%})"
        )
        typer.echo(f"written: {run / 'certify.json'}")
