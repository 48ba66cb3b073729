"""The stages of a run, in order; one file each."""

from __future__ import annotations

from flows.run.stage import Stage
from flows.stages import attack, bitstream, circuit, compile, data, export, hil, netlist, report, train, verify

STAGES: tuple[Stage, ...] = (
    data.STAGE,
    train.STAGE,
    attack.STAGE,
    export.STAGE,
    compile.STAGE,
    circuit.STAGE,
    verify.STAGE,
    bitstream.STAGE,
    netlist.STAGE,
    hil.STAGE,
    report.STAGE,
)
