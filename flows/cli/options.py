"""Options that several commands share, and the console of their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Preset = Annotated[str, typer.Argument(help="A preset's name (see holdfast presets) or a file.toml.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, as in train.epochs=3.")]
From = Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Run this stage and what follows again.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The run directory [default: runs/<name>].")]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The data sets [default: HOLDFAST_DATA].")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error was raised.")]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run directory.")]

LOG_WIDTH = 120  # of tables, where no terminal says


def table_console(width: int = LOG_WIDTH) -> Console:
    """Standard output, `width` characters wide where no terminal says."""
    console = Console()
    return console if console.is_terminal else Console(width=width)
