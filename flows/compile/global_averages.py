"""Step: sums and averages over all pixels are written as what finn takes for a pool of its hardware."""

from __future__ import annotations

from onnx import helper
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name

from flows.compile.scalar_nodes import constant


class WriteGlobalAverages(Transformation):
    """`AveragePool` over the image: `GlobalAveragePool`. `ReduceSum` of NCHW over both axes of the image: that, times
    the number of pixels, and a `Flatten` where the axes go."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for place, node in enumerate(model.graph.node):
            shape = model.get_tensor_shape(node.input[0])
            if shape is None or len(shape) != 4:
                continue
            if _averages_all(node, shape):
                nodes = [helper.make_node("GlobalAveragePool", [node.input[0]], [node.output[0]])]
            elif _sums_all(model, node):
                nodes = _as_average(model, node, shape)
            else:
                continue
            model.graph.node.remove(node)
            for offset, new in enumerate(nodes):
                model.graph.node.insert(place + offset, new)
            return model, True
        return model, False


def _averages_all(node: NodeProto, shape: list[int]) -> bool:
    kernel, pads = (get_by_name(node.attribute, name) for name in ("kernel_shape", "pads"))
    is_whole = node.op_type == "AveragePool" and list(kernel.ints) == list(shape[2:])
    return is_whole and (pads is None or not any(pads.ints))


def _sums_all(model: ModelWrapper, node: NodeProto) -> bool:
    axes = model.get_initializer(node.input[1]) if node.op_type == "ReduceSum" and len(node.input) > 1 else None
    return axes is not None and sorted(int(axis) % 4 for axis in axes) == [2, 3]


def _as_average(model: ModelWrapper, node: NodeProto, shape: list[int]) -> list[NodeProto]:
    average, count = model.make_new_valueinfo_name(), constant(model, shape[2] * shape[3])
    total = model.make_new_valueinfo_name()
    keepdims = get_by_name(node.attribute, "keepdims")
    kept = keepdims is None or keepdims.i
    for tensor in (average, total):
        model.set_tensor_shape(tensor, [*shape[:2], 1, 1])
    nodes = [
        helper.make_node("GlobalAveragePool", [node.input[0]], [average]),
        helper.make_node("Mul", [average, count], [node.output[0] if kept else total]),
    ]
    return nodes if kept else [*nodes, helper.make_node("Flatten", [total], [node.output[0]])]
