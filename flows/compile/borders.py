"""Steps: a border filled with what code 0 stands for becomes one of zeros, then a part of the convolution behind it."""

from __future__ import annotations

import numpy as np
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name

from flows.compile.scalar_nodes import constant, scalar_node, swap


class MoveAffinePastPad(Transformation):
    """`pad(a * x + b, v) == a * pad(x, (v - b) / a) + b` for scalars, where float32 has the new value exactly."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for pad in model.graph.node:
            fill = _fill(model, pad)
            found = None if fill is None else scalar_node(model, pad.input[0], "Mul", "Add")
            if not found:
                continue
            before, value = found[0], np.float32(found[1])
            scales = before.op_type == "Mul"
            if scales and not value:
                continue
            inner = np.float32(fill / value if scales else fill - value)
            if (inner * value if scales else inner + value) != np.float32(fill):
                continue
            filled = constant(model, inner)
            pad.input[:] = [pad.input[0], pad.input[1], filled]
            swap(model, before, pad)
            return model, True
        return model, False


class FoldBordersIntoConvolutions(Transformation):
    """A `Pad` of zeros around the image, and convolutions without a border behind it: convolutions with one."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for pad in model.graph.node:
            if _fill(model, pad) != 0:
                continue
            pads = model.get_initializer(pad.input[1])
            behind = model.find_consumers(pad.output[0])
            if pads is None or len(pads) != 8 or np.any(pads < 0) or np.any(pads[[0, 1, 4, 5]]):
                continue
            if not behind or not all(_has_no_border(node) for node in behind):
                continue
            for convolution in behind:
                convolution.input[0] = pad.input[0]
                get_by_name(convolution.attribute, "pads").ints[:] = [int(width) for width in pads[[2, 3, 6, 7]]]
            model.graph.node.remove(pad)
            return model, True
        return model, False


def _fill(model: ModelWrapper, node: NodeProto) -> float | None:
    """What a `Pad` fills its border with; None for another node, and where that is not one constant."""
    mode = get_by_name(node.attribute, "mode")
    if node.op_type != "Pad" or (mode is not None and mode.s != b"constant") or len(node.input) > 3:
        return None
    if len(node.input) < 3 or not node.input[2]:
        return 0.0
    value = model.get_initializer(node.input[2])
    return None if value is None else float(value.item())


def _has_no_border(node: NodeProto) -> bool:
    pads = get_by_name(node.attribute, "pads")
    return node.op_type == "Conv" and pads is not None and not any(pads.ints)
