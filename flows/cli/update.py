"""`holdfast update`: what to write into a running circuit so that it computes another network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug

FOLDER = "A folder with a dataflow.json, as compile makes it."


@app.command()
def update(
    old: Annotated[Path, typer.Argument(metavar="OLD", help=f"What the circuit computes. {FOLDER}")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help=f"What it shall compute. {FOLDER}")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.json", help="Where the words go.")] = Path("update.json"),
    debug: Debug = False,
) -> None:
    """List the words that turn a circuit with writable thresholds or weights into another network."""
    with one_line(debug):
        from flows.update import compare, write_record

        record = compare(old, new)
        write_record(record, out)
        for name, words in record["operators"].items():
            typer.echo(f"{name}: {words} words")
        typer.echo(f"{len(record['writes'])} of {record['writable_words']} writable words; written: {out}")
