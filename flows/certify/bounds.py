"""Interval bounds through a `hw.Dataflow`, in exact integers (Gowal et al. 2018, arXiv 1810.12715, on the circuit's own
numbers): if every input code lies in its interval, every value of every stream lies in the interval given here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.op import Op, golden_of, inputs_of, stream_names
from hw.wiring import INPUT

#: Rising (or falling) in every element they take, so that the ends of intervals give the ends of intervals.
MONOTONE = ("pad", "window", "threshold", "maxpool", "accpool", "width_converter", "fifo", "fork", "concat")
LINEAR = ("matvec", "depthwise")
SUMS = ("add", "vote")
EXACT = 1 << 53  # integers that float64 holds


@dataclass(frozen=True, slots=True)
class Box:
    """Least and greatest value of each element: int64 (N, ...), low <= high."""

    low: np.ndarray
    high: np.ndarray

    def reshape(self, shape: tuple[int, ...]) -> Box:
        return Box(self.low.reshape(len(self.low), *shape), self.high.reshape(len(self.high), *shape))


def product(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """values (..., K) @ matrix (K, M) of int64, by the floating-point kernels where float64 cannot round."""
    largest = int(np.abs(values).max(initial=0)) * int(np.abs(matrix).sum(axis=0).max(initial=0))
    if largest >= EXACT:
        return values @ matrix
    return (values.astype(np.float64) @ matrix.astype(np.float64)).astype(np.int64)


def _linear(op: Op, box: Box) -> Box:
    up, down = np.maximum(op.weights, 0), np.minimum(op.weights, 0)
    if op.kind == "matvec":
        low = product(box.low, up.T) + product(box.high, down.T)
        high = product(box.high, up.T) + product(box.low, down.T)
        return Box((low << op.shift) + op.bias, (high << op.shift) + op.bias)
    wide, none = IntType.holding(-int(np.abs(op.weights).max()), int(np.abs(op.weights).max())), np.zeros_like(op.bias)
    rising, falling = (replace(op, weights=weights, weight_type=wide, bias=none) for weights in (up, down))
    low = rising.golden(box.low) + falling.golden(box.high) + op.bias
    return Box(low, rising.golden(box.high) + falling.golden(box.low) + op.bias)


def _sum(op: Op, boxes: list[Box]) -> Box:
    gains = (op.gain_a, op.gain_b) if op.kind == "add" else op.gains
    pairs = list(zip(gains, boxes, strict=True))
    low = op.golden(*(box.low if gain >= 0 else box.high for gain, box in pairs))
    return Box(low, op.golden(*(box.high if gain >= 0 else box.low for gain, box in pairs)))


def transfer(op: Op, boxes: list[Box]) -> list[Box]:
    """Boxes of what an operator gives, one per stream. Raises FlowError for one whose result is not decided."""
    if op.kind in LINEAR:
        return [_linear(op, boxes[0])]
    if op.kind in SUMS:
        return [_sum(op, boxes)]
    if op.kind not in MONOTONE:
        raise FlowError(f"certify: no input decides what {op.name}, a {op.kind}, gives; certify a network without it")
    first = golden_of(op, *(box.low for box in boxes))
    second = golden_of(op, *(box.high for box in boxes))
    return [Box(np.minimum(a, b), np.maximum(a, b)) for a, b in zip(first, second, strict=True)]


def propagate(dataflow: Dataflow, box: Box, until: str) -> dict[str, Box]:
    """Boxes of every stream from `input` on, up to the one that operator `until` takes (that one's own is left out)."""
    boxes = {INPUT: box}
    for op in dataflow.ops:
        if op.name == until:
            return boxes
        taken = [boxes[name].reshape(s.shape) for name, s in zip(dataflow.sources[op.name], inputs_of(op), strict=True)]
        boxes |= dict(zip(stream_names(op), transfer(op, taken), strict=True))
    raise FlowError(
        f"certify: expected an operator {until}, the dataflow has {', '.join(o.name for o in dataflow.ops)}"
    )
