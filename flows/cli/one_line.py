"""What a user can mend, as one line and an exit status."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from brevitas_models.errors import ModelError
from flows.errors import FlowError
from hw.errors import HardwareError


@contextmanager
def one_line(debug: bool) -> Iterator[None]:
    """Turns what a user can mend into one line on stderr and exit status 1."""
    if not debug:
        warnings.simplefilter("ignore")  # of other people's packages, about each other
    try:
        yield
    except (FlowError, ModelError, HardwareError) as error:
        if debug:
            raise
        typer.echo(f"holdfast: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        if debug:
            raise
        where, why = error.filename or "a file", error.strerror or str(error)
        typer.echo(f"holdfast: {where}: expected to be able to read and write it, got: {why}; name another", err=True)
        raise typer.Exit(1) from None
    except Exception as error:  # the last line of defence: a fault of ours, which --debug shows whole
        if debug:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        typer.echo(f"holdfast: unexpected {what}; please report it with what --debug prints", err=True)
        raise typer.Exit(70) from None
    except KeyboardInterrupt:
        typer.echo("holdfast: stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
