"""The command line: `holdfast run PRESET`, one command per stage, presets, data."""

from __future__ import annotations

import dataclasses
import json
import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from brevitas_models.errors import ModelError
from flows import environment
from flows.config import Config, load_preset, load_toml, override, preset_names
from flows.errors import FlowError
from flows.run.display import ConsoleDisplay
from flows.run.engine import execute
from flows.run.stage import Stage, after, needed_for, until
from flows.stages import STAGES
from flows.verify.table import ladder_table
from hw.errors import HardwareError

app = typer.Typer(
    help="Trains quantized networks that withstand attacks, compiles them to circuits and attacks the circuits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
LOG_WIDTH = 120  # of tables, where no terminal says

data_app = typer.Typer(help="The data sets.", no_args_is_help=True)
app.add_typer(data_app, name="data")
OWN_COMMANDS = ("compile", "verify")  # they take a QONNX file or its folder as well: flows/foreign/commands.py

Preset = Annotated[str, typer.Argument(help="A preset's name (see holdfast presets) or a file.toml.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, as in train.epochs=3.")]
From = Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Run this stage and what follows again.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The run directory [default: runs/<name>].")]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The data sets [default: HOLDFAST_DATA].")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error was raised.")]


@contextmanager
def _one_line(debug: bool) -> Iterator[None]:
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


def configure(preset: str, settings: list[str], data: Path | None) -> Config:
    """The configuration that the options describe. `data` wins over the configuration, that over HOLDFAST_DATA."""
    config = load_toml(Path(preset)) if preset.endswith(".toml") else load_preset(preset)
    config = override(config, settings)
    directory = str(data) if data else config.data.directory or environment.data_directory() or ""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, directory=directory))


def _go(
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
        console = Console() if Console().is_terminal else Console(width=LOG_WIDTH)
        console.print(ladder_table(json.loads((run / "verify" / "verify.json").read_text())))
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
    with _one_line(debug):
        _go(until(STAGES, until_stage or STAGES[-1].name), preset, settings, again, out, data)


def _stage_command(name: str) -> Callable[..., None]:
    def command(
        preset: Preset,
        settings: Set = None,
        again: From = None,
        out: Out = None,
        data: Data = None,
        debug: Debug = False,
    ) -> None:
        with _one_line(debug):
            _go(needed_for(STAGES, name), preset, settings, again, out, data)

    command.__doc__ = f"Run the {name} stage and what it needs."
    return command


for _stage in STAGES:
    if _stage.name in OWN_COMMANDS:
        continue
    if _stage.name == "data":
        data_app.command("read")(_stage_command("data"))
    else:
        app.command(_stage.name)(_stage_command(_stage.name))


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A data set, such as mnist.")],
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="Where to [default: HOLDFAST_DATA].")] = None,
    debug: Debug = False,
) -> None:
    """Download a data set and check that it is the original."""
    from brevitas_models.data.fetch import fetch as fetch_files

    with _one_line(debug):
        directory = to or environment.data_directory()
        if directory is None:
            raise FlowError("expected a folder for the data, got none; give --to DIR or set HOLDFAST_DATA")
        with Console(stderr=True).status(f"fetching {name}"):
            files = fetch_files(name, Path(directory))
        for file in files:
            typer.echo(file)


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
    with _one_line(debug):
        with Console(stderr=True).status("reading the run") as status:
            record = audit_run(run, names, images, lambda done, text: status.update(f"{done:4.0%}  {text}"))
        if as_json:
            typer.echo(json.dumps(record, indent=1))
        else:
            console = Console() if Console().is_terminal else Console(width=LOG_WIDTH)
            console.print(audit_tables(record, names))
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

    with _one_line(debug):
        with Console(stderr=True).status("reading the run") as status:
            record = certify_run(run, epsilon, images, split, lambda done, text: status.update(f"{done:4.0%}  {text}"))
        proved, clean = record["certified"], record["clean"]
        typer.echo(
            f"epsilon {record['epsilon']:.4g} ({record['budget']} codes), {proved['images']} images: clean "
            f"{clean['accuracy']:.2%}, proved {proved['accuracy']:.2%} ({proved['low']:.2%} to {proved['high']:.2%})"
        )
        typer.echo(f"written: {run / 'certify.json'}")


@app.command()
def presets() -> None:
    """List the presets."""
    for name in preset_names():
        typer.echo(name)


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    results: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where results are kept.")] = Path("results"),
    readme: Annotated[Path, typer.Option(metavar="FILE", help="The page whose table is made anew.")] = Path(
        "README.md"
    ),
    debug: Debug = False,
) -> None:
    """Keep a run's headline numbers as results/<name>.json and make the README's table from all of them."""
    from flows.report.results import publish as keep
    from flows.report.results import write_table

    with _one_line(debug):
        typer.echo(keep(run, results))
        write_table(readme, results)


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

    with _one_line(debug):
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

    with _one_line(debug):
        token = read_token(token_file) if token_file else None
        limits = Limits(connections=connections, idle=idle)
        answer(run, target, host, port, token, limits, typer.echo)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"holdfast {metadata.version('holdfast')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


from flows.foreign import commands as _foreign  # noqa: E402 - it adds its commands to `app`

_foreign.register(app, _one_line, _go)
