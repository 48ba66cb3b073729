"""How deep the fifos must be where branches meet again, so that nothing deadlocks and no cycle is lost.

A fork hands out the same beats to all of its branches. Where they meet, the operator (`add`, `concat`) waits for the
slowest one, and meanwhile the fifos in front of it hold what the others have given; if one of them fills up, the fork
stops, and the slowest branch with it. So we ask how much they hold in one schedule that keeps the pace: frames come
evenly, one every `cycles_per_frame_bound` cycles, no buffer ever fills up, every operator works as soon as it can. A
circuit with buffers as deep as the fullest moments of a schedule is never slower than that schedule (Lee and Parks,
"Dataflow process networks", 1995: more tokens never delay a firing), and as each beat out is scheduled after all the
beats in that it needs, it does not deadlock either, whatever stalls around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.op import Op, inputs_of, needs_of, outputs_of, stream_names
from hw.wiring import INPUT

#: Cycles from an operator's last needed beat to the output beat: no pipeline of ours is longer.
LATENCY = 16
#: A beat on its way into the output register, and one that leaves in the cycle in which another enters.
MARGIN = 2
FRAMES = 4
MAX_FRAMES = 64


def branch_depths(dataflow: Dataflow) -> dict[str, int]:
    """Name of every fifo right in front of an operator of several streams -> beats that it must hold, at least 2.

    The fifos' present depths do not matter. Raises HardwareError where such an operator takes a stream that does not
    come out of a fifo.
    """
    ops = {op.name: op for op in dataflow.ops}
    for op in dataflow.ops:
        for name in dataflow.sources[op.name] if len(inputs_of(op)) > 1 else ():
            if name not in ops or ops[name].kind != "fifo":
                raise HardwareError(f"{op.name} takes {name} with no fifo between: put one there, of any depth")
    latency = {op.name: op.latency for op in dataflow.ops if op.kind == "fifo"}
    latency |= {op.name: 0 for op in dataflow.ops if op.kind == "fork"}
    for op in dataflow.ops:
        latency |= {name: 1 for name in dataflow.sources[op.name] if len(inputs_of(op)) > 1}
    while True:
        depths = _settled(dataflow, latency)
        # One that became deep enough for block RAM is slower, and all is asked again; a fifo that is then faster than
        # assumed does no harm.
        found = {name: max(latency[name], replace(ops[name], depth=depth).latency) for name, depth in depths.items()}
        if found.items() <= latency.items():
            return depths
        latency |= found


def with_branch_depths(dataflow: Dataflow) -> Dataflow:
    """The dataflow with those fifos as deep as `branch_depths` says."""
    depths = branch_depths(dataflow)
    ops = (replace(op, depth=depths[op.name]) if op.name in depths else op for op in dataflow.ops)
    return replace(dataflow, ops=tuple(ops))


def _settled(dataflow: Dataflow, latency: Mapping[str, int]) -> dict[str, int]:
    """`_fullest` of so many frames that the last one went like the one before."""
    frames = FRAMES
    while True:
        depths, settled = _fullest(dataflow, frames, latency)
        if settled or frames >= MAX_FRAMES:
            return depths
        frames *= 2


def _fullest(dataflow: Dataflow, frames: int, latency: Mapping[str, int]) -> tuple[dict[str, int], bool]:
    """Most beats in each of the fifos within `frames` frames, and whether the last two frames went alike.

    `latency`: of operators that have another one than `LATENCY`, by name, and of all fifos."""
    pace, beats = dataflow.cycles_per_frame_bound, dataflow.input.beats
    given = {INPUT: np.arange(frames * beats) * pace // beats}  # cycle in which each beat is there
    depths, settled = {}, True
    for op in dataflow.ops:
        needs, arrivals = _over_frames(op, frames), [given.pop(name) for name in dataflow.sources[op.name]]
        starts = _starts(op, needs, arrivals, frames)
        if len(arrivals) > 1:
            for name, need, arrival in zip(dataflow.sources[op.name], needs, arrivals, strict=True):
                leaves = starts[np.searchsorted(need, np.arange(len(arrival)), side="right")]
                enters = arrival - latency[name]
                depths[name] = int(_occupancy(enters, leaves).max()) + MARGIN
        last, before = (starts[-outputs_of(op)[0].beats * k :][0] for k in (1, 2))
        settled &= bool(last - before == pace)
        ends = starts + latency.get(op.name, LATENCY)
        given |= {name: ends for name in stream_names(op)}
    return depths, settled


def _over_frames(op: Op, frames: int) -> list[np.ndarray]:
    """`needs_of`, counted from the first frame on."""
    pairs = zip(needs_of(op), inputs_of(op), strict=True)
    return [(need + stream.beats * np.arange(frames)[:, None]).reshape(-1) for need, stream in pairs]


def _starts(op: Op, needs: list[np.ndarray], arrivals: list[np.ndarray], frames: int) -> np.ndarray:
    """Cycle in which the operator turns to each output beat: all it needs is there, and it keeps its own pace."""
    pairs = zip(needs, arrivals, strict=True)
    ready = np.max([np.where(need > 0, arrival[need - 1], 0) for need, arrival in pairs], axis=0)
    beats = outputs_of(op)[0].beats
    pace = np.arange(frames * beats) * op.cycles_per_frame // beats
    return np.maximum.accumulate(ready - pace) + pace


def _occupancy(enters: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Beats held whenever one has entered."""
    return np.arange(1, len(enters) + 1) - np.searchsorted(leaves, enters, side="left")
