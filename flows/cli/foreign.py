"""`holdfast check`, `compile` and `verify` of a QONNX file, `bitstream` of its circuit; a preset's name runs stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.app import app
from flows.cli.one_line import one_line
from flows.cli.options import Debug, table_console
from flows.cli.stages import run_stages
from flows.errors import FlowError
from flows.run.stage import needed_for
from flows.stages import STAGES

WIDTH = 160  # of tables, where no terminal says

Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As in compile.fifo_depth=2.")]
Again = Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Of a preset: run this stage again.")]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Of a preset: the data sets.")]
Pixels = Annotated[
    str | None,
    typer.Option(
        "--input", metavar="MAP", help="Pixels as unit (code / 255), symmetric (2 code / 255 - 1) or codes [guessed]."
    ),
]


@app.command()
def check(
    model: Annotated[Path, typer.Argument(help="A QONNX file.")], pixels: Pixels = None, debug: Debug = False
) -> None:
    """Show how every node of a QONNX file maps to hardware; exit status 1 if one does not."""
    with one_line(debug):
        from flows.foreign.check import examine, survey_table

        found = examine(model_file(str(model)), input_map(pixels))
        table_console(WIDTH).print(survey_table(found))
        typer.echo(found.input_line())
        if found.whole:
            typer.echo(f"no circuit: {found.whole}")
    if not found.maps:
        raise typer.Exit(1)


@app.command("compile")
def compile_command(
    what: Annotated[str, typer.Argument(metavar="MODEL.onnx|PRESET", help="A QONNX file, or a preset.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the circuit goes.")] = None,
    board: Annotated[str | None, typer.Option(help="Its clock, and whether the circuit fits.")] = None,
    clock_mhz: Annotated[float | None, typer.Option(metavar="F", help="The circuit's clock.")] = None,
    target_fps: Annotated[int | None, typer.Option(metavar="N", help="Frames a second to fold for.")] = None,
    folding: Annotated[
        Path | None,
        typer.Option("--folding", metavar="FILE.json", help="PE and SIMD by node (see holdfast fold)."),
    ] = None,
    pixels: Pixels = None,
    settings: Settings = None,
    again: Again = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Compile a QONNX file to a circuit; with a preset, run its compile stage and what it needs."""
    with one_line(debug):
        changes = [*(settings or []), *([f'compile.folding_config_file="{folding}"'] if folding else [])]
        if not what.endswith(".onnx"):
            run_stages(needed_for(STAGES, "compile"), what, changes, again, out, data)
            return
        from flows.foreign import compile as foreign

        if out is None:
            raise FlowError("--out: expected a folder for the circuit, got none")
        config = foreign.settings(clock_mhz, target_fps, board, changes)
        with Console(stderr=True).status("compiling") as status:
            foreign.compile_foreign(
                model_file(what), out, config, mapping=input_map(pixels), board_name=board, progress=status.update
            )
        for line in compiled_lines(json.loads((out / foreign.RECORD).read_text())):
            typer.echo(line)
        typer.echo(f"written: {out}")


@app.command("verify")
def verify_command(
    what: Annotated[str, typer.Argument(metavar="DIR|PRESET", help="What compile --out made, or a preset.")],
    images: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="uint8 (N, C, H, W) [made].")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Their classes (N,).")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Images of the slow executors; 0 means all.")] = 50,
    rtl: Annotated[int, typer.Option(min=0, help="Images of the circuit; 0 means all.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Of a preset: the run.")] = None,
    settings: Settings = None,
    again: Again = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Compare every engine's integers on a compiled QONNX file; with a preset, run its verify stage."""
    with one_line(debug):
        if not _compiled(what):
            run_stages(needed_for(STAGES, "verify"), what, settings, again, out, data)
            return
        from flows.foreign.verify import mismatches, verify_folder
        from flows.verify.table import ladder_table

        if labels is not None and images is None:
            raise FlowError("--labels: expected --images with them, got none")
        with Console(stderr=True).status("verifying") as status:
            record = verify_folder(Path(what), images, labels, sample=sample, rtl=rtl, progress=status.update)
        table_console(WIDTH).print(ladder_table(record))
        circuit = record["circuit"]
        typer.echo(f"cycles per frame: {circuit['cycles_per_frame']}, bound {circuit['cycles_per_frame_bound']}")
        typer.echo(f"written: {Path(what) / 'verify.json'}")
        if wrong := mismatches(record):
            raise FlowError(f"expected the golden integers everywhere, got others on {', '.join(wrong)}")


@app.command("bitstream")
def bitstream_command(
    what: Annotated[str, typer.Argument(metavar="DIR|PRESET", help="What compile --out made, or a preset.")],
    board: Annotated[str | None, typer.Option(help="Of a folder: its board [what it was compiled for].")] = None,
    clock_mhz: Annotated[
        float | None, typer.Option(metavar="F", help="Of a folder [what it was compiled for].")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of a folder: place and route.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Of a preset: the run.")] = None,
    settings: Settings = None,
    again: Again = None,
    data: Data = None,
    debug: Debug = False,
) -> None:
    """Synthesize, place and route a compiled QONNX file; with a preset, run its bitstream stage."""
    with one_line(debug):
        if not _compiled(what):
            run_stages(needed_for(STAGES, "bitstream"), what, settings, again, out, data)
            return
        from flows.foreign.bitstream import FOLDER, bitstream_lines, bitstream_of

        with Console(stderr=True).status("synthesis") as status:
            record = bitstream_of(Path(what), board, clock_mhz=clock_mhz, seed=seed, progress=status.update)
        for line in bitstream_lines(record):
            typer.echo(line)
        typer.echo(f"written: {Path(what) / FOLDER / record['bitstream']}")


def compiled_lines(record: dict) -> list[str]:
    """What a user wants to know of `compile.json`."""
    bound, clock = record["cycles_per_frame_bound"], record["clock_mhz"]
    lines = [
        f"input: {record['input']['map']}{' (guessed; see --input)' if record['input']['guessed'] else ''}",
        f"{bound} cycles per frame, {clock * 1e6 / bound:,.0f} frames/s at {clock:g} MHz, limited by "
        f"{record['limited_by']}{'' if record['target_met'] else '; the target is out of reach'}",
        "estimate: " + ", ".join(f"{value:,} {name}" for name, value in record["estimate"].items()),
    ]
    if record["host"]:
        lines.append(f"host: {record['host']}")
    if record["finn"] is None:
        lines.append(f"finn: not available: {record['finn_reason']}")
    return lines


def _compiled(what: str) -> bool:
    """Whether it names a compiled folder rather than a preset. Raises FlowError for a folder of another kind."""
    if (Path(what) / "dataflow.json").is_file():
        return True
    if Path(what).is_dir():
        raise FlowError(f"{what}: expected a folder that holdfast compile MODEL.onnx made, got another")
    return False


def model_file(path: str) -> Path:
    if not Path(path).is_file():
        raise FlowError(f"{path}: expected a QONNX file, got no such file")
    return Path(path)


def input_map(name: str | None):
    from flows.compile.input_map import InputMap

    if name is None:
        return None
    choices = [member.value for member in InputMap]
    if name not in choices:
        raise FlowError(f"--input: expected one of {', '.join(choices)}, got {name!r}")
    return InputMap(name)
