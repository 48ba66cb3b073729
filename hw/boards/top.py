"""The circuit of a whole board: pins, clock, reset, host link and the stitched dataflow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hw.boards import pll
from hw.boards.board import ROOM, Board
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.identity import identity as dataflow_identity
from hw.inttype import IntType
from hw.registers import blocks
from hw.stream import Stream
from hw.top import link
from hw.top.link.identity import Feature, Identity, Layout
from hw.top.stitch import stitch, top_module

TOP = "board_top"
MAX_BAUD_ERROR = 0.02


TEMPLATE = "board_top.sv.j2"
PRIMITIVES = ("EHXPLLL.sv",)
#: Requests that the board takes before it has answered the first.
SLOTS = 4
#: Input bytes up to which a frame for the whole input gets through a bad line often enough.
WHOLE_BYTES = 128


def network_id(dataflow: Dataflow) -> int:
    """The first 64 bits of the dataflow's identity: the same integers, the same number."""
    return int(dataflow_identity(dataflow)[:16], 16)


def identity(dataflow: Dataflow, board: Board, *, clock_mhz: float) -> Identity:
    """What this circuit on this board answers to HELLO. Raises HardwareError as `render` does."""
    fixed = [(path.name, path.read_text()) for path in (*link.sources(), board.constraints_path)]
    unnamed = _render(dataflow, board, clock_mhz, hello=b"")
    parts = [asdict(board), fixed, unnamed, sorted(stitch(dataflow).items())]
    return Identity(
        network_id=network_id(dataflow),
        build_id=_hash(parts),
        features=_features(dataflow),
        window=SLOTS,
        name=dataflow.name,
        input=Layout.of(dataflow.input),
        output=Layout.of(dataflow.output),
    )


def _features(dataflow: Dataflow) -> Feature:
    writable = Feature.THRESHOLDS if blocks(dataflow) else Feature(0)
    return writable | (Feature.PIECES if dataflow.input.elements > WHOLE_BYTES else Feature(0))


def _hash(value: object) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(value).encode()).digest()[:8], "big")


def clocks_per_bit(clock_mhz: float, baud: int) -> int:
    """Clock cycles per bit of the UART. Raises HardwareError where they miss the bit rate by more than 2 %."""
    clocks = round(clock_mhz * 1e6 / baud)
    if clocks < 4 or abs(clock_mhz * 1e6 / clocks / baud - 1) > MAX_BAUD_ERROR:
        raise HardwareError(
            f"{baud} baud cannot be made from {clock_mhz} MHz: choose a multiple of {baud / 1e6:g} MHz, "
            "at least 4 times"
        )
    return clocks


def render(dataflow: Dataflow, board: Board, *, clock_mhz: float) -> str:
    """The text of the board top, module `board_top`. Raises HardwareError where the dataflow's streams do not fit
    the link or the clock cannot be made."""
    return _render(dataflow, board, clock_mhz, identity(dataflow, board, clock_mhz=clock_mhz).encode())


def _render(dataflow: Dataflow, board: Board, clock_mhz: float, hello: bytes) -> str:
    _check_streams(dataflow)
    clock = None if clock_mhz == board.oscillator_mhz else pll.solve(board.oscillator_mhz, clock_mhz)
    actual_mhz = clock_mhz if clock is None else float(clock.output_mhz)
    environment = Environment(
        loader=FileSystemLoader(ROOM),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(TEMPLATE).render(
        board=board,
        network=top_module(dataflow),
        hello=hello[::-1].hex(),
        hello_bytes=len(hello),
        slots=SLOTS,
        clocks_per_bit=clocks_per_bit(actual_mhz, board.baud),
        clock_mhz=actual_mhz,
        pll=clock,
        input_bytes=dataflow.input.elements,
        output_words=dataflow.output.elements,
        out_width=dataflow.output.width,
        out_signed=int(dataflow.output.dtype.signed),
        writable=int(Feature.THRESHOLDS in _features(dataflow)),
        pieces=int(Feature.PIECES in _features(dataflow)),
    )


def write(dataflow: Dataflow, board: Board, folder: Path, *, clock_mhz: float) -> list[Path]:
    """Writes every source of the board's circuit into `folder` (made if missing), memory files included.

    Returns the paths: SystemVerilog first, in an order that every tool accepts, the board top last of them.
    """
    # The vendor's primitives that the template uses are declared for the tools.
    fixed = {path.name: path.read_text() for path in (*link.sources(), *(ROOM / name for name in PRIMITIVES))}
    stitched = stitch(dataflow)
    top = {f"{TOP}.sv": render(dataflow, board, clock_mhz=clock_mhz)}
    if clash := sorted((fixed.keys() | top.keys()) & stitched.keys()):
        raise HardwareError(f"two different files would be named {clash[0]}: rename an operator")
    circuit = {name: text for name, text in sorted(stitched.items()) if name.endswith(".sv")}
    files = fixed | circuit | top | dict(sorted(stitched.items()))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def _check_streams(dataflow: Dataflow) -> None:
    source, result = dataflow.input, dataflow.output
    if source.dtype != IntType(8, False) or source.parallel != 1 or source.elements > 0xFFFF:
        raise HardwareError(
            f"{dataflow.name}: the host link sends at most 65535 UINT8 one by one, the input is {_text(source)}; "
            "put a width converter in front"
        )
    limit = 32 if result.dtype.signed else 31
    if result.dtype.bipolar or result.dtype.bits > limit or result.parallel != 1 or result.elements > 0x3FFF:
        raise HardwareError(
            f"{dataflow.name}: the host link takes at most 16383 integers of {limit} bits one by one, the output is "
            f"{_text(result)}; end the network with a width converter or narrower scores"
        )


def _text(stream: Stream) -> str:
    return f"{stream.elements} {stream.dtype.name}, {stream.parallel} per beat"
