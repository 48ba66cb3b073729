"""Why a circuit stands still: what each stream and operator was waiting for when the last beat had moved."""

from __future__ import annotations

import numpy as np

from hw.dataflow import Dataflow
from hw.op import Op, inputs_of, needs_of, outputs_of, stream_names
from hw.wiring import INPUT


def explain(dataflow: Dataflow, states: np.ndarray, frames: int) -> str:
    """The likeliest reason in one line.

    `states`: int64 (streams, 3), for each of `dataflow.streams` the beats it has moved since reset, its valid and its
    ready. Only the handshakes are seen, so where an operator lost a beat it is the first that is owed one.
    """
    moved, valid, ready = (dict(zip(dataflow.streams, column.tolist(), strict=True)) for column in states.T)
    offered = {name for name in moved if valid[name] and not ready[name]}
    last = stream_names(dataflow.ops[-1])[0]
    if last in offered:
        return "the circuit offers an output beat that nobody takes"
    if not valid[INPUT] and moved[INPUT] < frames * dataflow.input.beats:
        return "the circuit is offered no input beat"
    waits = []
    for op in dataflow.ops:
        if offered.isdisjoint(stream_names(op)) and (given := moved[stream_names(op)[0]]) < _total(op, frames):
            lacking = [
                name for name, need in _needed(dataflow, op, given) if moved[name] < need and name not in offered
            ]
            full = sorted(offered.intersection(dataflow.sources[op.name]))
            if not lacking:
                return f"{op.name} has all it needs for its output beat {given} and does not give it"
            if full:
                waits.append(f"{op.name} waits for {', '.join(lacking)} while {', '.join(full)} is full")
    return f"{'; '.join(waits)}: a fifo in front of it is too shallow" if waits else "an operator is deadlocked"


def _total(op: Op, frames: int) -> int:
    return frames * outputs_of(op)[0].beats


def _needed(dataflow: Dataflow, op: Op, given: int) -> list[tuple[str, int]]:
    """(stream, beats that must have come in it) for each stream that the operator takes, for its next output beat."""
    frame, beat = divmod(given, outputs_of(op)[0].beats)
    ports = zip(dataflow.sources[op.name], needs_of(op), inputs_of(op), strict=True)
    return [(name, frame * stream.beats + int(need[beat])) for name, need, stream in ports]
