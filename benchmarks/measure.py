"""One unit through Yosys and nextpnr between registers of its own: what it takes of an ECP5-85, and how fast it is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.synthesize import nextpnr, usage, yosys
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.op import Op
from hw.registers import blocks
from hw.top.stitch import stitch, top_module

BOARD = "ulx3s_85f"
CLOCK_MHZ = 150.0
#: Pins of the board, with the clock that nextpnr is to aim at.
PINS = """LOCATE COMP "clk" SITE "G2";
LOCATE COMP "scan_in" SITE "M1";
LOCATE COMP "scan_out" SITE "L4";
IOBUF PORT "clk" IO_TYPE=LVCMOS33;
IOBUF PORT "scan_in" IO_TYPE=LVCMOS33;
IOBUF PORT "scan_out" IO_TYPE=LVCMOS33;
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """A SystemVerilog module with one input and one output stream. `files`: name -> text, its sources and memories.
    `writable`: it has the ports of `docs/registers.md`."""

    module: str
    files: Mapping[str, str]
    in_width: int
    out_width: int
    parameters: Mapping[str, int | str]
    multipliers: bool = False
    writable: bool = False


def of_operator(op: Op) -> Unit:
    """The circuit of one operator with one input and one output."""
    dataflow = Dataflow("unit", (op,))
    streams, multipliers = (dataflow.input.width, dataflow.output.width), op.resources().dsp > 0
    return Unit(top_module(dataflow), stitch(dataflow), *streams, {}, multipliers, bool(blocks(dataflow)))


def measure(unit: Unit, seeds: Sequence[int]) -> dict[str, object]:
    """Places and routes `unit` once per seed.

    Returns `lut4`, `ff`, `ebr`, `dsp` (positions of the device that the unit takes, without the registers around it)
    and `fmax_mhz`, a number per seed. Raises FlowError where a tool refuses it.
    """
    board = load(BOARD)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        folder = Path(name)
        for file, text in {**unit.files, "harness.sv": _harness(unit), "pins.lpf": PINS}.items():
            (folder / file).write_text(text)
        sources = sorted(path.name for path in folder.glob("*.sv"))
        commands = yosys.script(sources, "harness", "harness", "netlist.json", multipliers=unit.multipliers)
        yosys.synthesize(folder, commands, _silent)
        fmax = []
        for seed in seeds:
            nextpnr.place_and_route(
                folder,
                board.nextpnr,
                "netlist.json",
                "pins.lpf",
                {"write": "routed.json", "report": "timing.json"},
                clock_mhz=CLOCK_MHZ,
                seed=seed,
                progress=_silent,
            )
            fmax.append(round(min(reached for reached, _ in nextpnr.clocks(folder / "timing.json").values()), 1))
        (used,) = usage.read(folder / "routed.json", ["under_test."]).ops
    return asdict(used) | {"fmax_mhz": fmax}


def _harness(unit: Unit) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("harness.sv.j2").render(
        module=unit.module,
        in_width=unit.in_width,
        out_width=unit.out_width,
        parameters=unit.parameters,
        writable=unit.writable,
    )


def _silent(text: str) -> None:
    """The benchmarks say only what they measured."""
