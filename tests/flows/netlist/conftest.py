"""A small network with a fork, an adder, block RAM and distributed memory, synthesized once, and placed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.netlist.design import Design
from flows.netlist.routed import TOP
from flows.synthesize import nextpnr, yosys
from hw.boards import top
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from hw.top.stitch import top_module

UINT8, INT4, INT8 = IntType(8, False), IntType(4, True), IntType(8, True)
OPS = ("deep0", "fork0", "wait0", "sum0", "act0", "fc0", "act1", "fc1", "label")


def threshold(rng: np.random.Generator, name: str, before: Add | MatVec, pe: int) -> Threshold:
    given = before.output
    steps = np.sort(rng.integers(given.dtype.min // 4, given.dtype.max // 4, (given.shape[-1], 3)), axis=1)
    return Threshold(name, given.shape, given.dtype, steps, IntType(2, False), pe)


def network() -> Dataflow:
    rng = np.random.default_rng(2)
    total = Add("sum0", (64,), UINT8, UINT8, 1, 3, -2, 5)
    act0 = threshold(rng, "act0", total, 1)
    fc0 = MatVec("fc0", (), rng.integers(-8, 8, (32, 64)), INT4, act0.output.dtype, pe=2, simd=1)
    act1 = threshold(rng, "act1", fc0, 2)
    fc1 = MatVec("fc1", (), rng.integers(-8, 8, (5, 32)), INT4, act1.output.dtype, pe=1, simd=2)
    ops = (
        *(Fifo("deep0", (64,), UINT8, 1, 260), Fork("fork0", (64,), UINT8, 1, 2), Fifo("wait0", (64,), UINT8, 1, 4)),
        *(total, act0, fc0, act1, fc1),
        Argmax("label", 5, fc1.output.dtype, True),
    )
    sources = {name: (before,) for before, name in zip(("input", *OPS), OPS, strict=False)}
    return Dataflow("gates", ops, sources | {"wait0": ("fork0.1",), "sum0": ("fork0.0", "wait0")})


def synthesize(dataflow: Dataflow, folder: Path) -> Path:
    """Yosys' netlist of the board with this network."""
    paths = top.write(dataflow, load("ulx3s_85f"), folder, clock_mhz=25.0)
    sources = [path.name for path in paths if path.suffix == ".sv"]
    yosys.synthesize(folder, yosys.script(sources, top.TOP, top_module(dataflow), "netlist.json"), lambda text: None)
    return folder / "netlist.json"


@pytest.fixture(scope="session")
def netlist(tmp_path_factory) -> tuple[Dataflow, Path]:
    dataflow = network()
    return dataflow, synthesize(dataflow, tmp_path_factory.mktemp("mapped"))


@pytest.fixture(scope="session")
def mapped(netlist) -> tuple[Dataflow, Design]:
    dataflow, path = netlist
    return dataflow, Design.read(path, top.TOP)


@pytest.fixture(scope="session")
def routed(netlist, mapped) -> tuple[Dataflow, Design, Design]:
    """The network, its mapped netlist, and what nextpnr made of that."""
    path, board = netlist[1], load("ulx3s_85f")
    (path.parent / "pins.lpf").write_text(board.constraints_path.read_text())
    options = {"clock_mhz": 25.0, "seed": 1, "progress": lambda text: None}
    files = {"write": "routed.json"}
    nextpnr.place_and_route(path.parent, board.nextpnr, path.name, "pins.lpf", files, **options)
    return *mapped, Design.read(path.parent / "routed.json", TOP)
