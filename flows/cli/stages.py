"""`holdfast run PRESET`, and one command per stage."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import environment
from flows.cli.app import app, data_app
from flows.cli.one_line import one_line
from flows.cli.options import Data, Debug, From, Out, Preset, Set, table_console
from flows.config import Config, load_preset, load_toml, override
from flows.errors import FlowError
from flows.run.display import ConsoleDisplay
from flows.run.engine import execute
from flows.run.stage import Stage, after, needed_for, until
from flows.stages import STAGES
from flows.verify.table import ladder_table

OWN_COMMANDS = ("compile", "verify", "bitstream")  # of QONNX files and their circuits as well: flows/cli/foreign.py


def configure(preset: str, settings: list[str], data: Path | None) -> Config:
    """The configuration that the options describe. `data` wins over the configuration, that over HOLDFAST_DATA."""
    config = load_toml(Path(preset)) if preset.endswith(".toml") else load_preset(preset)
    config = override(config, settings)
    directory = str(data) if data else config.data.directory or environment.data_directory() or ""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, directory=directory))


def run_stages(
    stages: tuple[Stage, ...],
    preset: str,
    settings: list[str] | None,
    again: str | None,
    out: Path | None,
    data: Path | None,
) -> None:
    config = configure(preset, settings or [], data)
    run = out or Path("runs") / config.name
    names = [stage.name for stage in stages]
    display = ConsoleDisplay(Console(stderr=True), names)
    command = shlex.join(["holdfast", "run", preset, *(word for item in settings or [] for word in ("--set", item))])
    execute(stages, config, run, display, _again(names, again), command)
    if "verify" in names:
        record = json.loads((run / "verify" / "verify.json").read_text())
        if "netlist" in names:
            record["rungs"] += json.loads((run / "netlist" / "netlist.json").read_text())["rungs"]
        table_console().print(ladder_table(record))
    typer.echo(f"report: {run / 'report.html'}" if "report" in names else f"written: {run / names[-1]}")


def _again(names: list[str], start: str | None) -> frozenset[str]:
    if start is None:
        return frozenset()
    again = after(STAGES, start)
    if start not in names:
        raise FlowError(f"--from {start}: expected a stage that this command runs, one of {', '.join(names)}")
    return again


@app.command()
def run(
    preset: Preset,
    settings: Set = None,
    until_stage: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="The last stage to run.")] = None,
    again: From = None,
    out: Out = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Train, attack, compile, verify and report; what did not change is not run again."""
    with one_line(debug):
        run_stages(until(STAGES, until_stage or STAGES[-1].name), preset, settings, again, out, data)


def _stage_command(name: str) -> Callable[..., None]:
    def command(
        preset: Preset,
        settings: Set = None,
        again: From = None,
        out: Out = None,
        data: Data = None,
        debug: Debug = False,
    ) -> None:
        with one_line(debug):
            run_stages(needed_for(STAGES, name), preset, settings, again, out, data)

    command.__doc__ = f"Run the {name} stage and what it needs."
    return command


for _stage in STAGES:
    if _stage.name in OWN_COMMANDS:
        continue
    if _stage.name == "data":
        data_app.command("read")(_stage_command("data"))
    else:
        app.command(_stage.name)(_stage_command(_stage.name))
