"""Where two computations of the same images part: image, operator, channel, pixel, both values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from hw.cut import cut
from hw.dataflow import Dataflow
from hw.op import Op, stream_names

#: Operators whose output holds every value of their input: where it is right, so is the input.
CARRIERS = ("fifo", "width_converter", "pad")


def differing_images(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """bool (N,): images of which any integer differs. Both int64 (N, ...) of one shape."""
    if expected.shape != got.shape:
        raise ValueError(f"expected values of shape {expected.shape}, got {got.shape}")
    return (expected != got).reshape(len(expected), -1).any(axis=1)


def locate(operator: str, expected: np.ndarray, got: np.ndarray) -> dict[str, object] | None:
    """The first differing element of int64 (N, ..., C) arrays as a record, None where all are equal."""
    places = np.argwhere(expected != got)
    if not len(places):
        return None
    image, *pixel, channel = (int(i) for i in places[0])
    where = tuple(places[0])
    return {
        "image": image,
        "operator": operator,
        "channel": channel,
        "pixel": pixel,
        "expected": int(expected[where]),
        "got": int(got[where]),
        "against": "golden",
    }


def first_in_circuit(
    dataflow: Dataflow, codes: np.ndarray, folder: Path, simulate: Callable[[Dataflow, Path], Callable]
) -> dict[str, object] | None:
    """The first operator, in the dataflow's order, whose RTL differs from its golden model on `codes` (N,
    *input.shape); None where all agree. However many faults there are, it is the earliest.

    Walks the operators in order and simulates for each the circuit that computes its output alone (`hw.cut`); halving
    would need fewer circuits, but passes by a fault that a later threshold or maximum hides. An operator that hands
    all values on unchanged vouches for those before it that only it follows, which saves about half of the circuits.
    `simulate(dataflow, folder)` returns a function codes -> outputs.
    """
    expected = dict(dataflow.values(codes))

    @cache
    def check(op: Op) -> dict[str, object] | None:
        got = simulate(cut(dataflow, op.name), folder / f"cut_{op.name}")(codes)
        streams = [expected[name] for name in stream_names(op)]
        copies = np.split(got, len(streams), axis=-1)
        records = (locate(op.name, a.reshape(b.shape), b) for a, b in zip(streams, copies, strict=True))
        return next((record for record in records if record), None)

    agreed: set[str] = set()
    for op in dataflow.ops:
        if op.name in agreed:
            continue
        followers = _carriers(dataflow, op.name)
        if followers and check(followers[-1]) is None:
            agreed |= {op.name, *(follower.name for follower in followers)}
        elif found := check(op):
            return found
    return None


def _carriers(dataflow: Dataflow, name: str) -> list[Op]:
    """The operators right behind `name`, one after the other, that lose no value of its output."""
    consumer = {stream: op for op in dataflow.ops for stream in dataflow.sources[op.name]}
    found = []
    while name in consumer and consumer[name].kind in CARRIERS:
        found.append(consumer[name])
        name = found[-1].name
    return found
