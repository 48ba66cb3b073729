"""Step: the scales and offsets of two branches move behind the sum where they meet, so that integers are added."""

from __future__ import annotations

from onnx import helper
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from flows.compile.scalar_nodes import constant, scalar_node


class MoveAffinePastJoin(Transformation):
    """`(a * x + c) + (b * y + d) == a * (x + (b / a) * y) + (c + d)` for positive scalars, b a whole multiple of a.

    Finn moves only what both branches have alike. Where the multiple is above 1, a whole factor stays in the branch.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for join in model.graph.node:
            if join.op_type != "Add" or any(model.get_initializer(tensor) is not None for tensor in join.input):
                continue
            if _move_offset(model, join) or _move_scales(model, join):
                return model, True
        return model, False


def _move_offset(model: ModelWrapper, join: NodeProto) -> bool:
    for place, tensor in enumerate(join.input):
        if found := scalar_node(model, tensor, "Add"):
            offset, value = found
            join.input[place] = offset.input[0]
            model.graph.node.remove(offset)
            _append(model, join, "Add", value)
            return True
    return False


def _move_scales(model: ModelWrapper, join: NodeProto) -> bool:
    scales = [scalar_node(model, tensor, "Mul") or (None, 1.0) for tensor in join.input]
    least = min(value for _, value in scales)
    if least <= 0 or least == 1 or any(value % least for _, value in scales):
        return False
    for place, (scale, value) in enumerate(scales):
        if scale is not None:
            join.input[place] = scale.input[0]
            model.graph.node.remove(scale)
        if value != least:
            join.input[place] = _multiple(model, join, place, int(value / least))
    model.set_tensor_datatype(_append(model, join, "Mul", least), DataType["INT32"])
    return True


def _multiple(model: ModelWrapper, join: NodeProto, place: int, factor: int) -> str:
    """That many times an input of `join`: a tensor of integers."""
    source, result, multiple = join.input[place], model.make_new_valueinfo_name(), constant(model, factor)
    model.set_tensor_shape(result, model.get_tensor_shape(source))
    model.set_tensor_datatype(result, DataType["INT32"])
    model.set_tensor_datatype(multiple, DataType.get_smallest_possible(factor))
    node = helper.make_node("Mul", [source, multiple], [result])
    model.graph.node.insert(list(model.graph.node).index(join), node)
    return result


def _append(model: ModelWrapper, join: NodeProto, kind: str, value: float) -> str:
    """Does this to what `join` gives; the tensor in between."""
    between, result = model.make_new_valueinfo_name(), join.output[0]
    join.output[0] = between
    model.set_tensor_shape(between, model.get_tensor_shape(result))
    node = helper.make_node(kind, [between, constant(model, value)], [result])
    model.graph.node.insert(list(model.graph.node).index(join) + 1, node)
    return between
