"""Where the wires of a stream are pins of an operator's instance: names that outlive synthesis."""

from __future__ import annotations

from dataclasses import dataclass

from hw.dataflow import Dataflow
from hw.op import inputs_of, outputs_of, stream_names
from hw.top.stitch import instance_name
from hw.wiring import INPUT


@dataclass(frozen=True, slots=True)
class Pin:
    """`bits` bits from `low` of the port `port` of the instance `instance` in the stream top."""

    instance: str
    port: str
    low: int
    bits: int


def stream_pins(dataflow: Dataflow) -> dict[str, dict[str, Pin]]:
    """Stream -> its `data`, `valid` and `ready`, at the operator that gives it (that takes it, for the input)."""
    first = dataflow.ops[0]
    taken = dict(zip(dataflow.sources[first.name], _side(first, "in", inputs_of(first)), strict=True))
    given = {}
    for op in dataflow.ops:
        given |= zip(stream_names(op), _side(op, "out", outputs_of(op)), strict=True)
    return {INPUT: taken[INPUT], **given}


def _side(op, side: str, streams: tuple) -> list[dict[str, Pin]]:
    together = op.module().side_by_side or len(streams) == 1
    found, low = [], 0
    for index, stream in enumerate(streams):
        prefix = side if together else f"{side}{index}"
        places = {"data": (low, stream.width), "valid": (index, 1), "ready": (index, 1)}
        if not together:
            places = {wire: (0, bits) for wire, (_, bits) in places.items()}
        name = instance_name(op)
        found.append({wire: Pin(name, f"{prefix}_{wire}", *place) for wire, place in places.items()})
        low += stream.width
    return found
