"""`holdfast ensemble RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug
from flows.ensemble.effort import Effort

USUAL = Effort()


@app.command()
def ensemble(
    run: Annotated[Path, typer.Argument(help="A run directory whose train stage has finished, with quant.members.")],
    images: Annotated[int, typer.Option(min=1, help="Test images to attack.")] = USUAL.images,
    steps: Annotated[int, typer.Option(min=1, help="Of every attack.")] = USUAL.steps,
    draws: Annotated[int, typer.Option(min=20, help="That an attack averages over.")] = USUAL.draws,
    debug: Debug = False,
) -> None:
    """Attack an ensemble over its noise, detect that, and draw its information plane; writes RUN/ensemble.json."""
    from flows.ensemble.record import NAME, PICTURE
    from flows.ensemble.run import judge_ensemble

    with one_line(debug):
        with Console(stderr=True).status("reading the run") as status:
            record = judge_ensemble(run, Effort(images, steps, draws), status.update)
        for answer in ("sum", "random"):
            left = record["answers"][answer]
            typer.echo(
                f"{answer}: clean {left['clean']:.1%}, fgsm {left['fgsm']:.1%}, pgd of one draw "
                f"{left['one_draw_pgd']:.1%}, eot-pgd {left['eot_pgd']:.1%}"
            )
        for row in record["detection"]:
            shown = "-" if row["auroc"] is None else f"{row['auroc']:.3f}"
            typer.echo(f"detection of {row['attack']}: AUROC {shown} ({row['images']} images)")
        typer.echo(f"written: {run / NAME}, {run / PICTURE}")
