"""Faults, mostly of one, to plant in a circuit, and the operator that the hunt names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flows.simulate import Simulator, build
from flows.verify.divergence import first_in_circuit
from hw.cut import cut
from hw.dataflow import Dataflow
from hw.op import Op


def threshold(op: Op, channel: int, index: int, by: int) -> Op:
    table = op.thresholds.copy()
    table[channel, index] += by
    return replace(op, thresholds=np.sort(table, axis=1))


def weight(op: Op, place: tuple[int, ...], by: int) -> Op:
    weights = op.weights.copy()
    weights[place] += by
    return replace(op, weights=weights)


def padding(op: Op) -> Op:
    """The picture one column further right in a border of the same size."""
    top, left, bottom, right = op.pads
    return replace(op, pads=(top, left + 1, bottom, right - 1))


def border(op: Op) -> Op:
    return replace(op, value=op.value + 1)


def depth(op: Op) -> Op:
    """The shallowest fifo that there is."""
    return replace(op, depth=2)


def planted(dataflow: Dataflow, name: str, fault: Callable[[Op], Op]) -> Dataflow:
    """The dataflow of the faulty circuit."""
    ops = tuple(fault(op) if op.name == name else op for op in dataflow.ops)
    return Dataflow(dataflow.name, ops, dataflow.sources)


def caught(dataflow: Dataflow, faulty: Dataflow, codes: np.ndarray, folder: Path) -> str | None:
    """Runs the faulty circuit against the golden integers of the right one: the operator that is named first."""

    def simulate(prefix: Dataflow, place: Path) -> Callable[[np.ndarray], np.ndarray]:
        part = cut(faulty, prefix.ops[-1].name.removesuffix("_side_by_side"))  # of an operator with several streams
        library = build(part, place)

        def run(some: np.ndarray) -> np.ndarray:
            with Simulator(part, library) as simulator:
                return simulator.run(some, stall_in=0.3, stall_out=0.3, seed=1).outputs

        return run

    found = first_in_circuit(dataflow, codes, folder, simulate)
    return None if found is None else str(found["operator"])
