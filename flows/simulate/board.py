"""A whole board's top to a program that stands at its pins: cached, and whole or absent if the process is killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flows.simulate.objects import COMPILE, compile_objects
from flows.simulate.toolchain import Toolchain, find_toolchain, run_tool
from hw.boards import top
from hw.boards.board import Board
from hw.dataflow import Dataflow

HERE = Path(__file__).parent
#: What the clock generator does in simulation, where time is counted in cycles: the clock it makes is the one it gets.
PLL, PLL_BODY = "EHXPLLL.sv", "  assign CLKOP = CLKI;\n  assign CLKOS = CLKI;\n  assign LOCK  = 1'b1;\n"
PINS = HERE / "uart_pins.h"
#: Programs at the pins: bytes on standard input and output, or one order after the other.
BRIDGE, ORDERS = HERE / "uart_bridge.cpp", HERE / "uart_driver.cpp"
VERILATOR = (
    *("--cc", "-O3", "--no-timing", "--output-split", "20000"),
    *("--x-assign", "unique", "--x-initial", "unique", "-Wall", "-Wno-GENUNNAMED", "-Wno-UNUSEDSIGNAL"),
    # The power-on reset is made of initial values, on purpose; a PLL's parameters mean nothing here.
    *("-Wno-PROCASSINIT", "-Wno-UNUSEDPARAM"),
)


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """What a simulated board does not take from the real one, to be fast. `clocks_per_bit`: of the UART, at least 4
    (25 on a board with 25 MHz and 1 Mbaud); `timeout_bytes`: silence that cuts a request short (2048 there)."""

    clocks_per_bit: int = 4
    timeout_bytes: int = 64


def build_board(
    dataflow: Dataflow, board: Board, folder: Path, *, clock_mhz: float, timing: LinkTiming, program: Path = BRIDGE
) -> Path:
    """Writes the board's circuit to `folder/rtl`, compiles `program` with it to `folder/board` and returns that path.

    It finds its memories in `folder/rtl`, where it must run. What is there already is kept while sources, tools and
    options are the same. Raises FlowError for a missing tool or where a tool refuses the circuit, HardwareError where
    the dataflow does not fit the board.
    """
    tools = find_toolchain()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
        fresh = Path(work) / "rtl"
        paths = top.write(dataflow, board, fresh, clock_mhz=clock_mhz)
        _fill_in(fresh / PLL)
        flags = [f"-I{HERE}", *_pins(board, timing)]
        parameters = (f"-GCLOCKS_PER_BIT={timing.clocks_per_bit}", f"-GTIMEOUT_BYTES={timing.timeout_bytes}")
        options = [*VERILATOR, "--top-module", top.TOP, *parameters]
        texts = [(path.name, path.read_text()) for path in (*sorted(fresh.iterdir()), program, PINS)]
        parts = [texts, options, flags, COMPILE, tools.versions, tools.compiler]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        binary, stamp = folder / "board", folder / "board.json"
        if binary.is_file() and _read(stamp) == key:
            return binary
        stamp.unlink(missing_ok=True)
        sources = [path.name for path in paths if path.suffix == ".sv"]
        os.replace(_compile(tools, options, sources, fresh, program, flags), binary)
        shutil.rmtree(folder / "rtl", ignore_errors=True)
        fresh.rename(folder / "rtl")
        note = Path(work) / "stamp"
        note.write_text(json.dumps({"key": key}) + "\n")
        os.replace(note, stamp)
    return binary


def _compile(
    tools: Toolchain, options: list[str], sources: list[str], rtl: Path, program: Path, flags: list[str]
) -> Path:
    work = rtl.parent.resolve() / "objects"
    work.mkdir()
    run_tool([tools.verilator, *options, "--Mdir", str(work), *sources], rtl, tools, "Verilator")
    units = [program.resolve(), *sorted(work.glob(f"V{top.TOP}*.cpp"))]
    objects = compile_objects(tools, units, [*flags, f"-I{work}"], work)
    binary = work / "board"
    run_tool([*tools.compiler, "-pthread", *map(str, objects), "-o", str(binary)], work, tools, "the C++ linker")
    return binary


def _pins(board: Board, timing: LinkTiming) -> list[str]:
    names = {"CLOCK_PIN": board.clock_pin, "RX_PIN": board.rx_pin, "TX_PIN": board.tx_pin}
    if board.reset_pin:
        names |= {"RESET_PIN": board.reset_pin, "RESET_LEVEL": str(int(not board.reset_low))}
    names["CLOCKS_PER_BIT"] = str(timing.clocks_per_bit)
    return [f"-D{name}={value}" for name, value in names.items()]


def _fill_in(declaration: Path) -> None:
    """Gives the clock generator, of which synthesis needs ports and parameters only, its contents."""
    ports = declaration.read_text().replace("(* blackbox *)\n", "").removesuffix("endmodule\n")
    declaration.write_text(f"{ports}{PLL_BODY}endmodule\n")


def _read(stamp: Path) -> str | None:
    try:
        return json.loads(stamp.read_text())["key"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
