"""The one error for what cannot become hardware, and the checks of a node's own numbers that raise it."""

from __future__ import annotations

import numpy as np
import onnx

from flows.errors import FlowError

MAX_BITS = 8


class Unsupported(FlowError):
    """A node that cannot become hardware: `node` (its name), `kind`, `reason`, `remedy`."""

    def __init__(self, node: onnx.NodeProto, reason: str, remedy: str) -> None:
        self.node, self.kind, self.reason, self.remedy = node.name or node.output[0], node.op_type, reason, remedy
        super().__init__(f"layer {self.node!r} ({self.kind}) is not supported: {reason}; {remedy}")


def refuse(node: onnx.NodeProto, reason: str, remedy: str) -> Unsupported:
    """The error for a node that cannot become hardware."""
    return Unsupported(node, reason, remedy)


def finite(node: onnx.NodeProto, values: np.ndarray, what: str) -> np.ndarray:
    """`values`, if none is NaN or infinite."""
    if not np.all(np.isfinite(values)):
        raise refuse(node, f"its {what}: expected finite numbers", "train again: a scale or a batch norm has diverged")
    return values


def whole_bits(node: onnx.NodeProto, values: np.ndarray, most: int = MAX_BITS) -> int:
    """A bit width, 1 to `most`."""
    bits = float(values.reshape(-1)[0]) if values.size and np.all(values == values.reshape(-1)[0]) else 0.0
    if not (1 <= bits <= most and bits == int(bits)):
        raise refuse(node, f"{bits:g} bits", f"use a whole number from 1 to at most {most} bits")
    return int(bits)


def positive(node: onnx.NodeProto, scale: np.ndarray) -> None:
    if np.any(scale <= 0):
        raise refuse(node, f"scale {float(scale.min())}", "scales must be positive")


def no_zero(node: onnx.NodeProto, scale: np.ndarray) -> None:
    if np.any(scale == 0):
        raise refuse(node, "scale 0", "scales must not be zero: train again, it has collapsed")
