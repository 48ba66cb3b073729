"""Steps: a border filled with what code 0 stands for becomes one of zeros, then a part of the convolution behind it."""

from __future__ import annotations

import numpy as np
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name

from flows.compile.swap import swap


class MoveAffinePastPad(Transformation):
    """`pad(a * x + b, v) == a * pad(x, (v - b) / a) + b` for scalars, where float32 has the new value exactly."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for pad in model.graph.node:
            before = model.find_producer(pad.input[0]) if _fill(model, pad) is not None else None
            if before is None or before.op_type not in ("Mul", "Add") or len(model.find_consumers(pad.input[0])) != 1:
                continue
            constant, fill = model.get_initializer(before.input[1]), np.float32(_fill(model, pad))
            if constant is None or constant.size != 1 or (before.op_type == "Mul" and not constant.item()):
                continue
            value = np.float32(constant.item())
            inner = np.float32(fill / value) if before.op_type == "Mul" else np.float32(fill - value)
            if (inner * value if before.op_type == "Mul" else inner + value) != fill:
                continue
            filled = model.make_new_valueinfo_name()
            model.set_initializer(filled, np.array(inner))
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
